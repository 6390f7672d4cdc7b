//! MeetsCondition: records that meet a condition on their fields, headers, topic or age.

use millrace_api::config::Config;
use millrace_api::{ConnectError, Predicate, Properties, Records};

use crate::condition::{Condition, is_condition};
use crate::converters::parse;

/// What MeetsCondition needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct MeetsConditionConfig {
    /// The condition, as in value.level == 'ERROR' and age < 7d. It looks at topic, partition, timestamp, age, key,
    /// value and header.<name>, and at fields as value.a.b; it compares with ==, !=, <, <=, >, >=, matches and in.
    #[config(name = "condition", validator = is_condition)]
    pub(crate) condition: String,
}

/// True for records that meet the condition.
#[derive(Debug, Default)]
pub(crate) struct MeetsCondition {
    condition: Option<Condition>,
}

impl Predicate for MeetsCondition {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: MeetsConditionConfig = parse(settings)?;
        let condition = Condition::parse(&config.condition).map_err(|why| {
            ConnectError::config(format!(
                "condition \"{}\" cannot be used: {why}",
                config.condition
            ))
        })?;
        self.condition = Some(condition);
        Ok(())
    }

    fn choose(&self, records: &Records, chosen: &mut [bool]) {
        let Some(condition) = &self.condition else {
            return;
        };
        let now_ms = records.stage().now_ms;
        for view in records.views() {
            chosen[view.row()] = condition.holds(view, now_ms);
        }
    }
}
