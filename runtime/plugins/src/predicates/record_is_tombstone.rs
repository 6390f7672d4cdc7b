//! RecordIsTombstone: records without a value.

use millrace_api::{Cell, ConnectError, Predicate, Properties, Records, Value};

/// True for records whose value is null, whatever their schema.
#[derive(Debug, Default)]
pub(crate) struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn choose(&self, records: &Records, chosen: &mut [bool]) {
        for view in records.views() {
            chosen[view.row()] = match view.value() {
                Cell::Null => true,
                Cell::Value(datum) => datum.value == Value::Null,
                Cell::Text(_) | Cell::Bytes(_) => false,
            };
        }
    }
}
