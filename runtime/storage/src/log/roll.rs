//! Beginning the next segment.

use std::io::{ErrorKind, IoSlice};
use std::sync::{Arc, PoisonError};

use super::{Log, Writer};
use crate::error::{IoContext, StorageError};
use crate::files::NamedFile;
use crate::names::{self, FileKind};
use crate::producer::encode_snapshot;
use crate::segment::{ActiveSegment, Segment};

impl Log {
    /// Ends the active segment and begins one at the log end. On an error the active one goes on.
    pub(super) fn roll(&self, writer: &mut Writer, now_ms: i64) -> Result<(), StorageError> {
        let next = Arc::new(Segment::new(
            self.shared.files_arc(),
            &self.dir,
            writer.next_offset,
        ));
        self.write_snapshot(writer)?;
        let sealed = next.create(now_ms).and_then(|()| seal(&mut writer.active));
        match sealed {
            Ok(files) => writer.unsynced.files.extend(files),
            Err(error) => {
                self.remove_files(&next);
                return Err(error);
            }
        }
        writer.unsynced.names = true;
        writer.changed = true;
        writer.active = ActiveSegment::empty(Arc::clone(&next), now_ms);
        self.segments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(next);
        Ok(())
    }

    /// Takes back a segment that could not be begun: smaller batches may yet fit into the active one,
    /// and then none may start at that offset.
    fn remove_files(&self, segment: &Segment) {
        segment.close();
        for kind in [FileKind::Log, FileKind::OffsetIndex, FileKind::TimeIndex] {
            let path = self.path_of(&names::segment_file(segment.base_offset, kind));
            match self.shared.files().remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    log::warn!("cannot remove {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }

    /// Writes the producers' state at the log end; it is synced with the segment it belongs to.
    pub(super) fn write_snapshot(&self, writer: &mut Writer) -> Result<(), StorageError> {
        let path = self.path_of(&names::segment_file(writer.next_offset, FileKind::Snapshot));
        let file = self.shared.files().create(&path).during("create", &path)?;
        file.write_at(&mut [IoSlice::new(&encode_snapshot(&writer.producers))], 0)
            .during("write", &path)?;
        writer.unsynced.files.push((path, file));
        writer.unsynced.names = true;
        Ok(())
    }
}

/// Completes a segment's files, all of which are to be synced now.
fn seal(active: &mut ActiveSegment) -> Result<[NamedFile; 3], StorageError> {
    active.trim_file()?;
    active.seal()?;
    active.segment.all_files()
}
