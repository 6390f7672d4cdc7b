//! What a start after an unclean stop does with a segment: read every batch again, rebuild the
//! indexes, and find where the batches end.
//!
//! Below the durable point everything was synced once, so what does not read there is damage: it is
//! stepped over and named. Above it a batch may be missing in part, and with it all that follow.

mod reader;
mod report;

use std::path::Path;
use std::sync::Arc;

use millrace_wire::batch::BatchHeader;

pub(crate) use reader::{BatchReader, Bounds, Next};
pub use report::{Cut, LogRecovery, Recovery};

use crate::config::LogConfig;
use crate::error::{IoContext, StorageError};
use crate::files::Files;
use crate::log::Damage;
use crate::names;
use crate::segment::{ActiveSegment, Segment};

/// A segment as recovery leaves it.
pub(crate) struct Recovered {
    pub(crate) active: ActiveSegment,
    pub(crate) next_offset: i64,
    pub(crate) damages: Vec<Damage>,
    /// Where the whole batches end and why, if bytes follow that are none.
    pub(crate) torn: Option<(u64, String)>,
    /// Whether the file ends in damage, so that nothing may be appended to it.
    pub(crate) closed: bool,
    /// Whether a compaction took records out of the segment.
    compacted: bool,
}

/// Reads a segment from its start and rebuilds its indexes; `visit` sees the headers of all sound
/// batches.
pub(crate) fn recover_segment(
    segment: &Arc<Segment>,
    bounds: Bounds,
    config: &LogConfig,
    now_ms: i64,
    mut visit: impl FnMut(&BatchHeader),
) -> Result<Recovered, StorageError> {
    let path = segment.path();
    let file = segment.file()?;
    let len = file.file().metadata().during("look at", &path)?.len();
    segment.create_indexes()?;
    segment.set_size(0);
    let mut recovered = Recovered {
        active: ActiveSegment::empty(Arc::clone(segment), now_ms),
        next_offset: segment.base_offset,
        damages: Vec::new(),
        torn: None,
        closed: false,
        compacted: config.compact || bounds.compacted.is_some(),
    };
    let mut reader = BatchReader::new(file.file(), len, bounds);
    loop {
        let next = reader.next(recovered.next_offset).during("read", &path)?;
        match next {
            Next::End => break,
            Next::Batch { position, header } => {
                recovered.active.note(&header, position, config)?;
                recovered.compacted |= is_compacted(&header, recovered.next_offset);
                segment.set_size(position + header.total_len() as u64);
                recovered.next_offset = header.next_offset();
                visit(&header);
            }
            Next::Bad { position, reason } if recovered.next_offset >= bounds.durable => {
                recovered.torn = Some((position, reason));
                break;
            }
            Next::Bad { position, reason } => {
                let resumed = reader
                    .resync(position, recovered.next_offset)
                    .during("read", &path)?;
                recovered.step_over(segment, (position, reason), resumed, len, bounds);
            }
        }
    }
    recovered.check_end(segment, bounds);
    Ok(recovered)
}

/// Whether records are missing before or in the batch, as only compaction takes them away.
fn is_compacted(header: &BatchHeader, expected: i64) -> bool {
    header.base_offset > expected || header.record_count != header.last_offset_delta + 1
}

impl Recovered {
    /// Notes damage from `position` on, up to the batch at which the reader resumes or to the end.
    fn step_over(
        &mut self,
        segment: &Segment,
        (position, reason): (u64, String),
        resumed: Option<(u64, i64)>,
        len: u64,
        bounds: Bounds,
    ) {
        let (end_position, end_offset) =
            resumed.unwrap_or((len, bounds.next_base.unwrap_or(bounds.durable)));
        self.damages.push(Damage {
            path: segment.path(),
            segment: segment.base_offset,
            position,
            end_position,
            offset: self.next_offset,
            end_offset,
            reason,
        });
        segment.set_size(end_position);
        self.next_offset = end_offset;
        self.closed = resumed.is_none();
    }

    /// Looks whether the file ends too early: below the durable point that is damage, above it the
    /// rest was never written. A compacted segment may end before the next one starts.
    fn check_end(&mut self, segment: &Segment, bounds: Bounds) {
        let Bounds {
            durable, next_base, ..
        } = bounds;
        let end = self.next_offset;
        let position = segment.size();
        // Compaction touches nothing that is not durable.
        let settled = bounds.compacted.map_or(durable, |end| end.max(durable));
        let may_have_gap = self.compacted && next_base.is_some_and(|next| next <= settled);
        if self.torn.is_some() || may_have_gap {
            return;
        }
        if end < next_base.map_or(durable, |next_base| next_base.min(durable)) {
            let reason = "the file ends before what was synced to it".to_owned();
            self.step_over(segment, (position, reason), None, position, bounds);
        } else if next_base.is_some_and(|next_base| end < next_base) {
            self.torn = Some((
                position,
                "the file ends before the next segment starts".to_owned(),
            ));
        }
    }
}

/// Saves the bytes of a segment from `position` on as `<offset>.cut` and cuts them off. `None` where
/// there are none.
pub(crate) fn cut_tail(
    files: &dyn Files,
    dir: &Path,
    segment: &Segment,
    position: u64,
    offset: i64,
    reason: String,
) -> Result<Option<Cut>, StorageError> {
    let path = segment.path();
    let file = segment.file()?;
    let len = file.file().metadata().during("look at", &path)?.len();
    if len <= position {
        return Ok(None);
    }
    let saved = dir.join(names::cut_file(offset));
    let copy = files.create(&saved).during("create", &saved)?;
    reader::copy_range(file.file(), position..len, &*copy)
        .during("save the torn tail of", &path)?;
    copy.sync().during("sync", &saved)?;
    file.set_len(position).during("truncate", &path)?;
    segment.set_size(position);
    let bytes = len - position;
    Ok(Some(Cut {
        path,
        position,
        offset,
        bytes,
        saved,
        reason,
    }))
}
