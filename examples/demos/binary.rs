//! The `millrace` binary that demos run: built by cargo where cargo runs the demo, else the one beside it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Names a ready-made binary.
const VARIABLE: &str = "MILLRACE_BIN";

/// Where it is.
pub(crate) fn millrace() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(path.into());
    }
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", "millrace"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
        ensure!(built.success(), "cannot build millrace");
    }
    let demo = std::env::current_exe()?;
    let folder = demo.parent().and_then(|examples| examples.parent());
    let path = folder.context("the demo lies nowhere")?.join("millrace");
    ensure!(
        path.exists(),
        "{} is not there; {VARIABLE} names another",
        path.display()
    );
    Ok(path)
}
