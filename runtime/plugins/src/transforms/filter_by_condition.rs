//! FilterByCondition: keeps or drops the records that meet a condition.

use millrace_api::config::{Config, ConfigEnum};
use millrace_api::{ConnectError, Properties, Records, Transform};

use crate::condition::{Condition, is_condition};
use crate::converters::parse;

/// What becomes of the records that meet the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum FilterType {
    /// They go on, the others are dropped.
    Include,
    /// They are dropped, the others go on.
    Exclude,
}

/// What FilterByCondition needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct FilterByConditionConfig {
    /// The condition, as in value.level == 'ERROR' and age < 7d. It looks at topic, partition, timestamp, age, key,
    /// value and header.<name>, and at fields as value.a.b; it compares with ==, !=, <, <=, >, >=, matches and in.
    #[config(name = "condition", importance = high, validator = is_condition)]
    pub(crate) condition: String,
    /// Whether records that meet the condition are the ones to go on (include) or to be dropped (exclude).
    #[config(name = "filter.type", importance = high)]
    pub(crate) filter: FilterType,
}

/// Drops records.
#[derive(Debug, Default)]
pub(crate) struct FilterByCondition {
    rule: Option<(Condition, FilterType)>,
}

impl Transform for FilterByCondition {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: FilterByConditionConfig = parse(settings)?;
        let condition = Condition::parse(&config.condition).map_err(|why| {
            ConnectError::config(format!(
                "condition \"{}\" cannot be used: {why}",
                config.condition
            ))
        })?;
        self.rule = Some((condition, config.filter));
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let Some((condition, filter)) = &self.rule else {
            return;
        };
        let now_ms = records.stage().now_ms;
        let wanted = *filter == FilterType::Include;
        records.leave_out_where(|view| Ok(condition.holds(view, now_ms) != wanted));
    }
}
