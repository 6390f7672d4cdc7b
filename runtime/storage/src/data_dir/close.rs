//! The orderly stop.

use std::path::Path;
use std::sync::PoisonError;

use super::DataDir;
use crate::error::{IoContext, StorageError};
use crate::files::replace;
use crate::flusher;
use crate::names;
use crate::parallel;

/// What Apache Kafka writes into its mark, too.
const CLEAN_MARK: &[u8] = b"{\"version\":0,\"brokerEpoch\":-1}";

impl DataDir {
    /// Syncs everything, cuts the indexes to their entries, writes the producers' state and the
    /// checkpoints, and last the mark that spares the next start its recovery. Where recovery found
    /// damage there is no such mark: the next start has to find it again, or would serve it.
    ///
    /// Appends must have ended. Who still waits for a sync gets it.
    ///
    /// # Errors
    ///
    /// Where something cannot be written; the next start will recover then.
    pub fn close(&self) -> Result<(), StorageError> {
        self.stop_threads();
        self.shared.check_online()?;
        let logs = self.logs();
        self.flush_queued();
        parallel::for_each(&logs, self.shared.config().recovery_threads, |log| {
            if let Err(error) = self.shared.check_online().and_then(|()| log.close()) {
                self.shared.fail(&error);
            }
        });
        self.shared.check_online()?;
        self.checkpoints.write_all(&self.shared)?;
        for log in &logs {
            log.end(&StorageError::Closed(log.name()));
        }
        if logs.iter().any(|log| log.is_damaged()) {
            log::warn!(
                "data directory {} has damaged logs: the next start looks at them again",
                self.path().display()
            );
            return Ok(());
        }
        replace(
            self.shared.files(),
            &self.path().join(names::CLEAN_SHUTDOWN),
            CLEAN_MARK,
        )
    }

    /// Writes the checkpoints that are due now; the flusher does so every second of syncing.
    pub fn write_checkpoints(&self) {
        self.checkpoints.write(&self.shared);
    }

    /// One group commit, on the caller's thread.
    pub(crate) fn flush_queued(&self) {
        for postponed in flusher::flush_all(&self.shared, &self.shared.queue().take()) {
            postponed.log.request_flush();
        }
    }

    pub(super) fn stop_threads(&self) {
        self.stop.set();
        self.shared.queue().stop();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                log::error!(
                    "a thread of data directory {} panicked",
                    self.path().display()
                );
            }
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        self.stop_threads();
        // Logs that still wait for a sync would keep the queue they wait in.
        drop(self.shared.queue().take());
    }
}

/// Removes the mark of an orderly stop; says whether it was there.
pub(super) fn take_clean_mark(
    files: &dyn crate::files::Files,
    dir: &Path,
) -> Result<bool, StorageError> {
    let path = dir.join(names::CLEAN_SHUTDOWN);
    match files.remove(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StorageError::io("remove", &path, error)),
    }
    // A crash from here on must not find the mark again.
    files.sync_dir(dir).during("sync directory", dir)?;
    Ok(true)
}
