//! Crashes at any file operation of a compaction: the log opens, and has every key's last record.

use std::collections::HashMap;

use super::*;
use crate::testing::{Random, SimFiles};

const KEYS: usize = 10;
const ROUNDS: usize = 6;

struct Run {
    root: std::path::PathBuf,
    files: SimFiles,
    random: Random,
    clock: Arc<ManualClock>,
    /// All that is durable: by offset, key and value.
    durable: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    completed: usize,
    interrupted: usize,
}

impl Run {
    fn open(&self) -> Result<DataDir, String> {
        let config = DataDirConfig {
            log_defaults: LogConfig {
                delete_retention_ms: 0,
                file_delete_delay_ms: 0,
                ..small()
            },
            recovery_threads: 1,
            ..DataDirConfig::default()
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn millrace_wire::clock::Clock>;
        let files = Arc::new(self.files.clone());
        let (dir, recovery) = DataDir::open_with(&self.root, config, clock, files)
            .map_err(|error| error.to_string())?;
        assert!(
            recovery.logs.iter().all(|log| log.damages.is_empty()),
            "{recovery:?}"
        );
        Ok(dir)
    }

    /// Opens and checks; some of the attempts crash half-way.
    fn round(&mut self) {
        if self.random.once_in(2) {
            let last = self.random.below(60);
            self.files.crash_after(last);
            drop(self.open());
            self.files.crash().unwrap();
        }
        let dir = self.open().unwrap();
        let log = dir.find("shop", 0).unwrap_or_else(|| {
            let config = LogConfig {
                delete_retention_ms: 0,
                ..small()
            };
            dir.create_log("shop", 0, Uuid::ONE, config).unwrap()
        });
        self.check(&log);
        for _ in 0..self.random.below(60) {
            let key = vec![self.random.below(KEYS) as u8];
            let len = self.random.below(60);
            let value = (!self.random.once_in(5)).then(|| vec![7; len]);
            let records = [(NOW, Some(&key[..]), value.as_deref())];
            log.append(&batch(&records, Compression::None), 0, NOW)
                .unwrap();
            self.durable.push((key, value));
        }
        log.flush().unwrap();
        self.clock.advance(std::time::Duration::from_secs(1));
        // The checkpoints may lag behind what is durable, or not.
        if self.random.once_in(2) {
            dir.write_checkpoints();
        }
        let last = self.random.below(120);
        self.files.crash_after(last);
        let before = log.compacted_offset();
        dir.compact_due();
        if dir.check_online().is_ok() {
            dir.remove_deleted();
        }
        if log.compacted_offset() == before {
            self.interrupted += 1;
        } else {
            self.completed += 1;
        }
        drop((log, dir));
        self.files.crash().unwrap();
    }

    fn check(&self, log: &Log) {
        assert_eq!(log.log_end_offset(), self.durable.len() as i64);
        assert_eq!(log.log_start_offset(), 0);
        let mut last: HashMap<&[u8], Option<&[u8]>> = HashMap::new();
        for (key, value) in &self.durable {
            last.insert(key, value.as_deref());
        }
        let mut seen: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
        for found in records_from(log, 0) {
            let (key, value) = &self.durable[found.offset as usize];
            assert_eq!((&found.key, &found.value), (key, value));
            seen.insert(found.key, found.value);
        }
        for (key, value) in last {
            let visible = seen.get(key).map(Option::as_deref);
            assert!(
                visible == Some(value) || value.is_none() && visible.is_none(),
                "{key:?} has {visible:?} for {value:?}"
            );
        }
    }
}

#[test]
fn a_crash_at_any_step_loses_no_key() {
    let (mut completed, mut interrupted) = (0, 0);
    for seed in 0..150 {
        let temp = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let root = temp.path().join("data");
        let mut run = Run {
            files: SimFiles::new(&root, !seed),
            root,
            random: Random::new(seed),
            clock: Arc::new(ManualClock::new(NOW)),
            durable: Vec::new(),
            completed: 0,
            interrupted: 0,
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..ROUNDS {
                run.round();
            }
        }));
        assert!(outcome.is_ok(), "seed {seed}");
        completed += run.completed;
        interrupted += run.interrupted;
    }
    assert!(
        completed > 200 && interrupted > 200,
        "{completed} completed, {interrupted} interrupted"
    );
}
