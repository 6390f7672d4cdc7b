//! RegexRouter: another topic by a regular expression.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Properties, Records, Transform};

use super::support::{JavaRegex, Replacement, valid_regex};
use crate::converters::parse;

/// What RegexRouter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct RegexRouterConfig {
    /// The regular expression, in Java's syntax, that a whole topic has to match.
    #[config(name = "regex", importance = high, validator = valid_regex)]
    pub(crate) regex: String,
    /// What the first match in the topic becomes; $1 or ${name} stand for groups.
    #[config(name = "replacement", importance = high)]
    pub(crate) replacement: String,
}

/// Renames topics.
#[derive(Debug, Default)]
pub(crate) struct RegexRouter {
    rule: Option<(JavaRegex, Replacement)>,
}

impl Transform for RegexRouter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: RegexRouterConfig = parse(settings)?;
        let regex = JavaRegex::new(&config.regex).map_err(ConnectError::config)?;
        let replacement = Replacement::parse(&config.replacement, &regex).map_err(|why| {
            let text = &config.replacement;
            ConnectError::config(format!("the replacement \"{text}\" cannot be used: {why}"))
        })?;
        self.rule = Some((regex, replacement));
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let Some((regex, replacement)) = &self.rule else {
            return;
        };
        records.reroute_topics(|topic| {
            let matches = regex.matches(topic);
            let renamed = matches.then(|| replacement.replace_first(regex, topic));
            renamed.flatten().map(Into::into)
        });
    }
}
