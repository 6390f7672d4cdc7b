//! The keys. Those of Flume's exec source are taken too, under their names there.

use std::path::Path;
use std::time::Duration;

use millrace_api::config::{self, Config, ConfigEnum, Refusals, Sound, path, read_sound, refused};
use millrace_api::{ConnectError, Properties};
use tokio::task::spawn_blocking;

use crate::lines::TooLong;
use crate::restarts::Restarts;
use crate::{grammar, lookup};

/// When a command that has ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Restart {
    #[default]
    Never,
    #[config(name = "on-failure")]
    OnFailure,
    Always,
    /// Flume's word for always.
    True,
    /// Flume's word for never.
    False,
}

/// What becomes of standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Stderr {
    #[default]
    Log,
    Discard,
    Records,
}

/// How the output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Charset {
    #[default]
    #[config(name = "utf-8")]
    Utf8,
    #[config(name = "iso-8859-1")]
    Latin1,
    /// A part of UTF-8.
    #[config(name = "us-ascii")]
    Ascii,
}

/// What Exec needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ExecConfig {
    /// The command, which is split at blanks into a program and its arguments. With `shell`, the shell gets it whole.
    #[config(name = "command", importance = high, validator = check_command)]
    command: String,
    /// The shell that runs the command, such as `/bin/sh -c`: only with it are quotes, pipes and variables understood.
    #[config(name = "shell", importance = high, validator = check_shell)]
    shell: Option<String>,
    /// The topic to write to.
    #[config(name = "topic", importance = high, validator = check_topic)]
    pub(crate) topic: String,
    /// When a command that has ended is started again: `never`, `on-failure` or `always`; Flume's `true` and `false` are
    /// always and never. Where it is not, a command that has failed fails the task.
    #[config(name = "restart", default = "never", importance = high)]
    restart: Restart,
    /// Milliseconds before it is started again; twice as many after each failure in a row.
    #[config(name = "restart.pause.ms", default = 10_000, range(0..=86_400_000))]
    restart_pause_ms: i64,
    /// The longest pause in milliseconds. A run that took longer than that begins a new row of failures.
    #[config(name = "restart.pause.max.ms", default = 300_000, range(0..=86_400_000), importance = low)]
    restart_pause_max_ms: i64,
    /// Failures in a row after which the task fails; -1 never gives up.
    #[config(name = "restart.failures.max", default = -1, range(-1..))]
    restart_failures_max: i32,
    /// What becomes of standard error: `log` writes it to the worker's log, at most 20 lines in ten seconds; `records`
    /// takes it like standard output; `discard` drops it.
    #[config(name = "stderr", default = "log")]
    stderr: Stderr,
    /// How the output is written: `UTF-8`, `ISO-8859-1` or `US-ASCII`. Bytes that are no text become U+FFFD.
    #[config(name = "charset", default = "UTF-8", importance = low)]
    pub(crate) charset: Charset,
    /// Bytes of the longest record; a longer line is treated as `line.too.long` says.
    #[config(name = "max.line.bytes", default = 1_000_000, range(16..=16_777_216))]
    max_line_bytes: i32,
    /// What becomes of a line that is too long: `split` makes several records of it, `truncate` keeps its beginning, `drop`
    /// leaves it out. Lines cut short or left out are counted and logged.
    #[config(name = "line.too.long", default = "split")]
    pub(crate) line_too_long: TooLong,
    /// How many records one poll gives at most.
    #[config(name = "batch.size", default = 1_000, range(1..=100_000), importance = low)]
    batch_size: i32,
    /// Milliseconds to wait for a poll's records to become `batch.size` many; 0 gives what is there.
    #[config(name = "batch.timeout.ms", default = 0, range(0..=3_600_000), importance = low)]
    batch_timeout_ms: i64,
    /// The folder that the command runs in; without it, the worker's.
    #[config(name = "working.directory", validator = path::check)]
    pub(crate) working_directory: Option<String>,
    /// Variables of the command's environment, `NAME=value`, separated by commas. Of the worker's own it has only HOME,
    /// LANG, LC_ALL, PATH, TMPDIR, TZ and USER: others may hold secrets.
    #[config(name = "environment", default = "", validator = check_environment)]
    environment: Vec<String>,
    /// Milliseconds that the command has to end when it is asked to (SIGTERM), before it is killed.
    #[config(name = "stop.timeout.ms", default = 3_000, range(0..=600_000), importance = low)]
    stop_timeout_ms: i64,
    /// Flume's name of `restart.pause.ms`.
    #[config(name = "restartThrottle", range(0..=86_400_000), importance = low)]
    flume_restart_throttle: Option<i64>,
    /// Flume's: `true` is `stderr=log`, `false` is `stderr=discard`.
    #[config(name = "logStdErr", importance = low)]
    flume_log_std_err: Option<bool>,
    /// Flume's name of `batch.size`.
    #[config(name = "batchSize", range(1..=100_000), importance = low)]
    flume_batch_size: Option<i32>,
    /// Flume's name of `batch.timeout.ms`.
    #[config(name = "batchTimeout", range(0..=3_600_000), importance = low)]
    flume_batch_timeout: Option<i64>,
}

/// Flume's keys, and those that they stand for.
const FLUME: [(&str, &str); 4] = [
    ("restartThrottle", "restart.pause.ms"),
    ("logStdErr", "stderr"),
    ("batchSize", "batch.size"),
    ("batchTimeout", "batch.timeout.ms"),
];

impl ExecConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        read_sound(properties, Self::contradictions).map_err(ConnectError::config)
    }

    /// What is wrong with keys together, whatever is wrong with others: each key with a message.
    pub(crate) fn contradictions(properties: &Properties) -> Vec<(String, String)> {
        let Some(sound) = Self::sound(properties) else {
            return Vec::new();
        };
        sound.contradictions(|config, refusals| config.find_contradictions(properties, refusals))
    }

    /// What of the keys this machine cannot do, whatever is wrong with others: run a program that is not there, in a
    /// folder that is none, or have a shell understand the command.
    pub(crate) async fn impossibilities(properties: &Properties) -> Vec<(String, String)> {
        let Some(sound) = Self::sound(properties) else {
            return Vec::new();
        };
        let config = sound.config().clone();
        let is_sound = ["command", "shell", "working.directory", "environment"]
            .map(|key| sound.are_sound(&[key]));
        let shell = config.shell.clone().filter(|_| is_sound[0] && is_sound[1]);
        let command = config.command.clone();
        let looking = spawn_blocking(move || config.find_impossibilities(is_sound));
        let mut wrong = looking.await.unwrap_or_default();
        if let Some(shell) = shell
            && let Some(said) = grammar::complaint(&shell, &command).await
        {
            let why = format!(
                "the shell does not understand it ({said}); mend it, or take another shell"
            );
            wrong.push(refused("command", &command, &why));
        }
        wrong
    }

    /// Blocks.
    fn find_impossibilities(&self, is_sound: [bool; 4]) -> Vec<(String, String)> {
        let [command, shell, folder, environment] = is_sound;
        let mut wrong = Vec::new();
        let place = self.working_directory.as_deref();
        if let Some(place) = place
            && let Some(why) = lookup::folder_fault(place)
        {
            wrong.push(refused("working.directory", place, &why));
        }
        let (key, value, has_program) = match &self.shell {
            Some(text) => ("shell", text, shell),
            None => ("command", &self.command, command && shell),
        };
        let is_place = wrong.is_empty() && folder;
        if let Some(program) = self.words().first()
            && has_program
            && environment
            && (is_place || Path::new(program).is_absolute())
        {
            let mut variables = self.environment();
            let path = variables
                .rfind(|(name, _)| *name == "PATH")
                .map(|(_, value)| value);
            if let Some(why) = lookup::fault(program, place, path) {
                wrong.push(refused(key, value, &why));
            }
        }
        wrong
    }

    fn sound(properties: &Properties) -> Option<Sound<Self>> {
        Sound::read(properties, &[("command", "-"), ("topic", "-")])
    }

    fn find_contradictions(&self, properties: &Properties, refusals: &mut Refusals<'_, Self>) {
        for (flume, own) in FLUME {
            if let (Some(value), true) = (properties.get(flume), properties.contains_key(own)) {
                refusals.refuse(
                    &[flume, own],
                    value,
                    &format!("it is another name of {own}, which is given too; leave one out"),
                );
            }
        }
        if self.shell.is_none() {
            self.check_words(refusals);
        }
        if !self.restarts_at_all() && self.restart_failures_max >= 0 {
            refusals.refuse(
                &["restart.failures.max", "restart"],
                &self.restart_failures_max.to_string(),
                "it is for restart=on-failure and restart=always; leave it out",
            );
        }
    }

    /// Without a shell all words are arguments, whatever they would mean to one.
    fn check_words(&self, refusals: &mut Refusals<'_, Self>) {
        let command = &self.command;
        let why = if let Some(word) = grammar::torn_quote(command) {
            format!(
                "quotes mean nothing without a shell, and {word} is a word of its own; set shell=/bin/sh -c, or leave the quotes out"
            )
        } else if let Some(word) = grammar::shell_word(command) {
            format!(
                "without a shell {word} is an argument like others; set shell=/bin/sh -c, or leave it out"
            )
        } else {
            return;
        };
        refusals.refuse(&["command", "shell"], command, &why);
    }

    /// The program and its arguments.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        match &self.shell {
            None => words(&self.command),
            Some(shell) => {
                let mut all: Vec<String> = words(shell);
                all.push(self.command.clone());
                all
            }
        }
    }

    pub(crate) fn has_shell(&self) -> bool {
        self.shell.is_some()
    }

    fn restarts_at_all(&self) -> bool {
        !matches!(self.restart, Restart::Never | Restart::False)
    }

    /// Whether a command that has ended so is started again.
    pub(crate) fn restarts_after(&self, has_failed: bool) -> bool {
        match self.restart {
            Restart::Never | Restart::False => false,
            Restart::OnFailure => has_failed,
            Restart::Always | Restart::True => true,
        }
    }

    pub(crate) fn restarts(&self) -> Restarts {
        let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        let pause = self.flume_restart_throttle.unwrap_or(self.restart_pause_ms);
        Restarts::new(
            millis(pause),
            millis(self.restart_pause_max_ms),
            u32::try_from(self.restart_failures_max).ok(),
        )
    }

    pub(crate) fn stderr(&self) -> Stderr {
        match self.flume_log_std_err {
            None => self.stderr,
            Some(true) => Stderr::Log,
            Some(false) => Stderr::Discard,
        }
    }

    pub(crate) fn line_max(&self) -> usize {
        usize::try_from(self.max_line_bytes).unwrap_or(1)
    }

    pub(crate) fn rows_max(&self) -> usize {
        let size = self.flume_batch_size.unwrap_or(self.batch_size);
        usize::try_from(size).unwrap_or(1)
    }

    pub(crate) fn batch_timeout(&self) -> Duration {
        let timeout = self.flume_batch_timeout.unwrap_or(self.batch_timeout_ms);
        Duration::from_millis(timeout.unsigned_abs())
    }

    pub(crate) fn stop_timeout(&self) -> Duration {
        Duration::from_millis(self.stop_timeout_ms.unsigned_abs())
    }

    /// Names and values of `environment`.
    pub(crate) fn environment(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .filter_map(|variable| variable.split_once('='))
    }
}

fn check_command(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("name a program and its arguments".to_owned()),
        Some(command) if command.contains('\0') => {
            Err("no command has a NUL character in it; leave that out".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_shell(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(shell) if shell.trim().is_empty() || shell.contains('\0') => {
            Err("name a shell such as /bin/sh -c, or leave it out".to_owned())
        }
        Some(shell) if is_bare_shell(shell) => Err(format!(
            "it would take the command for the name of a script; write {shell} -c"
        )),
        _ => Ok(()),
    }
}

/// Whether it is one of the usual shells, without the flag that has it run its next argument.
fn is_bare_shell(shell: &str) -> bool {
    let name = shell.rsplit('/').next().unwrap_or_default();
    grammar::SHELLS.contains(&name)
}

fn check_topic(_key: &str, value: &config::Value) -> Result<(), String> {
    let name = value.as_str().unwrap_or_default();
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = (1..=249).contains(&name.len()) && name.bytes().all(is_legal);
    match is_name && name != "." && name != ".." {
        true => Ok(()),
        false => Err("a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned()),
    }
}

fn check_environment(_key: &str, value: &config::Value) -> Result<(), String> {
    let variables = value.as_list().unwrap_or_default();
    let is_variable = |variable: &str| {
        let name = variable.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty()) && !variable.contains('\0')
    };
    match variables.iter().find(|variable| !is_variable(variable)) {
        Some(wrong) => Err(format!(
            "'{wrong}' is no variable; write NAME=value, separated by commas"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
