//! Finds the `millrace` binary, built in the profile this harness was built in.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Names a ready-made binary to test instead of building one.
const VARIABLE: &str = "MILLRACE_BIN";

/// The path of the binary. The first call has cargo build it, which is quick where it is fresh.
///
/// # Panics
/// If it cannot be built.
pub fn millrace() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os(VARIABLE).map_or_else(|| of("millrace"), PathBuf::from))
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The path of the binary that another package makes. Has cargo build it.
///
/// # Panics
/// If it cannot be built.
pub fn of(package: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository()).args([
        "build",
        "--quiet",
        "--package",
        package,
        "--message-format",
        "json-render-diagnostics",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "cannot build {package}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    executable(&text).expect("cargo names the binary it built")
}

/// The executable in cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}
