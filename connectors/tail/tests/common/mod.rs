//! A folder with files, and a task that reads them.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "shared by tests that each use a part"
)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use millrace_api::Properties;
use millrace_tail::FileTail;
use millrace_testkit::{MemoryOffsets, SourceRun};
use tempfile::TempDir;

pub(crate) struct Tail {
    dir: TempDir,
    pub(crate) offsets: MemoryOffsets,
    keys: Vec<(String, String)>,
}

impl Tail {
    /// Reads `*.log`, looks often, and lets go soon.
    pub(crate) fn new(keys: &[(&str, &str)]) -> Self {
        let mut tail = Self {
            dir: tempfile::tempdir().unwrap(),
            offsets: MemoryOffsets::default(),
            keys: Vec::new(),
        };
        let include = tail.path("*.log").display().to_string();
        tail.set("include", &include);
        tail.set("topic", "lines");
        tail.set("scan.interval.ms", "20");
        tail.set("rotated.wait.ms", "200");
        tail.set("deleted.wait.ms", "200");
        for (key, value) in keys {
            tail.set(key, value);
        }
        tail
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.keys.retain(|(known, _)| known != key);
        self.keys.push((key.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn start(&self) -> SourceRun<FileTail> {
        let properties: Properties = self.keys.iter().cloned().collect();
        SourceRun::start(FileTail::default(), &properties, &self.offsets)
            .await
            .unwrap_or_else(|error| panic!("cannot start: {}", error.trace()))
    }

    pub(crate) fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.writer(name).write_all(bytes.as_ref()).unwrap();
    }

    /// The same to a file that was last written to in that hour since 1970.
    pub(crate) fn append_at(&self, hour: u64, name: &str, bytes: impl AsRef<[u8]>) {
        self.append(name, bytes);
        let written = UNIX_EPOCH + Duration::from_secs(3600 * hour);
        self.writer(name).set_modified(written).unwrap();
    }

    /// The file as one who appends to it holds it.
    pub(crate) fn writer(&self, name: &str) -> File {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        options.open(self.path(name)).unwrap()
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// What `copytruncate` does.
    pub(crate) fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        let mut options = OpenOptions::new();
        options.write(true).truncate(true);
        options.open(self.path(from)).unwrap();
    }
}

/// The next lines, which are `count` and no more.
pub(crate) async fn lines(run: &mut SourceRun<FileTail>, count: usize) -> Vec<String> {
    let records = run
        .poll_records(count)
        .await
        .unwrap_or_else(|error| panic!("{}", error.trace()));
    records
        .into_iter()
        .map(|record| record.value.unwrap())
        .collect()
}

/// What comes up to a line that ends with `last`, but for what [`first_look`] has written.
pub(crate) async fn lines_up_to(run: &mut SourceRun<FileTail>, last: &str) -> Vec<String> {
    let mut read = Vec::new();
    while !read.iter().any(|line: &String| line.ends_with(last)) {
        read.extend(lines(run, 1).await);
        read.retain(|line| line != LOOKED);
    }
    read
}

const LOOKED: &str = "looked";

/// Lets the task look at the folder for the first time, however busy the machine is: a file that comes after that is read
/// from its beginning, and so comes its line, which `encode` makes bytes of.
pub(crate) async fn first_look(
    tail: &Tail,
    run: &mut SourceRun<FileTail>,
    encode: impl Fn(&str) -> Vec<u8>,
) {
    let writing = async {
        for number in 0_u64.. {
            tail.append(
                &format!("look-{number}.log"),
                encode(&format!("{LOOKED}\n")),
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        read = lines(run, 1) => assert!(read.iter().all(|line| line == LOOKED), "{read:?}"),
        () = writing => {}
    }
}

/// Lets the task look around until it has let go of a file.
pub(crate) async fn closed(tail: &Tail, run: &mut SourceRun<FileTail>, name: &str) {
    let path = tail.path(name);
    let is_open = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.any(|target| target == path)
    };
    idle(run).await;
    for _ in 0..200 {
        if !is_open() {
            return;
        }
        idle(run).await;
    }
    panic!("{} stays open", path.display());
}

/// Lets the task look around for a while in which nothing comes.
pub(crate) async fn idle(run: &mut SourceRun<FileTail>) {
    let polled = tokio::time::timeout(Duration::from_millis(300), run.task().poll()).await;
    assert!(polled.is_err(), "nothing was there to poll");
}
