//! Which partitions are meant: a topic's, or those of rules like `t1:1,t2:0-3,t4:5-`.

use std::ops::RangeInclusive;

use regex::Regex;

use crate::tools::{run::Usage, topics::pattern};

/// Partitions of topics whose names match.
#[derive(Debug)]
struct Rule {
    topic: Regex,
    partitions: Vec<RangeInclusive<i32>>,
}

/// The partitions that any of the rules covers.
#[derive(Debug)]
pub(super) struct Choice(Vec<Rule>);

/// All partitions that a topic can have.
const ALL: RangeInclusive<i32> = 0..=i32::MAX;

impl Choice {
    /// Partitions of one topic, or of all; none named is all of them.
    pub(super) fn of_topic(topic: Option<&str>, partitions: &[i32]) -> Result<Self, Usage> {
        let partitions = match partitions {
            [] => vec![ALL],
            named => named.iter().map(|&index| index..=index).collect(),
        };
        Ok(Self(vec![Rule {
            topic: pattern(topic.unwrap_or(".*"))?,
            partitions,
        }]))
    }

    pub(super) fn of_rules(text: &str) -> Result<Self, Usage> {
        let rules: Result<Vec<Rule>, Usage> = text.split(',').map(rule).collect();
        Ok(Self(rules?))
    }

    pub(super) fn covers(&self, topic: &str, partition: i32) -> bool {
        self.0.iter().any(|rule| {
            let numbers = &mut rule.partitions.iter();
            rule.topic.is_match(topic) && numbers.any(|range| range.contains(&partition))
        })
    }
}

/// `TOPIC`, `TOPIC:N`, `TOPIC:N-`, `TOPIC:-N` or `TOPIC:N-M`, where M and all behind it are left out. No topic is any.
fn rule(text: &str) -> Result<Rule, Usage> {
    let (topic, numbers) = text.split_once(':').unwrap_or((text, ""));
    let topic = if topic.trim().is_empty() { ".*" } else { topic };
    let wrong = |_| {
        Usage::new(format!(
            "--topic-partitions {text}: expected TOPIC, TOPIC:1, TOPIC:0-3, TOPIC:5- or TOPIC:-3"
        ))
    };
    let number = |text: &str, default: i32| match text.trim() {
        "" => Ok(default),
        text => text.parse::<i32>().map_err(wrong),
    };
    let range = match numbers.split_once('-') {
        None if numbers.trim().is_empty() => ALL,
        None => {
            let only = number(numbers, 0)?;
            only..=only
        }
        Some((from, to)) => number(from, 0)?..=number(to, i32::MAX)?.saturating_sub(1),
    };
    Ok(Rule {
        topic: pattern(topic)?,
        partitions: vec![range],
    })
}

#[cfg(test)]
mod tests {
    use super::Choice;

    fn covered(choice: &Choice, topic: &str) -> Vec<i32> {
        (0..6)
            .filter(|&index| choice.covers(topic, index))
            .collect()
    }

    #[test]
    fn rules_name_partitions_by_number_and_range() {
        let choice = Choice::of_rules("a:1,b:0-3,c,d:4-,e:-2,:5").unwrap();
        let cases: [(&str, &[i32]); 6] = [
            ("a", &[1, 5]),
            ("b", &[0, 1, 2, 5]),
            ("c", &[0, 1, 2, 3, 4, 5]),
            ("d", &[4, 5]),
            ("e", &[0, 1, 5]),
            ("other", &[5]),
        ];
        for (topic, expected) in cases {
            assert_eq!(covered(&choice, topic), expected, "{topic}");
        }
        for wrong in ["a:b", "a:1:2", "a:1-2-3", "("] {
            assert!(Choice::of_rules(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_topic_may_be_a_pattern() {
        let choice = Choice::of_topic(Some("shop.*"), &[0, 3]).unwrap();
        assert_eq!(covered(&choice, "shops"), [0, 3]);
        assert!(covered(&choice, "t").is_empty());
        assert_eq!(covered(&Choice::of_topic(None, &[]).unwrap(), "t").len(), 6);
    }
}
