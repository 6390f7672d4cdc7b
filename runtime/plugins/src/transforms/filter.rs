//! Filter: drops every record that its predicate chooses, or all without one.

use millrace_api::{ConnectError, Properties, Records, Transform};

/// Drops records.
#[derive(Debug, Default)]
pub(crate) struct Filter;

impl Transform for Filter {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        records.leave_out_chosen();
    }
}
