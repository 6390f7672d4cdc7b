//! InsertTraceHeaders: headers that say which host, connector and task a record came through, and when.

use millrace_api::config::{Config, Value as Given};
use millrace_api::{
    ConnectError, Header, Needs, Properties, Records, Schema, Stage, Transform, Value,
};

use crate::converters::parse;

/// What InsertTraceHeaders needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct InsertTraceHeadersConfig {
    /// What the names of the headers begin with.
    #[config(name = "header.prefix", default = "trace.", importance = high)]
    pub(crate) prefix: String,
    /// The headers, each named by the prefix and one of: host, connector, task (its number), time (milliseconds since
    /// 1970 at which the batch came through).
    #[config(name = "headers", default = "host,connector,task,time", importance = high, validator = are_known)]
    pub(crate) headers: Vec<String>,
}

fn are_known(_key: &str, value: &Given) -> Result<(), String> {
    let given = value.as_list().unwrap_or_default();
    match given.iter().find(|name| Known::named(name).is_none()) {
        Some(name) => Err(format!(
            "Unknown header \"{name}\": known are host, connector, task and time"
        )),
        None if given.is_empty() => Err("Empty list".to_owned()),
        None => Ok(()),
    }
}

/// Something known of where and when a record comes through.
#[derive(Debug, Clone, Copy)]
enum Known {
    Host,
    Connector,
    Task,
    Time,
}

impl Known {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host" => Self::Host,
            "connector" => Self::Connector,
            "task" => Self::Task,
            "time" => Self::Time,
            _ => return None,
        })
    }
}

/// Stamps records.
#[derive(Debug, Default)]
pub(crate) struct InsertTraceHeaders {
    host: String,
    headers: Vec<(String, Known)>,
}

impl InsertTraceHeaders {
    /// The headers of a batch, which are the same for all its records.
    fn stamp(&self, stage: &Stage) -> Vec<Header> {
        let task = stage.task.as_ref();
        let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
        let headers = self.headers.iter().map(|(name, known)| {
            let value = match known {
                Known::Host => Value::String(self.host.clone()),
                Known::Connector => text(task.map(|task| task.connector.to_string())),
                Known::Task => text(task.map(|task| task.task.to_string())),
                Known::Time => Value::String(stage.now_ms.to_string()),
            };
            Header {
                name: name.clone(),
                schema: Some(Schema::optional_string()),
                value,
            }
        });
        headers.collect()
    }
}

impl Transform for InsertTraceHeaders {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: InsertTraceHeadersConfig = parse(settings)?;
        let named = |name: &String| Some((format!("{}{name}", config.prefix), Known::named(name)?));
        self.headers = config.headers.iter().filter_map(named).collect();
        self.host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let stamp = self.stamp(records.stage());
        records.each(Needs::HEADERS, |record| {
            record.headers.extend(stamp.iter().cloned());
            Ok(())
        });
    }
}
