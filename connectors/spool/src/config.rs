//! The keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_api::config::{self, Config, ConfigEnum, Refusals, Sound, check, path, read_sound};
use millrace_api::{ConnectError, Properties};

use crate::names::{self, Names};
use crate::places::Places;

/// What names of files get that are done, unless another mark is given.
const MARK: &str = ".COMPLETED";

/// What files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Format {
    #[default]
    Lines,
    Json,
    Csv,
    File,
}

/// Which of the files that are there comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Order {
    #[default]
    Name,
    Oldest,
}

/// What becomes of a file whose records are all acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum WhenDone {
    #[default]
    Move,
    Delete,
    Mark,
}

/// What becomes of what cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OnInvalid {
    #[default]
    #[config(name = "set-aside")]
    SetAside,
    Skip,
    Fail,
}

/// What SpoolDir needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct SpoolConfig {
    /// The folder that files are put into. Folders in it and files whose names begin with a dot are left alone.
    #[config(name = "folder", importance = high, validator = path::check)]
    pub(crate) folder: String,
    /// The topic to write to.
    #[config(name = "topic", importance = high, validator = check_topic)]
    pub(crate) topic: String,
    /// Names of the files to read: globs, separated by commas.
    #[config(name = "include", default = "*", importance = high, validator = names::check_include)]
    pub(crate) include: Vec<String>,
    /// Names of files not to read though `include` matches them: globs, separated by commas.
    #[config(name = "exclude", default = "*.tmp,*.part", validator = names::check_exclude)]
    pub(crate) exclude: Vec<String>,
    /// What files hold: `lines` (a record each), `json` (a JSON document a line), `csv` (a structure a row, with the names
    /// of the first row), or `file` (one record, of bytes).
    #[config(name = "format", default = "lines", importance = high)]
    pub(crate) format: Format,
    /// Which of the files that are there comes first: by `name`, or the `oldest` by the time of its last change.
    #[config(name = "order", default = "name")]
    pub(crate) order: Order,
    /// What becomes of a file when all its records are in the topic: `move` (to `done.folder`), `delete`, or `mark`
    /// (`done.suffix` is added to its name).
    #[config(name = "when.done", default = "move", importance = high)]
    pub(crate) when_done: WhenDone,
    /// Where `when.done=move` moves files, on the same file system; without it, the folder `done` in `folder`.
    #[config(name = "done.folder", validator = path::check)]
    pub(crate) done_folder: Option<String>,
    /// What `when.done=mark` adds to names.
    #[config(name = "done.suffix", default = MARK, importance = low, validator = names::check_mark)]
    pub(crate) done_suffix: String,
    /// What becomes of a file with something in it that cannot be read: `set-aside` moves it to `failed.folder`, after the
    /// records before were written; `skip` leaves the record out and counts it; `fail` ends the task.
    #[config(name = "on.invalid", default = "set-aside")]
    pub(crate) on_invalid: OnInvalid,
    /// Where `on.invalid=set-aside` moves files, on the same file system; without it, the folder `failed` in `folder`.
    #[config(name = "failed.folder", validator = path::check)]
    pub(crate) failed_folder: Option<String>,
    /// A file is read when its size and time of change were the same for so many milliseconds; 0 reads at once what is put
    /// there by renaming.
    #[config(name = "stable.ms", default = 1_000, range(0..), importance = high)]
    pub(crate) stable_ms: i64,
    /// Milliseconds between two looks at the folder.
    #[config(name = "scan.interval.ms", default = 500, range(10..), importance = low)]
    pub(crate) scan_interval_ms: i64,
    /// Bytes of the longest record; a longer one cannot be read, and `on.invalid` says what follows.
    #[config(name = "max.record.bytes", default = 1_000_000, range(16..=16_777_216))]
    pub(crate) max_record_bytes: i32,
    /// What separates the fields of `format=csv`; `\t` is a tab.
    #[config(name = "csv.separator", default = ",", validator = check_separator)]
    pub(crate) csv_separator: String,
    /// Headers that each record gets, separated by commas, of `file` (the name), `path` and `offset` (of the record's first
    /// byte in the file).
    #[config(name = "headers", default = "", validator = check::headers::<HeaderKind>)]
    pub(crate) headers: Vec<String>,
    /// Whether the file's name is the key of its records, which keeps their order in a topic of several partitions.
    #[config(name = "key.file.name", default = false)]
    pub(crate) key_file_name: bool,
    /// How many records one poll gives at most.
    #[config(name = "batch.size", default = 5_000, range(1..=100_000), importance = low)]
    pub(crate) batch_size: i32,
}

impl SpoolConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        read_sound(properties, Self::contradictions).map_err(ConnectError::config)
    }

    /// What is wrong with keys together, whatever is wrong with others: each key with a message.
    pub(crate) fn contradictions(properties: &Properties) -> Vec<(String, String)> {
        let sound = Self::sound(properties);
        sound.map_or_else(Vec::new, |sound| {
            sound.contradictions(Self::find_contradictions)
        })
    }

    /// What of the keys this machine cannot do, whatever is wrong with others: read a folder that is not there, move files
    /// to where none can go. Nobody waits for a folder, so this is asked for before the task starts, and when it does.
    pub(crate) async fn impossibilities(properties: &Properties) -> Vec<(String, String)> {
        let Some(sound) = Self::sound(properties) else {
            return Vec::new();
        };
        if !sound.are_sound(&["folder"]) {
            return Vec::new();
        }
        let mut places = sound.config().places();
        places.targets.retain(|(key, _)| sound.are_sound(&[key]));
        let looking = tokio::task::spawn_blocking(move || places.faults());
        looking.await.unwrap_or_default()
    }

    fn sound(properties: &Properties) -> Option<Sound<Self>> {
        Sound::read(properties, &[("folder", "/"), ("topic", "-")])
    }

    fn find_contradictions(&self, refusals: &mut Refusals<'_, Self>) {
        let folder = Path::new(&self.folder);
        for (key, other) in [
            ("done.folder", &self.done_folder),
            ("failed.folder", &self.failed_folder),
        ] {
            if let Some(other) = other.as_deref().filter(|other| Path::new(other) == folder) {
                refusals.refuse(
                    &[key, "folder"],
                    other,
                    "files would be read again; name another folder than folder",
                );
            }
        }
        if let Some(done) = &self.done_folder
            && self.when_done != WhenDone::Move
        {
            refusals.refuse(
                &["done.folder", "when.done"],
                done,
                "it is for when.done=move; leave it out",
            );
        }
        if let Some(failed) = &self.failed_folder
            && self.on_invalid != OnInvalid::SetAside
        {
            refusals.refuse(
                &["failed.folder", "on.invalid"],
                failed,
                "it is for on.invalid=set-aside; leave it out",
            );
        }
        self.check_mark(refusals);
        check::exclude(&self.include, &self.exclude, &["*"], refusals);
        if self.csv_separator != "," && self.format != Format::Csv {
            refusals.refuse(
                &["csv.separator", "format"],
                &self.csv_separator,
                "it is for format=csv; leave it out",
            );
        }
    }

    fn check_mark(&self, refusals: &mut Refusals<'_, Self>) {
        let mark = &self.done_suffix;
        if self.when_done != WhenDone::Mark {
            if mark != MARK {
                let why = "it is for when.done=mark; leave it out";
                refusals.refuse(&["done.suffix", "when.done"], mark, why);
            }
            return;
        }
        let keys = ["done.suffix", "include", "when.done"];
        if let Some(pattern) = self.include.iter().find(|one| one.ends_with(mark)) {
            let why = format!(
                "all files that include={pattern} matches end so, and would count as read; choose another mark"
            );
            refusals.refuse(&keys, mark, &why);
        }
    }

    /// The folders.
    pub(crate) fn places(&self) -> Places {
        let targets = [
            ("done.folder", self.done_folder()),
            ("failed.folder", self.failed_folder()),
        ];
        let targets = targets.into_iter();
        Places {
            folder: self.folder(),
            targets: targets
                .filter_map(|(key, target)| Some((key, target?)))
                .collect(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        PathBuf::from(&self.folder)
    }

    /// Where files go that are done, if they are moved.
    pub(crate) fn done_folder(&self) -> Option<PathBuf> {
        (self.when_done == WhenDone::Move)
            .then(|| named_or(self.done_folder.as_deref(), &self.folder, "done"))
    }

    /// Where files go that cannot be read, if they are moved.
    pub(crate) fn failed_folder(&self) -> Option<PathBuf> {
        (self.on_invalid == OnInvalid::SetAside)
            .then(|| named_or(self.failed_folder.as_deref(), &self.folder, "failed"))
    }

    pub(crate) fn names(&self) -> Result<Names, ConnectError> {
        let marked = (self.when_done == WhenDone::Mark).then(|| self.done_suffix.clone());
        Names::new(&self.include, &self.exclude, marked).map_err(ConnectError::config)
    }

    pub(crate) fn separator(&self) -> u8 {
        separator(&self.csv_separator).unwrap_or(b',')
    }

    pub(crate) fn record_max(&self) -> usize {
        usize::try_from(self.max_record_bytes).unwrap_or(1)
    }

    pub(crate) fn rows_max(&self) -> usize {
        usize::try_from(self.batch_size).unwrap_or(1)
    }

    pub(crate) fn stable_for(&self) -> Duration {
        Duration::from_millis(self.stable_ms.unsigned_abs())
    }

    pub(crate) fn scan_interval(&self) -> Duration {
        Duration::from_millis(self.scan_interval_ms.unsigned_abs())
    }

    pub(crate) fn header_kinds(&self) -> Vec<HeaderKind> {
        let names = self.headers.iter();
        names
            .filter_map(|name| HeaderKind::from_name(name))
            .collect()
    }
}

fn named_or(named: Option<&str>, folder: &str, otherwise: &str) -> PathBuf {
    named.map_or_else(|| Path::new(folder).join(otherwise), PathBuf::from)
}

/// A header that records may have. The name of the key is the name of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum HeaderKind {
    /// The file's name.
    File,
    /// The file's path.
    Path,
    /// The record's first byte in the file.
    Offset,
}

fn check_topic(_key: &str, value: &config::Value) -> Result<(), String> {
    let name = value.as_str().unwrap_or_default();
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match name {
        "." | ".." => {}
        _ if (1..=249).contains(&name.len()) && name.bytes().all(is_legal) => return Ok(()),
        _ => {}
    }
    Err("a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned())
}

fn separator(text: &str) -> Option<u8> {
    match text.as_bytes() {
        br"\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

fn check_separator(_key: &str, value: &config::Value) -> Result<(), String> {
    match value {
        config::Value::String(text) if separator(text).is_none() => {
            Err("expected one ASCII character that is no quote, such as , ; | or \\t".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
