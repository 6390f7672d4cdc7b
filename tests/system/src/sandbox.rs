//! A folder of its own for each test. What the processes of a failed test said is shown with the failure.

use std::{
    cell::RefCell,
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
};

use tempfile::TempDir;

/// Set, to whatever, in the environment of a test: its folder stays if it fails.
const KEEP: &str = "MILLRACE_KEEP";

/// The last part of each log that is shown when a test fails.
const TAIL_BYTES: usize = 4096;

/// A temporary folder, removed at the end; and the logs in it, shown if the test fails.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    logs: RefCell<Vec<PathBuf>>,
}

impl Sandbox {
    /// # Panics
    /// If no folder can be made.
    #[expect(clippy::new_without_default, reason = "making a folder is no default")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("millrace-")
            .tempdir()
            .expect("a temporary folder");
        Self {
            folder,
            logs: RefCell::default(),
        }
    }

    /// The folder itself; the working directory of the processes.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in the folder and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, contents)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// Writes a file in the folder and returns its path; whoever reads it sees all of it, or what was there before.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn replace(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        let beside = self.write(&format!("{name}.beside"), contents);
        fs::rename(&beside, &path)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// Appends to a file in the folder.
    ///
    /// # Panics
    /// If it is not there, or cannot be written.
    pub fn append(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.join(name);
        let opened = File::options().append(true).open(&path);
        opened
            .and_then(|mut file| file.write_all(contents.as_ref()))
            .unwrap_or_else(|error| panic!("cannot append to {}: {error}", path.display()));
    }

    /// The lines of a file in the folder so far, but for a last one that is not whole yet.
    ///
    /// # Panics
    /// If they are no text.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let bytes = self.read(name);
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = &bytes[..whole.map_or(0, |end| end + 1)];
        let text = std::str::from_utf8(whole).expect("lines of text");
        text.lines().map(str::to_owned).collect()
    }

    /// The contents of a file in the folder; empty where there is none yet.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap_or_default()
    }

    /// A path for a process to log to; its end is shown if the test fails.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        let mut logs = self.logs.borrow_mut();
        let path = self.join(&format!("{name}.{}", logs.len()));
        logs.push(path.clone());
        path
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for path in self.logs.borrow().iter() {
            let bytes = fs::read(path).unwrap_or_default();
            let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
            eprintln!(
                "--- {} ---\n{}",
                path.display(),
                String::from_utf8_lossy(tail)
            );
        }
        if env::var_os(KEEP).is_some() {
            eprintln!("{KEEP} is set: {} stays", self.path().display());
            self.folder.disable_cleanup(true);
        }
    }
}
