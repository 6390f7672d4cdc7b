//! Topics and keys made from what a message says: `logs-${facility}`, `${host}`.

use millrace_api::append_utf8_lossy;
use millrace_api::config::{Value, check};
use millrace_listen::topics;

use crate::message::Message;

/// A text with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place(Place),
}

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The message's host; the sender's address where it names none.
    Host,
    App,
    Procid,
    Msgid,
    Facility,
    Severity,
    /// The sender's address.
    Peer,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and what there is instead.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind
                .split_once('}')
                .ok_or_else(|| format!("'${{{behind}' has no closing brace"))?;
            parts.push(Part::Literal(before.to_owned()));
            parts.push(Part::Place(place(name)?));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| *part != Part::Literal(String::new()));
        Ok(Self(parts))
    }

    /// The text, if there is no place in it.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// What every text begins with.
    pub(crate) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether senders choose what a place stands for; facility and severity are of a few.
    pub(crate) fn is_open(&self) -> bool {
        self.0.iter().any(|part| match part {
            Part::Place(place) => !matches!(place, Place::Facility | Place::Severity),
            Part::Literal(_) => false,
        })
    }

    /// Appends the text for a message, valid UTF-8; false if something is missing.
    pub(crate) fn fill(&self, message: &Message<'_>, peer: &str, text: &mut Vec<u8>) -> bool {
        for part in &self.0 {
            let place = match part {
                Part::Literal(literal) => {
                    text.extend_from_slice(literal.as_bytes());
                    continue;
                }
                Part::Place(place) => place,
            };
            let found = match place {
                Place::Host => message.host.or(Some(peer.as_bytes())),
                Place::App => message.app,
                Place::Procid => message.procid,
                Place::Msgid => message.msgid,
                Place::Facility => Some(message.priority.facility().as_bytes()),
                Place::Severity => Some(message.priority.severity().as_bytes()),
                Place::Peer => Some(peer.as_bytes()),
            };
            let Some(found) = found else {
                return false;
            };
            append_utf8_lossy(found, text);
        }
        true
    }
}

fn place(name: &str) -> Result<Place, String> {
    Ok(match name {
        "host" => Place::Host,
        "app" => Place::App,
        "procid" => Place::Procid,
        "msgid" => Place::Msgid,
        "facility" => Place::Facility,
        "severity" => Place::Severity,
        "peer" => Place::Peer,
        _ => {
            return Err(format!(
                "there is no '${{{name}}}'; choose of ${{host}}, ${{app}}, ${{procid}}, ${{msgid}}, ${{facility}}, ${{severity}}, ${{peer}}"
            ));
        }
    })
}

/// The validator of a topic's template.
pub(crate) fn check_topic(_key: &str, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let template = Template::read(text)?;
    let literals: String = template
        .0
        .iter()
        .filter_map(|part| match part {
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Place(_) => None,
        })
        .collect();
    let has_places = template.literal().is_none();
    match topics::is_legal(&literals) || has_places && topics::is_legal(&format!("x{literals}")) {
        true => Ok(()),
        false => Err(
            "a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned(),
        ),
    }
}

/// The validator of a key's template.
pub(crate) fn check_key(_key: &str, value: &Value) -> Result<(), String> {
    check::filled(value, "name a place such as ${host}")?;
    let text = value.as_str();
    text.map_or(Ok(()), |text| Template::read(text).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let whole = Message::read(b"<34>1 - h app 7 id - text");
        let bare = Message::read(b"text");
        for (text, of_whole, of_bare) in [
            ("t", Some("t"), Some("t")),
            ("${host}", Some("h"), Some("192.0.2.1")),
            (
                "${facility}.${severity}",
                Some("auth.crit"),
                Some("user.notice"),
            ),
            ("${app}/${procid}/${msgid}", Some("app/7/id"), None),
            ("a-${peer}-z", Some("a-192.0.2.1-z"), Some("a-192.0.2.1-z")),
        ] {
            let template = Template::read(text).unwrap();
            for (message, expected) in [(&whole, of_whole), (&bare, of_bare)] {
                let mut filled = Vec::new();
                let is_filled = template.fill(message, "192.0.2.1", &mut filled);
                let filled = String::from_utf8(filled).unwrap();
                assert_eq!(is_filled.then_some(filled.as_str()), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_template() {
        let topic = |text: &str| check_topic("topic", &Value::String(text.to_owned()));
        assert!(topic("${size}").unwrap_err().contains("${host}"));
        assert!(topic("a${host").unwrap_err().contains("closing"));
        for text in ["", "a b", "..", "a b-${host}"] {
            assert!(topic(text).is_err(), "{text}");
        }
        for text in ["a", "a-${host}", "${host}", "${facility}.${severity}"] {
            assert!(topic(text).is_ok(), "{text}");
        }
        assert!(Template::read("${app}").unwrap().is_open());
        assert!(!Template::read("a-${facility}").unwrap().is_open());
    }
}
