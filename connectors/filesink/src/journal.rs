//! What is committed of a partition: a small JSON file, replaced as a whole.
//!
//! It lies in `DIRECTORY/.millrace/CONNECTOR/`, as `TOPIC+PARTITION.json`, beside the temporary files. `owner` is the
//! task that opened the partition last; only that one may write. `next` is the offset from which the partition is read
//! again; `ahead` names folders that have records at and behind it, with the last offset of each; `moves` are complete
//! temporary files, and where they belong.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::names;

/// Bytes of a journal at most.
const JOURNAL_MAX: u64 = 64 << 20;

/// What is committed of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) owner: String,
    /// What the folders of records depend on; `ahead` holds for this one.
    pub(crate) layout: String,
    pub(crate) next: Option<i64>,
    #[serde(default)]
    pub(crate) ahead: BTreeMap<String, i64>,
    #[serde(default)]
    pub(crate) moves: Vec<Move>,
}

/// A complete file on the way to its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Move {
    /// Its name in the connector's own folder.
    pub(crate) from: String,
    /// Its path below the directory.
    pub(crate) to: String,
}

/// The connector's own folder.
#[derive(Debug, Clone)]
pub(crate) struct Journals {
    directory: PathBuf,
    folder: PathBuf,
}

/// Holds off other tasks of the connector, wherever they run.
pub(crate) struct Lock(#[expect(dead_code, reason = "held until it is dropped")] File);

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
impl Journals {
    /// That of connector `name` below `directory`.
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        Self {
            directory: directory.to_path_buf(),
            folder: directory.join(".millrace").join(names::connector(name)),
        }
    }

    /// Where a temporary file or a journal is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes directory and folder.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.directory)
            .map_err(Failure::io("make the folder", &self.directory))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(Failure::io("make the folder", &self.folder))?;
        self.folder
            .ancestors()
            .skip(1)
            .take(2)
            .try_for_each(sync_folder)
    }

    /// Waits until no other task writes a journal.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Failure::io("open", &path))?;
        match flock(&file, FlockOperation::LockExclusive) {
            // Some network file systems have no locks; then the owner's name alone has to do.
            Ok(()) | Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP) => Ok(Lock(file)),
            Err(error) => Err(Failure::io("lock", &path)(error.into())),
        }
    }

    /// The journal of a partition, by the name that its files begin with; none if there is none yet.
    pub(crate) fn read(&self, partition: &str) -> Result<Option<Journal>, Failure> {
        let path = self.path(&file_name(partition));
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Failure::io("open", &path))?,
        };
        let mut text = Vec::new();
        file.take(JOURNAL_MAX)
            .read_to_end(&mut text)
            .map_err(Failure::io("read", &path))?;
        let journal: Journal = serde_json::from_slice(&text).map_err(|error| Failure::Journal {
            path: path.clone(),
            why: error.to_string(),
        })?;
        let leads_out = |path: &str| path.split('/').any(|name| name == ".." || name.is_empty());
        let bad = journal
            .moves
            .iter()
            .find(|step| step.from.contains('/') || leads_out(&step.from) || leads_out(&step.to));
        match bad {
            Some(step) => Err(Failure::Journal {
                path,
                why: format!(
                    "it moves {} to {}, out of the directory",
                    step.from, step.to
                ),
            }),
            None => Ok(Some(journal)),
        }
    }

    /// Replaces the journal of a partition; on return the disk has it.
    pub(crate) fn write(&self, partition: &str, journal: &Journal) -> Result<(), Failure> {
        let path = self.path(&file_name(partition));
        let fresh = self.path(&format!("{partition}.new"));
        let text = serde_json::to_vec(journal).map_err(|error| Failure::Journal {
            path: path.clone(),
            why: error.to_string(),
        })?;
        let mut file = File::create(&fresh).map_err(Failure::io("create", &fresh))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(Failure::io("write to", &fresh))?;
        fs::rename(&fresh, &path).map_err(Failure::io("replace", &path))?;
        sync_folder(&self.folder)
    }

    /// Does what a journal says. Files that are not there have been moved.
    pub(crate) fn move_files(&self, moves: &[Move]) -> Result<(), Failure> {
        let mut folders = Vec::new();
        for step in moves {
            let (from, to) = (self.path(&step.from), self.directory.join(&step.to));
            self.make_parent(&to)?;
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {}
                moved => moved.map_err(Failure::io("move a complete file to", &to))?,
            }
            folders.extend(to.parent().map(Path::to_path_buf));
        }
        folders.dedup();
        for folder in folders {
            for changed in folder.ancestors() {
                sync_folder(changed)?;
                if changed == self.directory {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Makes the folder that a complete file is to be in.
    pub(crate) fn make_parent(&self, path: &Path) -> Result<(), Failure> {
        match path.parent() {
            Some(parent) => {
                fs::create_dir_all(parent).map_err(Failure::io("make the folder", parent))
            }
            None => Ok(()),
        }
    }

    /// Where a complete file belongs.
    pub(crate) fn target(&self, to: &str) -> PathBuf {
        self.directory.join(to)
    }

    /// Names of temporary files.
    pub(crate) fn temporaries(&self) -> Result<Vec<String>, Failure> {
        let failed = || Failure::io("list", &self.folder);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            names.extend(
                name.into_string()
                    .ok()
                    .filter(|name| name.ends_with(".part")),
            );
        }
        Ok(names)
    }

    /// Deletes a temporary file.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Failure> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            deleted => deleted.map_err(Failure::io("delete", &path)),
        }
    }
}

fn file_name(partition: &str) -> String {
    format!("{partition}.json")
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(Failure::io("sync the folder", folder))
}
