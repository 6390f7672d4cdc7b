//! Leaving a log so that the next start need not read it again.

use super::Log;
use crate::error::StorageError;

impl Log {
    /// Writes the producers' state at the log end, completes the active segment's indexes, and syncs
    /// all of it. A log that did not change since it was opened is left alone.
    pub(crate) fn close(&self) -> Result<(), StorageError> {
        let mut writer = self.lock_writer();
        if writer.changed {
            writer.active.trim_file()?;
            writer.active.seal()?;
            self.write_snapshot(&mut writer)?;
            let files = writer.active.segment.all_files()?;
            writer.unsynced.files.extend(files);
        }
        drop(writer);
        self.flush()?;
        for segment in self.segment_list() {
            segment.close();
        }
        Ok(())
    }
}
