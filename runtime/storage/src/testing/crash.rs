//! The check that a crash at any moment loses nothing that was acknowledged.
//!
//! A seed determines everything: what is appended, when it is synced, checkpointed, rolled or deleted,
//! which file operation is the last before the crash, and what the disk keeps of the rest. After each
//! crash the directory must open, without damage, with every acknowledged record in its place and
//! nothing but what was appended behind it.

mod model;

use std::path::PathBuf;
use std::sync::Arc;

use millrace_wire::clock::ManualClock;
use millrace_wire::uuid::Uuid;

use super::{Random, SimFiles};
use crate::{DataDir, DataDirConfig, LogConfig, Recovery};
use model::Model;

/// Crashes a seed goes through.
const ROUNDS: usize = 4;
/// Operations between two crashes, at most.
const OPERATIONS: usize = 60;
const LOGS: usize = 2;
/// The first moment of every run, ms since the Unix epoch.
const START_MS: i64 = 1_700_000_000_000;

/// What a seed went through, so that a run of many can tell that they were worth it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrashReport {
    /// Records that were appended.
    pub appended: u64,
    /// Records that were acknowledged.
    pub acknowledged: u64,
    /// Records that were appended, not acknowledged, and lost.
    pub lost: u64,
    /// Torn tails that were cut.
    pub cuts: u64,
    /// Orderly stops.
    pub clean_stops: u64,
}

/// Runs one seed.
///
/// # Errors
///
/// The text says what was lost, or what else a crash broke; the seed replays it.
pub fn crash_check(seed: u64) -> Result<CrashReport, String> {
    // Nothing here is to outlive the check, so memory serves best where there is a file system in it.
    let temp = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .map_err(|error| format!("cannot create a directory: {error}"))?;
    let root = temp.path().join("data");
    let mut run = Run::new(root, seed);
    for _ in 0..ROUNDS {
        run.round()
            .map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(run.report)
}

struct Run {
    root: PathBuf,
    files: SimFiles,
    random: Random,
    clock: Arc<ManualClock>,
    logs: Vec<Model>,
    report: CrashReport,
}

impl Run {
    fn new(root: PathBuf, seed: u64) -> Self {
        Self {
            files: SimFiles::new(&root, !seed),
            root,
            random: Random::new(seed),
            clock: Arc::new(ManualClock::new(START_MS)),
            logs: (0..LOGS).map(Model::new).collect(),
            report: CrashReport::default(),
        }
    }

    /// Opens, checks, works for a while, and crashes.
    fn round(&mut self) -> Result<(), String> {
        let dir = self.open()?;
        let operations = self.random.below(OPERATIONS);
        if self.random.once_in(2) {
            let last = self.random.below(150);
            self.files.crash_after(last);
        }
        for _ in 0..operations {
            if dir.check_online().is_err() {
                break;
            }
            self.step(&dir)?;
        }
        let closed = self.random.once_in(4) && dir.close().is_ok();
        drop(dir);
        self.files
            .crash()
            .map_err(|error| format!("cannot rewrite the directory: {error}"))?;
        if closed {
            self.report.clean_stops += 1;
            self.check_clean()?;
        }
        Ok(())
    }

    /// Opens the directory; some of the attempts crash half-way.
    fn open(&mut self) -> Result<DataDir, String> {
        for _ in 0..2 {
            if self.random.once_in(3) {
                let last = self.random.below(40);
                self.files.crash_after(last);
            }
            match self.try_open() {
                Ok((dir, recovery)) => {
                    self.files.crash_after(usize::MAX);
                    self.check(&dir, &recovery)?;
                    return Ok(dir);
                }
                Err(_) => self.files.crash().map_err(|error| error.to_string())?,
            }
        }
        let (dir, recovery) = self.try_open()?;
        self.check(&dir, &recovery)?;
        Ok(dir)
    }

    fn try_open(&self) -> Result<(DataDir, Recovery), String> {
        let config = DataDirConfig {
            log_defaults: log_config(),
            recovery_threads: 1,
            ..DataDirConfig::default()
        };
        let files = Arc::new(self.files.clone());
        let clock = Arc::clone(&self.clock) as Arc<dyn millrace_wire::clock::Clock>;
        DataDir::open_with(&self.root, config, clock, files)
            .map_err(|error| format!("does not open: {error}"))
    }

    fn check_clean(&mut self) -> Result<(), String> {
        let (dir, recovery) = self.try_open()?;
        if !recovery.clean {
            return Err("an orderly stop was not recognised".into());
        }
        self.check(&dir, &recovery)?;
        dir.close()
            .map_err(|error| format!("does not close again: {error}"))?;
        drop(dir);
        self.files.crash().map_err(|error| error.to_string())
    }

    /// Compares what is there with what was appended and acknowledged.
    fn check(&mut self, dir: &DataDir, recovery: &Recovery) -> Result<(), String> {
        for found in &recovery.logs {
            self.report.cuts += found.cuts.len() as u64;
            if let Some(damage) = found.damages.first() {
                return Err(format!("damage where nothing was damaged: {damage:?}"));
            }
        }
        for model in &mut self.logs {
            let log = dir.find(model.topic(), 0);
            self.report.lost += model.check(log.as_deref())?;
        }
        Ok(())
    }

    fn step(&mut self, dir: &DataDir) -> Result<(), String> {
        let which = self.random.below(self.logs.len());
        let model = &mut self.logs[which];
        let Some(log) = dir.find(model.topic(), 0) else {
            // A failure shows in the next step, as the directory is offline or the disk full.
            let _created = dir.create_log(model.topic(), 0, Uuid::ONE, log_config());
            model.restart();
            return Ok(());
        };
        match self.random.below(16) {
            0..=8 => self.report.appended += model.append(&log, &mut self.random, START_MS)?,
            9..=11 => dir.flush_queued(),
            12 => dir.write_checkpoints(),
            13 => dir.apply_retention(),
            14 => model.delete_records(&log, &mut self.random),
            _ => self.files.fail_next_write(),
        }
        self.report.acknowledged += model.newly_acknowledged();
        Ok(())
    }
}

/// Settings under which every file rolls and fills after a few batches.
fn log_config() -> LogConfig {
    LogConfig {
        segment_bytes: 2000,
        index_interval_bytes: 300,
        segment_index_bytes: 240,
        retention_bytes: 6000,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acknowledged_is_lost() {
        let mut total = CrashReport::default();
        for seed in 0..200 {
            let report = crash_check(seed).unwrap_or_else(|error| panic!("{error}"));
            total.appended += report.appended;
            total.acknowledged += report.acknowledged;
            total.lost += report.lost;
            total.cuts += report.cuts;
            total.clean_stops += report.clean_stops;
        }
        // The check is worth something only where crashes did lose and tear what was not synced.
        assert!(
            total.acknowledged > 1000
                && total.lost > 1000
                && total.cuts > 20
                && total.clean_stops > 10,
            "{total:?}"
        );
    }

    #[test]
    fn a_seed_replays() {
        assert_eq!(crash_check(4711), crash_check(4711));
    }
}
