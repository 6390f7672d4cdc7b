//! Which topics are meant: all, those whose names match, or the one of an id.

use std::sync::Arc;

use anyhow::bail;
use millrace_client::cluster::Topic;
use regex::Regex;

use crate::tools::run::Usage;

/// The topics that were chosen, by name.
pub(super) type Selected = Vec<Arc<Topic>>;

/// Whether a topic of this name is meant.
type Filter = Box<dyn Fn(&str) -> bool>;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) topic: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) exclude_internal: bool,
    /// Whether it is no error if nothing is found.
    pub(super) may_be_missing: bool,
}

impl Wanted<'_> {
    pub(super) fn choose(&self, topics: Vec<Arc<Topic>>) -> anyhow::Result<Selected> {
        let matches = self.matches(&topics)?;
        let found: Selected = topics
            .into_iter()
            .filter(|topic| !(self.exclude_internal && topic.is_internal))
            .filter(|topic| self.id.is_none_or(|id| topic.id.to_string() == id))
            .filter(|topic| matches(&topic.name))
            .collect();
        match (self.topic, self.id) {
            (Some(topic), _) if found.is_empty() && !self.may_be_missing => {
                bail!("topic {topic} does not exist")
            }
            (_, Some(id)) if found.is_empty() && !self.may_be_missing => {
                bail!("a topic of id {id} does not exist")
            }
            _ => Ok(found),
        }
    }

    /// A name that is there is meant itself: the dots in it are no patterns then.
    fn matches(&self, topics: &[Arc<Topic>]) -> Result<Filter, Usage> {
        let Some(wanted) = self.topic else {
            return Ok(Box::new(|_| true));
        };
        if topics.iter().any(|topic| &*topic.name == wanted) {
            let wanted = wanted.to_owned();
            return Ok(Box::new(move |name| name == wanted));
        }
        let pattern = pattern(wanted)?;
        Ok(Box::new(move |name| pattern.is_match(name)))
    }
}

/// A regular expression for whole names. Commas stand between alternatives, as in Kafka's tools.
pub(crate) fn pattern(text: &str) -> Result<Regex, Usage> {
    let alternatives = text
        .trim()
        .trim_matches(['"', '\''])
        .replace(',', "|")
        .replace(' ', "");
    Regex::new(&format!("^(?:{alternatives})$"))
        .map_err(|error| Usage::new(format!("{text} is no regular expression: {error}")))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn commas_stand_between_alternatives() {
        let matched = pattern("orders, shop.*").unwrap();
        for (name, expected) in [("orders", true), ("shops", true), ("orders2", false)] {
            assert_eq!(matched.is_match(name), expected, "{name}");
        }
        assert!(pattern("(").is_err());
    }
}
