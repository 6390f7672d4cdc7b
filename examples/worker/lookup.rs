//! A transform that needs something which may not be there yet: a table of names by code.
//!
//! Until the table is there it fails in a way that may pass, so that the worker tries again as long as
//! `errors.retry.timeout` allows. A code that the table does not have is a record that fails for good.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use millrace_api::{
    ConnectError, Datum, Execution, Needs, Plugin, Properties, Records, Schema, Transform, Value,
};
use millrace_config::Config;

/// What the worker lists.
pub(crate) const PLUGIN: Plugin = Plugin {
    class: "example.Lookup$Value",
    aliases: &[],
    version: env!("CARGO_PKG_VERSION"),
    execution: Execution::Async,
};

/// How often the table is looked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// The keys below `transforms.<alias>.`.
#[derive(Debug, Clone, Config)]
pub(crate) struct LookupConfig {
    /// The file of the table: a code, a blank and a name on each line.
    #[config(name = "table", importance = high, non_empty)]
    table: String,
}

type Table = HashMap<String, String>;

/// Puts the name in the place of the code that each value begins with.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    path: String,
    table: Arc<OnceLock<Table>>,
}

impl Lookup {
    fn change(&self, value: &mut Datum) -> Result<(), ConnectError> {
        let Some(table) = self.table.get() else {
            let text = format!("the table {} is not there yet", self.path);
            return Err(ConnectError::retriable(text));
        };
        let Value::String(text) = &value.value else {
            return Err(ConnectError::data("only texts begin with a code"));
        };
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let name = table
            .get(code)
            .ok_or_else(|| ConnectError::data(format!("the table has no code {code}")))?;
        *value = Datum::new(Schema::string(), Value::String(format!("{name} {rest}")));
        Ok(())
    }
}

impl Transform for Lookup {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config = LookupConfig::parse(settings)
            .map_err(|errors| ConnectError::config(errors.to_string()))?;
        let (path, table) = (config.table.clone().into(), Arc::downgrade(&self.table));
        // Calls of a transform must not wait for a disk.
        thread::Builder::new()
            .name("lookup".to_owned())
            .spawn(move || load(&path, &table))
            .map_err(|error| ConnectError::connect("cannot start a thread").caused_by(error))?;
        self.path = config.table;
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let needs = Needs::only(millrace_api::Side::Value);
        records.each(needs, |record| self.change(record.value));
    }
}

/// Reads the table as soon as it is there, unless the transform is gone by then.
#[expect(clippy::disallowed_methods, reason = "the thread is for that")]
fn load(path: &PathBuf, table: &Weak<OnceLock<Table>>) {
    while let Some(table) = table.upgrade() {
        if let Ok(text) = std::fs::read_to_string(path) {
            let entries = text.lines().filter_map(|line| line.split_once(' '));
            let entries = entries.map(|(code, name)| (code.to_owned(), name.to_owned()));
            table.get_or_init(|| entries.collect());
            return;
        }
        drop(table);
        thread::park_timeout(INTERVAL);
    }
}
