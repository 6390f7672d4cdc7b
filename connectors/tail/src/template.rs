//! Topics and keys made from a file's path: `logs-${name}`, `${1}` for a group of a regular expression.

use std::path::Path;
use std::sync::Arc;

use millrace_api::config;
use regex::Regex;

/// The longest name of a topic.
const TOPIC_MAX: usize = 249;

/// A text with places for what is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Path,
    /// The last name of the path.
    Name,
    /// The name of the folder.
    Folder,
    Host,
    /// A group of the regular expression.
    Group(usize),
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
            parts.push(Part::Text(before.to_owned()));
            parts.push(part(name)?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self { parts })
    }

    /// The highest group that it names.
    pub(crate) fn groups(&self) -> usize {
        let groups = self.parts.iter().map(|part| match part {
            Part::Group(group) => *group,
            _ => 0,
        });
        groups.max().unwrap_or(0)
    }

    fn fill(&self, file: &File<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Path => text.push_str(file.path),
                Part::Name => text.push_str(name_of(Some(Path::new(file.path)))),
                Part::Folder => text.push_str(name_of(Path::new(file.path).parent())),
                Part::Host => text.push_str(file.host),
                Part::Group(group) => {
                    let found = file.groups.as_ref().and_then(|groups| groups.get(*group));
                    text.push_str(found.map_or("", |found| found.as_str()));
                }
            }
        }
        text
    }
}

struct File<'a> {
    path: &'a str,
    host: &'a str,
    groups: Option<regex::Captures<'a>>,
}

fn name_of(path: Option<&Path>) -> &str {
    path.and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .unwrap_or("")
}

fn part(name: &str) -> Result<Part, String> {
    Ok(match name {
        "path" => Part::Path,
        "name" => Part::Name,
        "folder" => Part::Folder,
        "host" => Part::Host,
        _ => Part::Group(name.parse().map_err(|_| {
            format!("there is no '${{{name}}}'; choose of ${{path}}, ${{name}}, ${{folder}}, ${{host}}, and ${{1}} and so on for the groups of path.regex")
        })?),
    })
}

/// Where the records of files go.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    pub(crate) topic: Template,
    pub(crate) key: Option<Template>,
    pub(crate) path_regex: Option<Regex>,
    pub(crate) host: Arc<str>,
}

/// Where the records of one file go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
}

impl Router {
    /// Where the records of the file go that was first seen at `path`.
    pub(crate) fn route(&self, path: &str) -> Route {
        let file = File {
            path,
            host: &self.host,
            groups: self
                .path_regex
                .as_ref()
                .and_then(|regex| regex.captures(path)),
        };
        Route {
            topic: legal(&self.topic.fill(&file)).into(),
            key: self.key.as_ref().map(|key| key.fill(&file).into()),
        }
    }
}

/// The name of a topic with what it may not contain replaced.
fn legal(topic: &str) -> String {
    let is_legal =
        |character: &char| character.is_ascii_alphanumeric() || "._-".contains(*character);
    let replaced = topic
        .chars()
        .map(|character| if is_legal(&character) { character } else { '_' });
    let name: String = replaced.take(TOPIC_MAX).collect();
    match name.as_str() {
        "" | "." | ".." => "_".to_owned(),
        _ => name,
    }
}

/// Checks the template of the topic, for the definition of the keys.
pub(crate) fn check_topic(_key: &str, value: &config::Value) -> Result<(), String> {
    let text = value.as_str().unwrap_or_default();
    let template = Template::read(text)?;
    let fixed = template.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let fixed: String = fixed.collect();
    if text.is_empty() || template.parts.len() == 1 && !fixed.is_empty() && legal(text) != text {
        return Err("a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned());
    }
    if !fixed.is_empty() && legal(&format!("x{fixed}")) != format!("x{fixed}") {
        return Err(
            "a topic's name consists of ASCII letters, digits, '.', '_' and '-'".to_owned(),
        );
    }
    Ok(())
}

/// Checks the template of the key.
pub(crate) fn check_key(_key: &str, value: &config::Value) -> Result<(), String> {
    Template::read(value.as_str().unwrap_or_default()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(topic: &str, key: &str, regex: &str, path: &str) -> (String, String) {
        let router = Router {
            topic: Template::read(topic).unwrap(),
            key: Some(Template::read(key).unwrap()),
            path_regex: Some(Regex::new(regex).unwrap()),
            host: "box".into(),
        };
        let route = router.route(path);
        (route.topic.to_string(), route.key.unwrap().to_string())
    }

    #[test]
    fn topics_and_keys_from_paths() {
        for (topic, key, expected) in [
            ("logs", "${path}", ("logs", "/l/shop/a b.log")),
            ("logs-${folder}", "${host}", ("logs-shop", "box")),
            ("${name}", "${1}:${2}", ("a_b.log", "shop:")),
            ("${path}", "$ {x}", ("_l_shop_a_b.log", "$ {x}")),
            ("${2}", "", ("_", "")),
        ] {
            let (filled, filled_key) = route(topic, key, "^/l/([^/]+)/(zzz)?", "/l/shop/a b.log");
            assert_eq!(
                (filled.as_str(), filled_key.as_str()),
                expected,
                "{topic} {key}"
            );
        }
    }

    #[test]
    fn templates_that_cannot_be_read() {
        assert!(Template::read("${size}").unwrap_err().contains("${path}"));
        assert!(Template::read("a${path").unwrap_err().contains("closing"));
        assert_eq!(
            Template::read("${3}-${1}").map(|template| template.groups()),
            Ok(3)
        );
        let topic = |text: &str| check_topic("topic", &config::Value::String(text.to_owned()));
        assert!(topic("a b").is_err() && topic("").is_err() && topic("..").is_err());
        assert!(topic("a b-${name}").is_err());
        assert!(topic("a-${name}").is_ok() && topic("${name}").is_ok());
    }
}
