//! Versions of plugins: an exact one, a range such as `[4.0,5.0)`, or `latest`.

use millrace_config::{NullableProperties, Value};

use super::framework::CONVERTER_KEYS;
use super::verdicts::Part;
use crate::registry::{Registered, Registry};

/// Versions that a user accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    low: Option<(String, bool)>,
    high: Option<(String, bool)>,
}

impl Range {
    /// Parses a version, a range or `latest`; `None` if it is none of them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if text.eq_ignore_ascii_case("latest") {
            return Some(Self {
                low: None,
                high: None,
            });
        }
        if !text.starts_with(['[', '(']) {
            let exact = Some((text.to_owned(), true));
            return Some(Self {
                low: exact.clone(),
                high: exact,
            });
        }
        let inner = text[1..].strip_suffix([']', ')'])?;
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        let bound = |version: &str, inclusive: bool| {
            let version = version.trim();
            (!version.is_empty()).then(|| (version.to_owned(), inclusive))
        };
        Some(Self {
            low: bound(low, text.starts_with('[')),
            high: bound(high, text.ends_with(']')),
        })
    }

    /// Whether a version is accepted.
    pub(crate) fn contains(&self, version: &str) -> bool {
        let version = numbers(version);
        let above = |(bound, inclusive): &(String, bool)| {
            version > numbers(bound) || (*inclusive && version == numbers(bound))
        };
        let below = |(bound, inclusive): &(String, bool)| {
            version < numbers(bound) || (*inclusive && version == numbers(bound))
        };
        self.low.as_ref().is_none_or(above) && self.high.as_ref().is_none_or(below)
    }

    fn shown(&self) -> String {
        let text = |bound: &Option<(String, bool)>| {
            bound
                .as_ref()
                .map_or(String::new(), |(version, _)| version.clone())
        };
        let open = if self.low.as_ref().is_some_and(|(_, inclusive)| *inclusive) {
            '['
        } else {
            '('
        };
        let close = if self.high.as_ref().is_some_and(|(_, inclusive)| *inclusive) {
            ']'
        } else {
            ')'
        };
        format!("{open}{},{}{close}", text(&self.low), text(&self.high))
    }
}

/// The numbers of a version, trailing zeros left out, so that 4.1 is 4.1.0.
fn numbers(version: &str) -> Vec<u64> {
    let part = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap_or(0)
    };
    let mut numbers: Vec<u64> = version.split(['.', '-']).map(part).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

/// Why a plugin's version does not do; `None` if it does.
pub(crate) fn refusal(plugin: &Registered, wanted: &str) -> Option<String> {
    let Some(range) = Range::parse(wanted) else {
        return Some(format!(
            "{wanted} is neither a version nor a range of versions"
        ));
    };
    (!range.contains(plugin.version())).then(|| {
        format!(
            "Plugin {} not found that matches the version range {}, available versions: [{}]",
            plugin.class(),
            range.shown(),
            plugin.version()
        )
    })
}

/// Judges the version keys of the connector and its converters, and shows which version would be used.
pub(super) fn check(
    registry: &Registry,
    connector: &Registered,
    properties: &NullableProperties,
    part: &mut Part,
) {
    check_pair(
        part,
        "connector.class",
        "connector.plugin.version",
        Some(connector),
        properties,
    );
    for (key, kind) in CONVERTER_KEYS {
        let class = part.value(key).and_then(Value::as_str).map(str::to_owned);
        let plugin = class.and_then(|class| registry.find(&class, |other| other == kind));
        check_pair(
            part,
            key,
            &format!("{key}.plugin.version"),
            plugin,
            properties,
        );
    }
}

pub(super) fn check_pair(
    part: &mut Part,
    class_key: &str,
    version_key: &str,
    plugin: Option<&Registered>,
    properties: &NullableProperties,
) {
    let Some(plugin) = plugin else {
        hide(part, version_key);
        return;
    };
    show(part, version_key, plugin, properties);
    // A version without a class asks for nothing: the worker's class comes in its own version.
    let has_class = super::given(properties, class_key).is_some();
    let wanted = super::given(properties, version_key)
        .map(str::trim)
        .filter(|_| has_class)
        .unwrap_or_default();
    let Some(refusal) = (!wanted.is_empty())
        .then(|| refusal(plugin, wanted))
        .flatten()
    else {
        return;
    };
    for key in [class_key, version_key] {
        if let Some(verdict) = part.find(key) {
            verdict.errors.push(refusal.clone());
        }
    }
}

/// Shows which version of a plugin would be used.
fn show(part: &mut Part, version_key: &str, plugin: &Registered, properties: &NullableProperties) {
    for verdict in part
        .verdicts
        .iter_mut()
        .filter(|verdict| verdict.value.name == version_key)
    {
        verdict.value.recommended_values = vec![plugin.version().to_owned()];
        if let Some(definition) = &mut verdict.definition {
            definition.default_value = Some(plugin.version().to_owned());
        }
        if verdict.value.value.is_null() && !properties.contains_key(version_key) {
            verdict.value.value = Value::from(plugin.version());
        }
    }
}

/// A class that is not known has no version to choose.
fn hide(part: &mut Part, version_key: &str) {
    for verdict in part
        .verdicts
        .iter_mut()
        .filter(|verdict| verdict.value.name == version_key)
    {
        verdict.value.visible = false;
        verdict.value.value = Value::Null;
        if let Some(definition) = &mut verdict.definition {
            definition.default_value = None;
        }
    }
}

/// The verdict on a configuration that asks for a version of the connector which is not there: no more than the
/// common keys can be judged. `None` if the version is there.
pub(super) fn judge_common(
    connector: &Registered,
    properties: &NullableProperties,
) -> Option<Part> {
    let wanted = super::given(properties, "connector.plugin.version")
        .map(str::trim)
        .unwrap_or_default();
    let refusal = (!wanted.is_empty())
        .then(|| refusal(connector, wanted))
        .flatten()?;
    let mut part = Part::judge(&super::framework::common(), properties);
    for key in ["connector.class", "connector.plugin.version"] {
        part.add_error(key, refusal.clone());
    }
    for verdict in part
        .verdicts
        .iter_mut()
        .filter(|verdict| verdict.value.name == "connector.plugin.version")
    {
        verdict.value.recommended_values = vec![connector.version().to_owned()];
        if let Some(definition) = &mut verdict.definition {
            definition.default_value = Some(connector.version().to_owned());
        }
    }
    for (key, _) in CONVERTER_KEYS {
        hide(&mut part, &format!("{key}.plugin.version"));
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_hold_their_versions() {
        let cases = [
            ("4.1.0", "4.1", true),
            ("4.1.0", "4.1.1", false),
            ("[4.0,5.0)", "4.9.9", true),
            ("[4.0,5.0)", "5.0.0", false),
            ("(4.0,]", "4.0", false),
            ("(,5.0]", "5.0", true),
            ("latest", "0.1", true),
        ];
        for (range, version, expected) in cases {
            assert_eq!(
                Range::parse(range).unwrap().contains(version),
                expected,
                "{range} {version}"
            );
        }
        assert_eq!(Range::parse("99.9").unwrap().shown(), "[99.9,99.9]");
        assert!(Range::parse("[1").is_none() && Range::parse("").is_none());
    }
}
