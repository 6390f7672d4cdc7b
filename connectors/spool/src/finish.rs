//! What becomes of files that were read: they are moved, deleted or marked, and never replace another one.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::{SpoolConfig, WhenDone};
use crate::flight::{Fate, InFlight};
use crate::scan::Stamp;

/// Names tried until one is free.
const NAMES_MAX: u32 = 100_000;

/// Where files go.
#[derive(Debug, Clone)]
pub(crate) struct Finish {
    done: Done,
    failed: Option<PathBuf>,
}

#[derive(Debug, Clone)]
enum Done {
    Move(PathBuf),
    Delete,
    Mark(String),
}

impl Finish {
    pub(crate) fn new(config: &SpoolConfig) -> Self {
        let done = match (config.when_done, config.done_folder()) {
            (WhenDone::Delete, _) => Done::Delete,
            (WhenDone::Move, Some(folder)) => Done::Move(folder),
            _ => Done::Mark(config.done_suffix.clone()),
        };
        Self {
            done,
            failed: config.failed_folder(),
        }
    }

    /// Does it, unless the file has been changed or taken away meanwhile. Blocks.
    ///
    /// # Errors
    /// When it cannot be done.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn apply(&self, file: &InFlight) -> io::Result<()> {
        let path = &file.path;
        match std::fs::metadata(path) {
            Ok(metadata) if Stamp::of(&metadata) == file.stamp || file.fate == Fate::Failed => {}
            Ok(_) => {
                log::warn!(
                    "{} was replaced after it was read; it is read again",
                    path.display()
                );
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                log::warn!("{} was taken away while it was read", path.display());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match (file.fate, &self.done, &self.failed) {
            (Fate::Failed, _, Some(folder)) | (Fate::Done, Done::Move(folder), _) => {
                let name = path.file_name().unwrap_or_default();
                rename(path, &folder.join(name))
            }
            (Fate::Failed, _, None) => Ok(()),
            (Fate::Done, Done::Delete, _) => std::fs::remove_file(path),
            (Fate::Done, Done::Mark(suffix), _) => {
                let mut name = path.file_name().unwrap_or_default().to_owned();
                name.push(suffix);
                let marked = path.with_file_name(&name);
                if marked.try_exists()? {
                    // The mark has to stay the end of the name, or the file is read again.
                    let stem = path.file_name().unwrap_or_default();
                    return rename_free(path, |number| {
                        let mut name = stem.to_owned();
                        name.push(format!(".{number}{suffix}"));
                        path.with_file_name(name)
                    });
                }
                std::fs::rename(path, marked)
            }
        }
    }
}

/// Renames to a name, or to the same with a number behind it where there is such a file.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if !to.try_exists()? {
        return std::fs::rename(from, to);
    }
    rename_free(from, |number| {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    })
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn rename_free(from: &Path, name: impl Fn(u32) -> PathBuf) -> io::Result<()> {
    for number in 1..NAMES_MAX {
        let to = name(number);
        if !to.try_exists()? {
            return std::fs::rename(from, to);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_api::Properties;

    use super::*;

    fn finish(dir: &Path, when_done: &str) -> Finish {
        let properties: Properties = [
            ("folder", dir.to_str().unwrap()),
            ("topic", "t"),
            ("when.done", when_done),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        Finish::new(&SpoolConfig::read(&properties).unwrap())
    }

    fn file(path: &Path, fate: Fate) -> InFlight {
        std::fs::write(path, "x").unwrap();
        InFlight {
            path: path.to_owned(),
            stamp: Stamp::of(&path.metadata().unwrap()),
            fate,
            open: Arc::default(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_never_replace_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for folder in ["done", "failed"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for _ in 0..3 {
            finish(dir.path(), "move")
                .apply(&file(&path, Fate::Done))
                .unwrap();
            finish(dir.path(), "mark")
                .apply(&file(&path, Fate::Failed))
                .unwrap();
            finish(dir.path(), "mark")
                .apply(&file(&path, Fate::Done))
                .unwrap();
        }
        for folder in ["done", "failed"] {
            assert_eq!(names(&dir.path().join(folder)), ["a", "a.1", "a.2"]);
        }
        assert_eq!(
            names(dir.path()),
            ["a.1.COMPLETED", "a.2.COMPLETED", "a.COMPLETED"]
        );
        finish(dir.path(), "delete")
            .apply(&file(&path, Fate::Done))
            .unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_was_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let read = file(&path, Fate::Done);
        std::fs::write(&path, "another").unwrap();
        finish(dir.path(), "delete").apply(&read).unwrap();
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
        finish(dir.path(), "delete").apply(&read).unwrap();
    }
}
