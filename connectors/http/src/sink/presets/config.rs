//! The keys of presets.

use millrace_api::config::{self, Config, ConfigEnum, Secret};

use super::{elasticsearch, influxdb, loki};
use crate::refused::Refused;
use crate::sink::config::check_template;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Preset {
    /// Any.
    #[default]
    None,
    /// One JSON document a request, with an idempotency key.
    Webhook,
    /// The bulk API of Elasticsearch.
    Elasticsearch,
    /// The bulk API of OpenSearch, which is the same.
    OpenSearch,
    /// Grafana Loki's push API.
    Loki,
    /// Splunk's HTTP event collector.
    Splunk,
    /// InfluxDB's line protocol.
    InfluxDb,
}

/// What a bulk request does with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Operation {
    /// Writes it, over an older one with its id.
    #[default]
    Index,
    /// Writes it unless there is one with its id; what data streams take.
    Create,
}

/// Where documents that replace each other have their version from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Versions {
    /// The record's offset.
    #[default]
    Offset,
    /// The server counts.
    None,
}

/// What presets need to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct PresetConfig {
    /// The index or data stream of `preset=elasticsearch` and `opensearch`.
    #[config(name = "elasticsearch.index", default = "${topic}", validator = check_template, group = "Presets")]
    pub(crate) elasticsearch_index: String,
    /// The id of a document; where it is empty, topic, partition and offset.
    #[config(name = "elasticsearch.id", default = "${key|}", validator = check_template, group = "Presets")]
    pub(crate) elasticsearch_id: String,
    /// What is done with a document: `index` or `create`.
    #[config(name = "elasticsearch.operation", default = "index", group = "Presets")]
    pub(crate) elasticsearch_operation: Operation,
    /// With `offset`, a document under its record's key has the record's offset as version, so that an older record never replaces a newer
    /// one; `none` has the server count.
    #[config(name = "elasticsearch.version", default = "offset", importance = low, group = "Presets")]
    pub(crate) elasticsearch_version: Versions,
    /// The labels of `preset=loki`, `name=value`, separated by commas; values may have places as `http.api.url` has.
    #[config(name = "loki.labels", default = "topic=${topic}", validator = check_labels, group = "Presets")]
    pub(crate) loki_labels: Vec<String>,
    /// The token of `preset=splunk`.
    #[config(name = "splunk.token", group = "Presets")]
    pub(crate) splunk_token: Option<Secret>,
    /// The index of the events; none leaves it to the token.
    #[config(name = "splunk.index", validator = check_template, group = "Presets")]
    pub(crate) splunk_index: Option<String>,
    /// The source of the events.
    #[config(name = "splunk.source", default = "kafka:${topic}", validator = check_template, group = "Presets")]
    pub(crate) splunk_source: String,
    /// The source type of the events.
    #[config(name = "splunk.sourcetype", validator = check_template, group = "Presets")]
    pub(crate) splunk_sourcetype: Option<String>,
    /// The host of the events.
    #[config(name = "splunk.host", validator = check_template, group = "Presets")]
    pub(crate) splunk_host: Option<String>,
    /// The organisation of `preset=influxdb`, of InfluxDB 2.
    #[config(name = "influxdb.org", group = "Presets")]
    pub(crate) influxdb_org: Option<String>,
    /// The bucket of InfluxDB 2.
    #[config(name = "influxdb.bucket", group = "Presets")]
    pub(crate) influxdb_bucket: Option<String>,
    /// The database of InfluxDB 1.
    #[config(name = "influxdb.database", group = "Presets")]
    pub(crate) influxdb_database: Option<String>,
    /// The token of InfluxDB 2.
    #[config(name = "influxdb.token", group = "Presets")]
    pub(crate) influxdb_token: Option<Secret>,
    /// The measurement of a point.
    #[config(name = "influxdb.measurement", default = "${topic}", validator = check_template, group = "Presets")]
    pub(crate) influxdb_measurement: String,
    /// The fields of the value that are tags; all others are fields.
    #[config(name = "influxdb.tags", default = "", group = "Presets")]
    pub(crate) influxdb_tags: Vec<String>,
}

impl PresetConfig {
    /// Notes what is wrong with these keys together.
    pub(crate) fn contradictions(&self, preset: Preset, refused: &mut Refused) {
        match preset {
            Preset::Splunk if self.splunk_token.is_none() => {
                refused.missing(
                    "splunk.token",
                    "preset=splunk needs the token of the event collector; set it",
                );
            }
            Preset::InfluxDb => influxdb::contradictions(self, refused),
            Preset::Elasticsearch | Preset::OpenSearch => {
                elasticsearch::contradictions(self, refused)
            }
            _ => {}
        }
    }
}

fn check_labels(_key: &str, value: &config::Value) -> Result<(), String> {
    match value {
        config::Value::List(items) => loki::read_labels(items).map(drop),
        _ => Ok(()),
    }
}
