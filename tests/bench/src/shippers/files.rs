//! The files that are shipped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::input::Input;

/// Files; each is a copy of the input.
pub(crate) const COUNT: u64 = 10;

/// A folder of files with the same number of lines.
#[derive(Debug)]
pub(super) struct Files {
    /// Absolute.
    pub(super) folder: PathBuf,
    /// Lines of all files.
    pub(super) lines: u64,
    bytes: u64,
}

impl Files {
    /// Copies `input` and syncs the copies, so that no measurement shares the disk with their writeback.
    pub(super) fn create(dir: &Path, input: &Input) -> anyhow::Result<Self> {
        let folder = dir.join("shipped");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for number in 0..COUNT {
            let path = folder.join(format!("{number:02}.log"));
            fs::copy(&input.path, &path)
                .and_then(|_| File::open(&path)?.sync_all())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self {
            folder: folder.canonicalize()?,
            lines: COUNT * input.lines,
            bytes: COUNT * input.bytes(),
        })
    }

    /// Bytes of all lines, newlines included.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left is written over the next time.
        drop(fs::remove_dir_all(&self.folder));
    }
}
