//! The keys.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use millrace_api::config::{self, Config, ConfigEnum, Refusals, Sound, path, read_sound};
use millrace_api::{ConnectError, Properties};

use crate::format::{self, Shape};
use crate::template::{self, Template};

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Csv,
}

/// What becomes of text in JSON lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum JsonText {
    #[default]
    String,
    Document,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// What FileSink needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct FileSinkConfig {
    /// The folder that all files go into. It is made if it is not there; its folder `.millrace` is the connector's own.
    #[config(name = "directory", importance = high, validator = path::check)]
    pub(crate) directory: String,
    /// The folder below `directory` of a record's file. `${topic}`, `${partition}`, `${time:%Y-%m-%d}` (the record's
    /// time, in the words of strftime), `${key}`, `${value}`, `${value.FIELD}`, `${key.FIELD}` and `${header.NAME}` stand
    /// for what they are of the record. Empty for `directory` itself.
    #[config(name = "path", default = "${topic}", importance = high, validator = template::check)]
    path: String,
    /// The time zone of `${time:…}`: a name such as Europe/Berlin, or an offset such as +02:00.
    #[config(name = "time.zone", default = "UTC", validator = template::check_zone)]
    time_zone: String,
    /// What a file is made of: `text`, a line for each record; `json`, a JSON document a line; `csv`.
    #[config(name = "format", default = "text", importance = high)]
    pub(crate) format: Format,
    /// What of a record is written: `value`, or several, separated by commas, of `topic`, `partition`, `offset`,
    /// `timestamp`, `key`, `value`, `headers`, `value.FIELD`, `key.FIELD` and `header.NAME`. Text has a tab between them,
    /// JSON becomes an object of them.
    #[config(name = "columns", default = "value", importance = high, validator = format::check_columns)]
    columns: Vec<String>,
    /// Whether text is a JSON `string`, or, where it is a JSON `document`, that document as it is.
    #[config(name = "json.text", default = "string")]
    json_text: JsonText,
    /// Whether the first line of a CSV file names its columns.
    #[config(name = "csv.header", default = true)]
    csv_header: bool,
    /// What stands between two columns of CSV: one ASCII character, `\t` for a tab.
    #[config(name = "csv.separator", default = ",", importance = low, validator = format::check_separator)]
    csv_separator: String,
    /// How files are compressed: `none`, `gzip` or `zstd`.
    #[config(name = "compression", default = "none", importance = high)]
    pub(crate) compression: Compression,
    /// How hard to compress: 1 to 9 for `gzip` (6 without it), 1 to 19 for `zstd` (3 without it).
    #[config(name = "compression.level", importance = low, range(1..=19))]
    pub(crate) level: Option<i32>,
    /// Bytes on disk after which a file is complete; 0 for any number. A file may be larger by one batch of records.
    #[config(name = "roll.bytes", default = 134_217_728, range(0..), importance = high)]
    pub(crate) roll_bytes: i64,
    /// Records after which a file is complete; 0 for any number.
    #[config(name = "roll.records", default = 0, range(0..), importance = high)]
    pub(crate) roll_records: i64,
    /// Milliseconds after its first record after which a file is complete; 0 completes all files at each commit of
    /// offsets. Also how much a killed task may have to read again.
    #[config(name = "roll.age.ms", default = 600_000, range(0..=604_800_000), importance = high)]
    roll_age_ms: i64,
    /// Files that are kept open at once; others are opened again when there is something for them.
    #[config(name = "open.files.max", default = 100, range(1..=10_000))]
    pub(crate) open_files_max: i32,
}

impl FileSinkConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        read_sound(properties, Self::contradictions).map_err(ConnectError::config)
    }

    /// What is wrong with keys together, of which each by itself is right; whatever is wrong with others.
    pub(crate) fn contradictions(properties: &Properties) -> Vec<(String, String)> {
        let Some(sound) = Sound::<Self>::read(properties, &[("directory", "/")]) else {
            return Vec::new();
        };
        sound.contradictions(Self::find_contradictions)
    }

    fn find_contradictions(&self, refusals: &mut Refusals<'_, Self>) {
        if let Some(level) = self.level {
            let level = level.to_string();
            let keys = ["compression.level", "compression"];
            match self.compression {
                Compression::None => refusals.refuse(
                    &keys,
                    &level,
                    "compression=none compresses nothing; set compression to gzip or zstd, or leave this out",
                ),
                Compression::Gzip if level.len() > 1 => {
                    refusals.refuse(
                        &keys,
                        &level,
                        "gzip has the levels 1 to 9; choose one of them",
                    );
                }
                Compression::Gzip | Compression::Zstd => {}
            }
        }
        self.check_format(refusals);
    }

    fn check_format(&self, refusals: &mut Refusals<'_, Self>) {
        let columns = self.columns.join(",");
        if self.format == Format::Csv && self.columns.iter().any(|column| column == "headers") {
            let why = "CSV has a column for each header: name them as header.NAME";
            refusals.refuse(&["columns", "format"], &columns, why);
        }
        if self.format == Format::Json
            && let Some(twice) = format::twice(&self.columns)
        {
            let why = format!("a JSON object has each name once; name {twice} once");
            refusals.refuse(&["columns", "format"], &columns, &why);
        }
        let for_csv = "it is for format=csv; leave it out";
        if self.format != Format::Csv && !self.csv_header {
            refusals.refuse(&["csv.header", "format"], "false", for_csv);
        }
        if self.format != Format::Csv && self.csv_separator != "," {
            refusals.refuse(&["csv.separator", "format"], &self.csv_separator, for_csv);
        }
        if self.format != Format::Json && self.json_text == JsonText::Document {
            let why = "it is for format=json; leave it out";
            refusals.refuse(&["json.text", "format"], "document", why);
        }
    }

    /// Where files go.
    pub(crate) fn directory(&self) -> PathBuf {
        PathBuf::from(&self.directory)
    }

    /// The folders of records.
    ///
    /// # Errors
    /// What is wrong with the template or the zone.
    pub(crate) fn template(&self) -> Result<Template, String> {
        Template::read(&self.path, self.zone()?)
    }

    fn zone(&self) -> Result<TimeZone, String> {
        template::zone(&self.time_zone)
    }

    /// What the folders of records depend on: where it differs, folders cannot be compared.
    pub(crate) fn layout(&self) -> String {
        format!("{} {}", self.path, self.time_zone)
    }

    /// The lines of records.
    ///
    /// # Errors
    /// What is wrong with the columns.
    pub(crate) fn shape(&self) -> Result<Shape, String> {
        Shape::new(
            self.format,
            &self.columns,
            self.json_text,
            self.csv_header,
            format::separator(&self.csv_separator)?,
        )
    }

    /// How old a file becomes; none where each commit completes all.
    pub(crate) fn roll_age(&self) -> Option<Duration> {
        (self.roll_age_ms > 0).then(|| Duration::from_millis(self.roll_age_ms.unsigned_abs()))
    }

    /// The end of files' names.
    pub(crate) fn extension(&self) -> String {
        let format = match self.format {
            Format::Text => "txt",
            Format::Json => "jsonl",
            Format::Csv => "csv",
        };
        let compression = match self.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        };
        format!("{format}{compression}")
    }
}

/// A configured text, or nothing where the value is of another kind.
pub(crate) fn text(value: &config::Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn errors(pairs: &[(&str, &str)]) -> String {
        let properties = properties(pairs);
        FileSinkConfig::read(&properties)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn everything_wrong_is_told_together_with_key_value_and_remedy() {
        let told = errors(&[
            ("path", "../${topic}"),
            ("time.zone", "Mars/Olympus"),
            ("format", "xml"),
            ("columns", "value,size"),
            ("compression", "rar"),
            ("roll.bytes", "-1"),
            ("open.files.max", "0"),
            ("csv.separator", "ab"),
        ]);
        for mention in [
            "\"directory\"",
            "../${topic} for configuration path",
            "Mars/Olympus for configuration time.zone",
            "xml for configuration format",
            "for configuration columns: there is no column 'size'",
            "rar for configuration compression",
            "-1 for configuration roll.bytes",
            "0 for configuration open.files.max",
            "ab for configuration csv.separator",
        ] {
            assert!(told.contains(mention), "{mention}: {told}");
        }
    }

    #[test]
    fn keys_that_contradict_one_another() {
        for (pairs, key) in [
            (&[("compression.level", "3")][..], "compression.level"),
            (
                &[("compression.level", "12"), ("compression", "gzip")],
                "compression.level",
            ),
            (&[("format", "csv"), ("columns", "headers")], "columns"),
            (
                &[("format", "json"), ("columns", "key,value,key")],
                "columns",
            ),
            (&[("csv.header", "false")], "csv.header"),
            (
                &[("csv.separator", ";"), ("format", "json")],
                "csv.separator",
            ),
            (&[("json.text", "document"), ("format", "csv")], "json.text"),
        ] {
            let pairs = [pairs, &[("directory", "d")]].concat();
            assert!(
                errors(&pairs).contains(&format!("configuration {key}")),
                "{pairs:?}"
            );
        }
        assert_eq!(errors(&[("directory", "d")]), "");
        assert_eq!(errors(&[("directory", "d"), ("path", "")]), "");
        for wrong in [
            ("directory", ""),
            ("directory", "a\0b"),
            ("time.zone", "-1"),
            ("path", "a/ /b"),
        ] {
            let told = errors(&[("directory", "d"), wrong]);
            let (key, value) = wrong;
            let expected = format!("Invalid value {value} for configuration {key}: ");
            assert!(told.starts_with(&expected), "{wrong:?}: {told}");
        }
        let zstd = [
            ("directory", "d"),
            ("compression", "zstd"),
            ("compression.level", "19"),
        ];
        assert_eq!(errors(&zstd), "");
    }
}
