//! What kinds of servers expect: the path, the form of a record, how records share a request, and how an answer is to be
//! read. A preset is a set of defaults and an encoding; connection, retries and errors are the same for all.

mod config;
mod elasticsearch;
mod influxdb;
mod loki;
mod splunk;

use millrace_api::ConnectError;

use super::config::{BodyFormat, SinkConfig};
use super::json::DecimalFormat;
use super::render;
use super::verdict::Judge;
use super::view::View;

pub(crate) use config::{Preset, PresetConfig};
pub(super) use elasticsearch::judge as judge_bulk;
pub(super) use splunk::judge as judge_splunk;

/// How a record is written.
#[derive(Debug)]
pub(crate) enum Encoding {
    /// The value.
    Plain(BodyFormat),
    Elasticsearch(elasticsearch::Bulk),
    Loki(loki::Streams),
    Splunk(splunk::Events),
    InfluxDb(influxdb::Lines),
}

impl Encoding {
    /// The encoding of the configuration's preset.
    ///
    /// # Errors
    /// When one of its templates cannot be read.
    pub(crate) fn new(config: &SinkConfig) -> Result<Self, String> {
        Ok(match config.preset {
            Preset::None => Self::Plain(config.body_format),
            Preset::Webhook => Self::Plain(BodyFormat::Json),
            Preset::Elasticsearch | Preset::OpenSearch => {
                Self::Elasticsearch(elasticsearch::Bulk::new(&config.presets, config.on_null)?)
            }
            Preset::Loki => Self::Loki(loki::Streams::new(&config.presets)?),
            Preset::Splunk => Self::Splunk(splunk::Events::new(&config.presets)?),
            Preset::InfluxDb => Self::InfluxDb(influxdb::Lines::new(&config.presets)?),
        })
    }

    /// Appends a record; returns what it shares with records that it may be put together with.
    ///
    /// # Errors
    /// When the record's contents do not fit.
    pub(crate) fn render(
        &self,
        view: &View<'_>,
        out: &mut Vec<u8>,
        decimals: DecimalFormat,
    ) -> Result<Option<String>, ConnectError> {
        match self {
            Self::Plain(format) => render::plain(*format, view, out, decimals)
                .map(|()| None)
                .map_err(|error| {
                    ConnectError::data("cannot write the record as JSON").caused_by(error)
                }),
            Self::Elasticsearch(bulk) => bulk.render(view, out, decimals).map(|()| None),
            Self::Loki(streams) => streams.render(view, out, decimals).map(Some),
            Self::Splunk(events) => events.render(view, out, decimals).map(|()| None),
            Self::InfluxDb(lines) => lines.render(view, out).map(|()| None),
        }
    }
}

/// What stands around the records of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Texts before, between and behind.
    Text {
        prefix: String,
        separator: String,
        suffix: String,
    },
    /// Loki's streams: records with the same labels stand together.
    Streams,
}

impl Framing {
    /// The framing of the configuration's preset.
    pub(crate) fn new(config: &SinkConfig) -> Self {
        let text = |prefix: &str, separator: &str, suffix: &str| Self::Text {
            prefix: prefix.to_owned(),
            separator: separator.to_owned(),
            suffix: suffix.to_owned(),
        };
        match config.preset {
            Preset::None | Preset::Webhook if config.batch_json_as_array => text("[", ",", "]"),
            Preset::None | Preset::Webhook => {
                let (prefix, separator, suffix) = config.framing();
                text(prefix, separator, suffix)
            }
            Preset::Elasticsearch | Preset::OpenSearch => text("", "", ""),
            Preset::Splunk | Preset::InfluxDb => text("", "\n", ""),
            Preset::Loki => Self::Streams,
        }
    }
}

impl Preset {
    /// How its server's answers are read.
    pub(crate) fn judge(self) -> Judge {
        match self {
            Self::Elasticsearch | Self::OpenSearch => Judge::Bulk,
            Self::Splunk => Judge::Splunk,
            _ => Judge::Status,
        }
    }

    /// Whether a record without a value can be sent as a deletion.
    pub(crate) fn can_delete(self) -> bool {
        matches!(self, Self::None | Self::Webhook) || self.deletes_in_body()
    }

    /// Whether a deletion is a part of a request's body like any other record.
    pub(crate) fn deletes_in_body(self) -> bool {
        matches!(self, Self::Elasticsearch | Self::OpenSearch)
    }

    /// The header that names what is sent.
    pub(crate) fn idempotency_header(self) -> &'static str {
        match self {
            Self::Webhook => "Idempotency-Key",
            _ => "",
        }
    }

    /// The type of what is sent.
    pub(crate) fn content_type(self, format: BodyFormat) -> &'static str {
        match self {
            Self::Elasticsearch | Self::OpenSearch => "application/x-ndjson",
            Self::InfluxDb => "text/plain; charset=utf-8",
            Self::Webhook | Self::Loki | Self::Splunk => "application/json",
            Self::None => match format {
                BodyFormat::Json => "application/json",
                BodyFormat::String => "text/plain; charset=utf-8",
            },
        }
    }

    /// How many records share a request if the configuration does not say.
    pub(crate) fn batch_max_size(self) -> usize {
        match self {
            Self::None | Self::Webhook => 1,
            _ => 500,
        }
    }

    /// The path and the query of the server's API, used where `http.api.url` has no path.
    pub(crate) fn path(self, config: &PresetConfig) -> Option<String> {
        match self {
            Self::None | Self::Webhook => None,
            Self::Elasticsearch | Self::OpenSearch => {
                Some("/_bulk?filter_path=errors,items.*.status,items.*.error".to_owned())
            }
            Self::Loki => Some("/loki/api/v1/push".to_owned()),
            Self::Splunk => Some("/services/collector/event".to_owned()),
            Self::InfluxDb => Some(influxdb::path(config)),
        }
    }
}
