//! What is to go wrong, in which call, and how often: the configuration's form and the REST API's.

use serde::{Deserialize, Serialize};

/// A call of a connector or of a task, by its name in the connector API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    #[serde(rename = "connector.validate")]
    Validate,
    #[serde(rename = "connector.start")]
    ConnectorStart,
    #[serde(rename = "connector.task_configs")]
    TaskConfigs,
    #[serde(rename = "connector.task")]
    Task,
    #[serde(rename = "connector.alter_offsets")]
    AlterOffsets,
    #[serde(rename = "connector.stop")]
    ConnectorStop,
    #[serde(rename = "start")]
    Start,
    #[serde(rename = "poll")]
    Poll,
    #[serde(rename = "acknowledged")]
    Acknowledged,
    #[serde(rename = "commit")]
    Commit,
    #[serde(rename = "open")]
    Open,
    #[serde(rename = "put")]
    Put,
    #[serde(rename = "pre_commit")]
    PreCommit,
    #[serde(rename = "close")]
    Close,
    #[serde(rename = "stop")]
    Stop,
}

impl Place {
    /// Whether the call can give an error back.
    fn can_fail(self) -> bool {
        !matches!(
            self,
            Self::Task | Self::ConnectorStop | Self::Acknowledged | Self::Commit | Self::Stop
        )
    }
}

/// What happens in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// An error that trying again does not mend.
    Error,
    /// An error after which the call may be made again.
    Retriable,
    /// The call takes `ms` longer.
    Delay,
    /// The call awaits something that never comes.
    Hang,
    /// The call holds its thread.
    Block,
    /// The code panics.
    Panic,
    /// `poll`: records as fast as they are taken; `put`: a request to commit with every batch.
    Flood,
    /// `poll`: the same records with the same offsets once more; `put`: asks for the batch once more; `pre_commit`: says
    /// what it said the last time.
    Duplicate,
    /// `poll`: offsets fall; `put`: goes back to the beginning; `pre_commit`: names the offset 0.
    Backward,
    /// `pre_commit`: names offsets behind those that it was given; `put`: goes on far behind the end.
    Ahead,
    /// `poll`: a record for a partition that is not there; `put` and `pre_commit`: names a partition that the task does
    /// not have.
    Foreign,
}

/// A fault in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// The call.
    pub(super) call: Place,
    /// What happens.
    pub(super) fault: Fault,
    /// Calls that go well before it happens.
    #[serde(default)]
    pub(super) after: u64,
    /// How often it happens; below 0 without an end.
    #[serde(default = "once")]
    pub(super) times: i64,
    /// How long a delay takes, in milliseconds.
    #[serde(default = "a_second")]
    pub(super) ms: u64,
    /// The only task in which it happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<u32>,
}

fn once() -> i64 {
    1
}

fn a_second() -> u64 {
    1000
}

impl Rule {
    /// Why there is no such fault in that call, if there is none.
    fn refusal(&self) -> Option<String> {
        let has_fault = match self.fault {
            Fault::Error | Fault::Retriable => self.call.can_fail(),
            Fault::Delay | Fault::Hang | Fault::Block | Fault::Panic => true,
            Fault::Flood => matches!(self.call, Place::Poll | Place::Put),
            Fault::Ahead => matches!(self.call, Place::Put | Place::PreCommit),
            Fault::Duplicate | Fault::Backward | Fault::Foreign => {
                matches!(self.call, Place::Poll | Place::Put | Place::PreCommit)
            }
        };
        (!has_fault).then(|| {
            let text = serde_json::to_string(self).unwrap_or_default();
            format!("the call has no such fault: {text}")
        })
    }
}

/// Reads a JSON array of rules.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(json: &[u8]) -> Result<Vec<Rule>, String> {
    let rules: Vec<Rule> = serde_json::from_slice(json)
        .map_err(|error| format!("not a JSON array of faults: {error}"))?;
    match rules.iter().find_map(Rule::refusal) {
        Some(refusal) => Err(refusal),
        None => Ok(rules),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let rules = parse(br#"[{"call": "poll", "fault": "panic"}]"#).unwrap();
        let rule = &rules[0];
        assert_eq!(
            (rule.after, rule.times, rule.ms, rule.task),
            (0, 1, 1000, None)
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (text, mention) in [
            ("{}", "array"),
            (r#"[{"call": "polls", "fault": "panic"}]"#, "polls"),
            (
                r#"[{"call": "poll", "fault": "panic", "twice": 1}]"#,
                "twice",
            ),
            (r#"[{"call": "commit", "fault": "error"}]"#, "no such fault"),
            (r#"[{"call": "open", "fault": "flood"}]"#, "no such fault"),
        ] {
            let refusal = parse(text.as_bytes()).unwrap_err();
            assert!(refusal.contains(mention), "{refusal}");
        }
    }
}
