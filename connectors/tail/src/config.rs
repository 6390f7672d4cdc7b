//! The keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millrace_api::config::{self, Config, ConfigEnum, Refusals, Sound, check, read_sound};
use millrace_api::{Column, ConnectError, Properties, Schema, SchemaType};

use crate::encoding::{Encoding, Form};
use crate::flume::FlumePositions;
use crate::globs::{self, Globs};
use crate::headers::HeaderKind;
use crate::lines::{Cutter, TooLong};
use crate::multiline::{self, Grouper, Multiline};
use crate::state::Waits;
use crate::template::{self, Router, Template};
use crate::text::InvalidBytes;

/// Checked beside the other keys, because its file has to be read.
pub(crate) const START_FROM_FLUME: &str = "start.from.flume";

/// Where files are read from that are there when the connector first starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum StartPosition {
    #[default]
    Beginning,
    End,
}

/// What becomes of compressed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Compression {
    /// They are unpacked, as their names say.
    #[default]
    Auto,
    /// They are files like others.
    None,
}

/// What FileTail needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct TailConfig {
    /// The files to read: paths or globs, separated by commas. `*`, `?`, `[…]` and `{a,b}` match within a name, `**`
    /// matches any number of folders.
    #[config(name = "include", importance = high, validator = check_include)]
    pub(crate) include: Vec<String>,
    /// Files not to read though `include` matches them: paths or globs, separated by commas. One without a `/` is excluded in
    /// every folder.
    #[config(name = "exclude", default = "", importance = high, validator = globs::check_exclude)]
    pub(crate) exclude: Vec<String>,
    /// The topic to write the lines to. `${path}`, `${name}` (the path's last name), `${folder}` (its folder's name),
    /// `${host}` and `${1}` (a group of `path.regex`) stand for what they are of each file; what a topic's name may not
    /// contain becomes `_`.
    #[config(name = "topic", importance = high, validator = template::check_topic)]
    pub(crate) topic: String,
    /// The key of the records, with the same places as `topic`. Without it, records have none, and a topic with several
    /// partitions does not keep the order of a file's lines; `${path}` keeps it.
    #[config(name = "key", validator = check_key)]
    pub(crate) key: Option<String>,
    /// A regular expression whose groups `topic` and `key` may use; a path that it does not match has empty groups.
    #[config(name = "path.regex", validator = multiline::check_pattern)]
    pub(crate) path_regex: Option<String>,
    /// Where to begin with files that are there at the start and have no stored offset: `beginning` or `end`. Files that
    /// appear later are always read from their beginning.
    #[config(name = "start.position", default = "beginning", importance = high)]
    pub(crate) start_position: StartPosition,
    /// Flume's `positionFile` (`taildir_position.json`): files that have no stored offset, but a position there, are read on
    /// from where Flume stopped, whatever `start.position` says. Stop Flume first.
    #[config(name = "start.from.flume")]
    pub(crate) start_from_flume: Option<String>,
    /// Headers that each record gets, separated by commas, of `path`, `host`, `offset` (of the record's first byte in the
    /// file) and `inode`.
    #[config(name = "headers", default = "", validator = check::headers::<HeaderKind>)]
    pub(crate) headers: Vec<String>,
    /// Bytes of the longest record; a longer line is treated as `line.too.long` says.
    #[config(name = "max.line.bytes", default = 1_000_000, range(16..=16_777_216))]
    pub(crate) max_line_bytes: i32,
    /// What becomes of a line that is too long: `split` makes several records of it, `truncate` keeps its beginning, `drop`
    /// leaves it out. Lines cut short or left out are counted and logged.
    #[config(name = "line.too.long", default = "split")]
    pub(crate) line_too_long: TooLong,
    /// Milliseconds without a write after which the last line of a file counts though it has no line end; -1 waits for the
    /// line end as long as the file is in use.
    #[config(name = "last.line.timeout.ms", default = -1, range(-1..), importance = low)]
    pub(crate) last_line_timeout_ms: i64,
    /// How lines are put together to one record: `none`, `start` (a line that matches `multiline.pattern` begins a record),
    /// `continuation` (one that matches belongs to the record before), `indent` (so does one that begins with a blank),
    /// `stacktrace` (so do the lines of a stack trace of Java or Python), `json` (an object or array of several lines).
    #[config(name = "multiline", default = "none")]
    pub(crate) multiline: Multiline,
    /// The regular expression of `multiline=start` and `multiline=continuation`.
    #[config(name = "multiline.pattern", default = "", validator = multiline::check_pattern)]
    pub(crate) multiline_pattern: String,
    /// Milliseconds without a write after which the lines of a record are complete.
    #[config(name = "multiline.timeout.ms", default = 1_000, range(1..), importance = low)]
    pub(crate) multiline_timeout_ms: i64,
    /// Lines of a record at most; together they have at most `max.line.bytes`. What follows begins another record.
    #[config(name = "multiline.max.lines", default = 500, range(2..=100_000), importance = low)]
    pub(crate) multiline_max_lines: i32,
    /// How the files are written: `auto` (as the byte order mark of each file says, UTF-8 without one), `utf-8`,
    /// `utf-16le`, `utf-16be`, `latin-1`. Records are UTF-8; a byte order mark is no part of them.
    #[config(name = "encoding", default = "auto")]
    pub(crate) encoding: Encoding,
    /// What becomes of bytes that are no text: `replace` writes U+FFFD, `escape` writes `\xHH`, `remove` leaves them out,
    /// `drop` leaves the record out, `keep` makes all records bytes, as they stand in the file, for `ByteArrayConverter`.
    /// Records changed or left out are counted and logged.
    #[config(name = "invalid.bytes", default = "replace", importance = low)]
    pub(crate) invalid_bytes: InvalidBytes,
    /// What becomes of files that are called `*.gz`, `*.zst` or `*.zstd`: `auto` reads the lines that they unpack to, but for
    /// those that were read before the file was compressed; `none` reads them as they are.
    #[config(name = "compression", default = "auto")]
    pub(crate) compression: Compression,
    /// Files kept open at most; above that, those that were not read for the longest time are closed until there is
    /// something to read.
    #[config(name = "open.files.max", default = 512, range(1..=1_000_000), importance = low)]
    pub(crate) open_files_max: i32,
    /// Milliseconds without a write after which a file is closed; it is opened again when it is written to.
    #[config(name = "close.inactive.ms", default = 300_000, range(1..), importance = low)]
    pub(crate) close_inactive_ms: i64,
    /// Files without a stored offset are not read while their last write is longer ago than so many milliseconds; 0 reads
    /// files of any age. One that is written to later is read from its beginning.
    #[config(name = "ignore.older.ms", default = 0, range(0..))]
    pub(crate) ignore_older_ms: i64,
    /// Milliseconds without a write after which a file is read to its end and let go once its name is one that `include`
    /// does not match: it was rotated.
    #[config(name = "rotated.wait.ms", default = 30_000, range(0..), importance = low)]
    pub(crate) rotated_wait_ms: i64,
    /// The same for a file that was deleted while it was open; until then its space on disk is not free.
    #[config(name = "deleted.wait.ms", default = 5_000, range(0..), importance = low)]
    pub(crate) deleted_wait_ms: i64,
    /// Whether to be woken by the file system. On a network file system, which does not tell what others write, set it to
    /// false and `scan.interval.ms` to the delay you can stand.
    #[config(name = "watch", default = true, importance = low)]
    pub(crate) watch: bool,
    /// Milliseconds between two looks at all folders and files; with a working watch ten times that.
    #[config(name = "scan.interval.ms", default = 1_000, range(10..), importance = low)]
    pub(crate) scan_interval_ms: i64,
    /// How many records one poll gives at most.
    #[config(name = "batch.size", default = 10_000, range(1..=100_000), importance = low)]
    pub(crate) batch_size: i32,
}

impl TailConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        read_sound(properties, Self::contradictions).map_err(ConnectError::config)
    }

    pub(crate) fn globs(&self) -> Result<Globs, ConnectError> {
        Globs::new(&self.include, &self.exclude).map_err(ConnectError::config)
    }

    pub(crate) fn header_kinds(&self) -> Arc<[HeaderKind]> {
        let names = self.headers.iter();
        names
            .filter_map(|name| HeaderKind::from_name(name))
            .collect()
    }

    pub(crate) fn cutter(&self) -> Cutter {
        Cutter {
            max: usize::try_from(self.max_line_bytes).unwrap_or(1),
            too_long: self.line_too_long,
            form: Form::Utf8,
        }
    }

    /// Of what type values are.
    pub(crate) fn value(&self) -> Column {
        match self.invalid_bytes {
            InvalidBytes::Keep => Column::Bytes(Some(Arc::new(Schema::new(SchemaType::Bytes)))),
            _ => Column::Text(Some(Schema::string())),
        }
    }

    pub(crate) fn grouper(&self) -> Result<Option<Grouper>, ConnectError> {
        let lines_max = usize::try_from(self.multiline_max_lines).unwrap_or(2);
        Grouper::new(
            self.multiline,
            &self.multiline_pattern,
            lines_max,
            self.cutter().max,
        )
        .map_err(ConnectError::config)
    }

    pub(crate) fn router(&self, host: Arc<str>) -> Result<Router, ConnectError> {
        let read = |text: &str| Template::read(text).map_err(ConnectError::config);
        let regex = self.path_regex.as_deref().filter(|regex| !regex.is_empty());
        Ok(Router {
            topic: read(&self.topic)?,
            key: self.key.as_deref().map(read).transpose()?,
            path_regex: regex
                .map(regex::Regex::new)
                .transpose()
                .map_err(|error| ConnectError::config("cannot read path.regex").caused_by(error))?,
            host,
        })
    }

    /// What is wrong with keys together, of which each by itself is right; whatever is wrong with others.
    pub(crate) fn contradictions(properties: &Properties) -> Vec<(String, String)> {
        let stand_ins = [("include", "/"), ("topic", "-")];
        let Some(sound) = Sound::<Self>::read(properties, &stand_ins) else {
            return Vec::new();
        };
        sound.contradictions(Self::find_contradictions)
    }

    fn find_contradictions(&self, refusals: &mut Refusals<'_, Self>) {
        let needs_pattern = matches!(self.multiline, Multiline::Start | Multiline::Continuation);
        let pattern = &self.multiline_pattern;
        let pattern_keys = ["multiline.pattern", "multiline"];
        if needs_pattern && pattern.is_empty() {
            let why = "multiline=start and multiline=continuation need a regular expression";
            refusals.refuse(&pattern_keys, pattern, why);
        }
        if !needs_pattern && !pattern.is_empty() {
            let why = "only multiline=start and multiline=continuation have a pattern; set one of them, or leave it out";
            refusals.refuse(&pattern_keys, pattern, why);
        }
        if self.invalid_bytes == InvalidBytes::Keep && self.encoding != Encoding::Utf8 {
            let why = "bytes can only be kept where nothing is converted; set encoding=utf-8, which converts nothing, or choose of replace, escape, remove, drop";
            refusals.refuse(&["invalid.bytes", "encoding"], "keep", why);
        }
        let everything = ["*", "**", "/**"];
        check::exclude(&self.include, &self.exclude, &everything, refusals);
        if let Ok(router) = self.router("".into()) {
            let groups = router
                .path_regex
                .as_ref()
                .map_or(0, |regex| regex.captures_len() - 1);
            let why =
                format!("path.regex has {groups} groups; add them to it, or name one of them");
            if router.topic.groups() > groups {
                refusals.refuse(&["topic", "path.regex"], &self.topic, &why);
            }
            if router.key.is_some_and(|key| key.groups() > groups) {
                let key = self.key.as_deref().unwrap_or_default();
                refusals.refuse(&["key", "path.regex"], key, &why);
            }
        }
    }

    pub(crate) fn waits(&self) -> Waits {
        Waits {
            group: millis(self.multiline_timeout_ms),
            last_line: u64::try_from(self.last_line_timeout_ms)
                .ok()
                .map(Duration::from_millis),
            rotated: millis(self.rotated_wait_ms),
            deleted: millis(self.deleted_wait_ms),
        }
    }

    /// Where Flume stopped. Blocks: for the blocking pool.
    ///
    /// # Errors
    /// The key, its value, what is wrong and what to do.
    pub(crate) fn flume_positions(file: Option<&str>) -> Result<FlumePositions, String> {
        let Some(file) = file.filter(|file| !file.is_empty()) else {
            return Ok(FlumePositions::default());
        };
        FlumePositions::read(Path::new(file)).map_err(|why| {
            format!("Invalid value {file} for configuration {START_FROM_FLUME}: {why}")
        })
    }

    pub(crate) fn close_inactive(&self) -> Duration {
        millis(self.close_inactive_ms)
    }

    /// The age from which on files are not read; none to read all.
    pub(crate) fn ignore_older(&self) -> Option<Duration> {
        (self.ignore_older_ms > 0).then(|| millis(self.ignore_older_ms))
    }

    pub(crate) fn scan_interval(&self) -> Duration {
        millis(self.scan_interval_ms)
    }
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count.unsigned_abs())
}

fn check_include(key: &str, value: &config::Value) -> Result<(), String> {
    let patterns = value.as_list().unwrap_or_default();
    if patterns.iter().any(|pattern| pattern.contains('\0')) {
        return Err("no path has a NUL character in it; leave that out".to_owned());
    }
    globs::check_include(key, value)
}

fn check_key(key: &str, value: &config::Value) -> Result<(), String> {
    check::filled(value, "name a place such as ${path}")?;
    template::check_key(key, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
        let properties: Properties = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        TailConfig::parse(&properties)
            .err()
            .map(|errors| errors.iter().map(|error| error.message.clone()).collect())
            .unwrap_or_default()
    }

    #[test]
    fn everything_wrong_is_told_together_with_key_value_and_remedy() {
        let told = errors(&[
            ("include", "/l/[a"),
            ("exclude", "/l/{a"),
            ("topic", "a b"),
            ("headers", "path,size"),
            ("start.position", "middle"),
            ("max.line.bytes", "1"),
            ("line.too.long", "shout"),
        ]);
        for mention in [
            "include: cannot read the glob",
            "exclude: cannot read the glob",
            "a b for configuration topic: a topic's name",
            "no header 'size'; choose of path, host",
            "middle for configuration start.position",
            "1 for configuration max.line.bytes",
            "shout for configuration line.too.long",
        ] {
            assert!(
                told.iter().any(|error| error.contains(mention)),
                "{mention}: {told:#?}"
            );
        }
        assert_eq!(told.len(), 7, "{told:#?}");
    }

    #[test]
    fn keys_that_contradict_one_another() {
        let told = |multiline: &str, pattern: &str| {
            let keys = [
                ("topic", "t"),
                ("include", "/l/*"),
                ("multiline", multiline),
                ("multiline.pattern", pattern),
            ];
            let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
            TailConfig::contradictions(&keys.into_iter().collect()).len()
        };
        assert_eq!(told("start", ""), 1);
        assert_eq!(told("indent", "^x"), 1);
        let kept = |encoding: &str| {
            let keys = [
                ("topic", "t"),
                ("include", "/l/*"),
                ("invalid.bytes", "keep"),
                ("encoding", encoding),
            ];
            let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
            TailConfig::contradictions(&keys.into_iter().collect()).len()
        };
        assert_eq!((kept("auto"), kept("UTF-8")), (1, 0));
        assert_eq!(told("start", "^x") + told("none", "") + told("json", ""), 0);
    }

    #[test]
    fn what_would_have_no_effect_is_told() {
        let told = |pairs: &[(&str, &str)]| {
            let base = [("topic", "t"), ("include", "/l/*")];
            let keys = base.iter().chain(pairs);
            let keys = keys.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let told = TailConfig::read(&keys.collect()).err();
            told.map_or_else(String::new, |error| error.to_string())
        };
        for (pairs, mention) in [
            (
                &[("exclude", "/l/*")][..],
                "/l/* for configuration include: exclude matches all",
            ),
            (
                &[("exclude", "**")],
                "/l/* for configuration include: exclude matches all",
            ),
            (&[("headers", "path,path")], "'path' is there twice"),
            (&[("key", "")], "configuration key: it is empty"),
            (&[("include", "a\0b")], "include: "),
        ] {
            assert!(told(pairs).contains(mention), "{pairs:?}: {}", told(pairs));
        }
        assert_eq!(
            told(&[("include", "/l/*,/m/*"), ("exclude", "/l/*,*.gz")]),
            ""
        );
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        assert!(errors(&[("topic", "t")])[0].contains("include"));
        assert!(errors(&[("topic", "t"), ("include", "")])[0].contains("at least one"));
        assert_eq!(
            errors(&[("topic", "t"), ("include", "/l/*.log")]),
            Vec::<String>::new()
        );
    }
}
