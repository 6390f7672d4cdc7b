//! The folders: where files are put, and where they go. All of them have to be there, or to be made, when the task starts.
//! Blocks.
#![expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use millrace_api::config::refused;
use rustix::fs::{Access, access};

/// The folder that files are put into, and those that they are moved to, by their keys.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) folder: PathBuf,
    pub(crate) targets: Vec<(&'static str, PathBuf)>,
}

impl Places {
    /// Makes the folders that files are moved to.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub(crate) fn prepare(&self) -> Result<(), String> {
        let mut wrong = self.faults();
        if wrong.is_empty() {
            let made = self.targets.iter().map(|(key, target)| {
                let made = std::fs::create_dir_all(target);
                made.map_err(|error| {
                    let why = format!(
                        "cannot make it: {error}; give the right to write there, or name another"
                    );
                    refused(key, target.display(), &why)
                })
            });
            wrong = made.filter_map(Result::err).collect();
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let why: Vec<_> = wrong.into_iter().map(|(_, why)| why).collect();
        Err(why.join("\n"))
    }

    /// What is wrong with the folders as they are now: each key with a message. Nothing is made.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let folder = match self.look_at_folder() {
            Ok(folder) => folder,
            Err(why) => return vec![refused("folder", self.folder.display(), &why)],
        };
        let targets = self.targets.iter();
        targets
            .filter_map(|(key, target)| {
                let why = self.target_fault(target, &folder)?;
                Some(refused(key, target.display(), &why))
            })
            .collect()
    }

    fn look_at_folder(&self) -> Result<Metadata, String> {
        let found = std::fs::metadata(&self.folder)
            .map_err(|error| format!("cannot read it: {error}; make it, or name another"))?;
        if !found.is_dir() {
            return Err("it is a file; name the folder that files are put into".to_owned());
        }
        // Whatever becomes of files, their folder changes.
        let rights = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        match access(&self.folder, rights) {
            Ok(()) => Ok(found),
            Err(error) => Err(format!(
                "files in it cannot be read and put away: {error}; give this process the right to read and write there"
            )),
        }
    }

    fn target_fault(&self, target: &Path, folder: &Metadata) -> Option<String> {
        let (parent, found) = match nearest(target) {
            Ok(nearest) => nearest,
            Err(error) => return Some(format!("cannot be reached: {error}; name another folder")),
        };
        if !found.is_dir() {
            return Some(format!(
                "{} is a file, and no folder can be there; name another",
                parent.display()
            ));
        }
        if found.dev() != folder.dev() {
            return Some("it is on another file system than folder; name one beside it".to_owned());
        }
        // The very same text is told where keys are held against each other.
        if parent == target && found.ino() == folder.ino() && target != self.folder {
            return Some("files would be read again; name another folder than folder".to_owned());
        }
        let may = access(parent, Access::WRITE_OK | Access::EXEC_OK);
        may.err().map(|error| {
            format!(
                "cannot write to {}: {error}; give this process the right, or name another",
                parent.display()
            )
        })
    }
}

/// The folder, or the nearest above it that is there.
fn nearest(folder: &Path) -> std::io::Result<(&Path, Metadata)> {
    let mut here = folder;
    loop {
        // A relative path ends in the folder that the worker runs in.
        let place = match here.as_os_str().is_empty() {
            true => Path::new("."),
            false => here,
        };
        match std::fs::metadata(place) {
            Ok(found) => return Ok((place, found)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                here = here.parent().ok_or(error)?;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(folder: &Path, targets: &[(&'static str, PathBuf)]) -> String {
        let places = Places {
            folder: folder.to_owned(),
            targets: targets.to_vec(),
        };
        let faults = places.faults().into_iter();
        let told: Vec<_> = faults.map(|(_, why)| why).collect();
        told.join("\n")
    }

    #[test]
    fn what_cannot_be_used_is_told_together() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("in");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink(&folder, dir.path().join("link")).unwrap();
        let done = |path: &str| [("done.folder", dir.path().join(path))];
        for (targets, mention) in [
            (done("file"), "file is a file"),
            (done("file/done"), "file is a file"),
            (done("in/../in"), "read again"),
            (done("link"), "read again"),
            (
                [("done.folder", "/proc/done".into())],
                "another file system",
            ),
        ] {
            let told = faults(&folder, &targets);
            assert!(told.contains(mention), "{targets:?}: {told}");
            assert!(told.contains("for configuration done.folder: "), "{told}");
        }
        let both = [
            done("file")[0].clone(),
            ("failed.folder", dir.path().join("file/failed")),
        ];
        assert_eq!(faults(&folder, &both).lines().count(), 2);
        assert!(faults(&dir.path().join("file"), &both).contains("folder: it is a file"));
        assert!(faults(&dir.path().join("none"), &both).contains("folder: cannot read it"));
        assert_eq!(faults(&folder, &done("in")), "", "it is told elsewhere");
        assert_eq!(faults(&folder, &done("in/done")), "");
        assert_eq!(faults(&folder, &done("a/b/c")), "");
        assert!(!dir.path().join("a").exists(), "looking makes nothing");
    }

    #[test]
    fn folders_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            folder: dir.path().to_owned(),
            targets: vec![("done.folder", dir.path().join("a/done"))],
        };
        places.prepare().unwrap();
        assert!(dir.path().join("a/done").is_dir());
        let none = Places {
            folder: dir.path().join("none"),
            ..places
        };
        assert!(none.prepare().unwrap_err().contains("make it"));
    }
}
