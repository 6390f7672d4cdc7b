//! The files: quiet ones in many folders, busy ones in one.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use super::{BUSY_TOPIC, QUIET_TOPIC};
use crate::input;

pub(super) const QUIET: usize = 20_000;
pub(super) const BUSY: usize = 100;
const FOLDERS: usize = 200;
/// Lines of a quiet file, and their length.
const LINES_EACH: usize = 20;
const LINE: usize = 100;
/// Lines of all quiet files.
pub(super) const LINES: u64 = (QUIET * LINES_EACH) as u64;

/// A folder with both.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    /// Writes the quiet files, each with lines of its own at its head, and makes the busy ones, empty.
    pub(super) fn create(root: &Path) -> anyhow::Result<Self> {
        let files = Self {
            root: root.to_owned(),
        };
        let lines = input::block(LINE, QUIET * LINES_EACH * LINE);
        for (number, lines) in lines.chunks(LINES_EACH * LINE).enumerate() {
            let folder = root
                .join(QUIET_TOPIC)
                .join(format!("{:03}", number % FOLDERS));
            let path = folder.join(format!("{number:05}.log"));
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(&path, lines))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        fs::create_dir_all(root.join(BUSY_TOPIC))?;
        files.open_busy()?;
        Ok(files)
    }

    /// The busy files, open for appending.
    pub(super) fn open_busy(&self) -> anyhow::Result<Vec<File>> {
        let open = |number| {
            let path = self.root.join(BUSY_TOPIC).join(format!("{number:03}.log"));
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))
        };
        (0..BUSY).map(open).collect()
    }

    /// The connector that tails all of them, the quiet ones into one topic, the busy ones into another.
    pub(super) fn connector(&self) -> Value {
        let root = self.root.display();
        json!({
            "connector.class": "FileTail",
            "include": format!("{root}/{QUIET_TOPIC}/*/*.log,{root}/{BUSY_TOPIC}/*.log"),
            "topic": "${1}",
            "path.regex": format!("/({QUIET_TOPIC}|{BUSY_TOPIC})/"),
        })
    }
}
