//! Commands that end by themselves: run with input, awaited, looked at.

use std::{
    fs::{self, File},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::{binary, sandbox::Sandbox, wait};

/// How long a command may take before a test gives up, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
}

impl Outcome {
    /// The exit code; none where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What it printed, where it succeeded.
    ///
    /// # Panics
    /// If it failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }

    /// What it printed as JSON, where it succeeded.
    ///
    /// # Panics
    /// If it failed, or printed something else.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Runs `millrace` with these words as arguments.
///
/// # Panics
/// If it cannot be started, or does not end in time.
pub fn run(sandbox: &Sandbox, words: &str) -> Outcome {
    run_with(sandbox, words, "")
}

/// The same with standard input.
///
/// # Panics
/// As [`run`].
pub fn run_with(sandbox: &Sandbox, words: &str, input: &str) -> Outcome {
    let arguments: Vec<&str> = words.split_whitespace().collect();
    run_words(sandbox, &arguments, input)
}

/// The same where arguments hold blanks.
///
/// # Panics
/// As [`run`].
pub fn run_words(sandbox: &Sandbox, arguments: &[&str], input: &str) -> Outcome {
    let mut command = Command::new(binary::millrace());
    command.args(arguments);
    run_command(sandbox, command, input)
}

/// Runs any command in the sandbox's folder.
///
/// # Panics
/// As [`run`].
pub fn run_command(sandbox: &Sandbox, command: Command, input: &str) -> Outcome {
    run_within(sandbox, command, input, PATIENCE)
}

/// The same for a command that may take so long.
///
/// # Panics
/// As [`run`].
pub fn run_within(
    sandbox: &Sandbox,
    mut command: Command,
    input: &str,
    patience: Duration,
) -> Outcome {
    let (stdin, stdout, stderr) = (
        sandbox.log("stdin"),
        sandbox.log("stdout"),
        sandbox.log("stderr"),
    );
    fs::write(&stdin, input).expect("a file for stdin");
    let mut child = command
        .current_dir(sandbox.path())
        .stdin(Stdio::from(File::open(&stdin).expect("a file for stdin")))
        .stdout(File::create(&stdout).expect("a file for stdout"))
        .stderr(File::create(&stderr).expect("a file for stderr"))
        .spawn()
        .expect("the command starts");
    let mut ended = None;
    let end = std::time::Instant::now() + patience;
    wait::until_or(end, || {
        ended = child.try_wait().expect("a child can be awaited");
        ended
    });
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let Some(status) = ended else {
        // It may end by itself right now.
        drop(child.kill());
        drop(child.wait());
        panic!("{command:?} does not end: {}", text(&stderr));
    };
    Outcome {
        status,
        stdout: text(&stdout),
        stderr: text(&stderr),
    }
}
