//! Which topic a message goes to.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_listen::topics::{self, Allowed};

use crate::message::Message;
use crate::template::Template;

/// Names of topics that are kept to be used again; a sender that makes up more costs time, not memory.
const KNOWN_MAX: usize = 1_000;
/// The longest name of a topic.
const NAME_MAX: usize = 249;

/// What the keys say of topics.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) template: Template,
    /// None where senders choose of a few.
    pub(crate) allowed: Option<Allowed>,
    /// Where messages go whose topic is not allowed or not known.
    pub(crate) otherwise: Arc<str>,
}

/// Finds the topics of one reader's messages.
#[derive(Debug)]
pub(crate) struct Router {
    topics: Arc<Topics>,
    /// The only topic, if there is only one.
    fixed: Option<Arc<str>>,
    known: HashMap<String, Arc<str>>,
    scratch: Vec<u8>,
}

impl Router {
    pub(crate) fn new(topics: Arc<Topics>) -> Self {
        Self {
            fixed: topics.template.literal().map(Arc::from),
            topics,
            known: HashMap::new(),
            scratch: Vec::new(),
        }
    }

    /// The topic of a message from `peer`.
    pub(crate) fn topic(&mut self, message: &Message<'_>, peer: &str) -> Arc<str> {
        if let Some(fixed) = &self.fixed {
            return Arc::clone(fixed);
        }
        self.scratch.clear();
        let topics = &self.topics;
        if !topics.template.fill(message, peer, &mut self.scratch) {
            return Arc::clone(&topics.otherwise);
        }
        let filled = std::str::from_utf8(&self.scratch).unwrap_or_default();
        if let Some(known) = self.known.get(filled) {
            return Arc::clone(known);
        }
        let name = legal(filled);
        let is_allowed = match &topics.allowed {
            Some(allowed) => allowed.contains(&name),
            None => topics::is_legal(&name),
        };
        let topic = match is_allowed {
            true => name.into(),
            false => Arc::clone(&topics.otherwise),
        };
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(filled.to_owned(), Arc::clone(&topic));
        topic
    }
}

/// The name with what a topic's name may not contain replaced.
fn legal(name: &str) -> String {
    let is_legal =
        |character: &char| character.is_ascii_alphanumeric() || "._-".contains(*character);
    name.chars()
        .map(|character| if is_legal(&character) { character } else { '_' })
        .take(NAME_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_are_allowed_and_others() {
        let topics = Topics {
            template: Template::read("logs-${app}").unwrap(),
            allowed: Some(Allowed::new(
                &["logs-a*".to_owned(), "logs-su_do".to_owned()],
                None,
            )),
            otherwise: "rest".into(),
        };
        let mut router = Router::new(Arc::new(topics));
        for (app, expected) in [
            ("app", "logs-app"),
            ("su/do", "logs-su_do"),
            ("app", "logs-app"),
            ("cron", "rest"),
            ("-", "rest"),
        ] {
            let line = format!("<13>1 - h {app} - - - x");
            let message = Message::read(line.as_bytes());
            assert_eq!(&*router.topic(&message, "p"), expected, "{app}");
        }
        for number in 0..2 * KNOWN_MAX {
            let line = format!("<13>1 - h a{number} - - - x");
            router.topic(&Message::read(line.as_bytes()), "p");
        }
        assert!(router.known.len() <= KNOWN_MAX);
    }
}
