//! Opening a log's segments, recovering those that a crash may have left torn.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::batch::BatchHeader;

use super::LoadRequest;
use super::files::Listing;
use crate::error::{IoContext, StorageError};
use crate::files::Entry;
use crate::log::Damage;
use crate::log::flush::Unsynced;
use crate::names::{self, FileKind};
use crate::recovery::{BatchReader, Bounds, Cut, Next, Recovered, cut_tail, recover_segment};
use crate::scan::HeaderScan;
use crate::segment::{ActiveSegment, Segment};

/// The segments, and what came to light while they were opened.
pub(super) struct Segments {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) active: ActiveSegment,
    pub(super) next_offset: i64,
    pub(super) damages: Vec<Damage>,
    pub(super) cuts: Vec<Cut>,
    /// Leader epochs of the batches that were read, with the first offset of each.
    pub(super) epochs_seen: Vec<(i32, i64)>,
    pub(super) scanned_bytes: u64,
    /// Whether the segments were read again.
    pub(super) recovered: bool,
    pub(super) unsynced: Unsynced,
}

/// Opens all segments of a directory; a directory without any gets one.
pub(super) fn load(request: &LoadRequest<'_>, listing: &Listing) -> Result<Segments, StorageError> {
    let mut segments = Vec::with_capacity(listing.segments.len());
    for (&base_offset, kinds) in &listing.segments {
        segments.push(open(request, base_offset, kinds)?);
    }
    remove_empty(request, &mut segments)?;
    if segments.is_empty() {
        return start_empty(request, request.log_start);
    }
    let mut loaded = match request.clean {
        true => reopen_last(request, &segments)?,
        false => None,
    };
    if loaded.is_none() {
        loaded = Some(Recovery::new(request).run(segments)?);
    }
    match loaded {
        // Everything that was there lies below the start.
        Some(loaded) if loaded.next_offset < request.log_start => restart(request, &loaded),
        Some(loaded) => Ok(loaded),
        None => start_empty(request, request.log_start),
    }
}

/// Removes segments without batches that are not the last: their offsets are elsewhere. Compaction may
/// have emptied the first one, which still says where the log starts.
fn remove_empty(
    request: &LoadRequest<'_>,
    segments: &mut Vec<Arc<Segment>>,
) -> Result<(), StorageError> {
    let last = segments.last().map_or(0, |segment| segment.base_offset);
    let kept = segments
        .first()
        .filter(|_| request.compacted.is_some())
        .map(|first| first.base_offset);
    let empty = segments.extract_if(.., |segment| {
        segment.size() == 0 && segment.base_offset < last && Some(segment.base_offset) != kept
    });
    for segment in empty {
        remove_segment(request, &segment)?;
    }
    Ok(())
}

fn open(
    request: &LoadRequest<'_>,
    base_offset: i64,
    kinds: &BTreeMap<FileKind, Entry>,
) -> Result<Arc<Segment>, StorageError> {
    let segment = Arc::new(Segment::new(request.files, &request.dir, base_offset));
    if let Some(log) = kinds.get(&FileKind::Log) {
        segment.set_size(log.len);
        segment.set_modified(log.modified_ms);
    }
    let complete =
        kinds.contains_key(&FileKind::OffsetIndex) && kinds.contains_key(&FileKind::TimeIndex);
    if !complete {
        rebuild_indexes(request, &segment)?;
    }
    Ok(segment)
}

/// Makes the indexes anew from the headers.
fn rebuild_indexes(request: &LoadRequest<'_>, segment: &Arc<Segment>) -> Result<(), StorageError> {
    segment.create_indexes()?;
    let mut active = ActiveSegment::empty(Arc::clone(segment), segment.modified_ms());
    let file = segment.file()?;
    let mut scan = HeaderScan::new(file.file(), 0, segment.size());
    while let Ok(Some((position, header))) = scan.next() {
        active.note(&header, position, &request.config)?;
    }
    active.seal()
}

/// Finds the log's end behind the last segment's last index entry, and checks the batches there. `None` where there are
/// none up to the file's end, or not sound ones, which an orderly stop does not leave.
fn reopen_last(
    request: &LoadRequest<'_>,
    segments: &[Arc<Segment>],
) -> Result<Option<Segments>, StorageError> {
    let Some(last) = segments.last() else {
        return Ok(None);
    };
    let entry = last.offsets.last()?;
    let start = entry.map_or(0, |entry| u64::from(entry.position));
    if start > last.size() {
        return Ok(None);
    }
    let file = last.file()?;
    let bounds = Bounds {
        durable: i64::MAX,
        next_base: None,
        last_epoch: request.last_epoch,
        compacted: request.compacted,
    };
    let mut reader = BatchReader::new(file.file(), last.size(), bounds).starting_at(start);
    let mut next_offset = last.base_offset;
    loop {
        match reader.next(next_offset).during("read", &last.path())? {
            Next::Batch { header, .. } => next_offset = header.next_offset(),
            Next::End => break,
            Next::Bad { .. } => return Ok(None),
        }
    }
    // The file was cut between two batches: what was synced behind them is lost, and that is damage.
    if next_offset < request.recovery_point {
        return Ok(None);
    }
    let times = last.base_offset..next_offset.max(last.base_offset + 1);
    if last
        .times
        .last()?
        .is_some_and(|entry| !times.contains(&entry.offset))
    {
        return Ok(None);
    }
    Ok(Some(Segments {
        segments: segments.to_vec(),
        active: ActiveSegment::reopen(Arc::clone(last))?,
        next_offset,
        damages: Vec::new(),
        cuts: Vec::new(),
        epochs_seen: Vec::new(),
        scanned_bytes: 0,
        recovered: false,
        unsynced: Unsynced::default(),
    }))
}

fn start_empty(request: &LoadRequest<'_>, base_offset: i64) -> Result<Segments, StorageError> {
    let segment = Arc::new(Segment::new(request.files, &request.dir, base_offset));
    segment.create(request.now_ms)?;
    Ok(Segments {
        segments: vec![Arc::clone(&segment)],
        active: ActiveSegment::empty(segment, request.now_ms),
        next_offset: base_offset,
        damages: Vec::new(),
        cuts: Vec::new(),
        epochs_seen: Vec::new(),
        scanned_bytes: 0,
        recovered: false,
        unsynced: Unsynced {
            names: true,
            ..Unsynced::default()
        },
    })
}

/// Removes all segments and begins at the log start offset.
fn restart(request: &LoadRequest<'_>, loaded: &Segments) -> Result<Segments, StorageError> {
    for segment in &loaded.segments {
        remove_segment(request, segment)?;
    }
    start_empty(request, request.log_start)
}

fn remove_segment(request: &LoadRequest<'_>, segment: &Segment) -> Result<(), StorageError> {
    segment.close();
    for kind in [
        FileKind::Log,
        FileKind::OffsetIndex,
        FileKind::TimeIndex,
        FileKind::TxnIndex,
    ] {
        let path = request
            .dir
            .join(names::segment_file(segment.base_offset, kind));
        match request.files.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StorageError::io("remove", &path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// One log's recovery.
struct Recovery<'a> {
    request: &'a LoadRequest<'a>,
    damages: Vec<Damage>,
    cuts: Vec<Cut>,
    epochs_seen: Vec<(i32, i64)>,
    scanned_bytes: u64,
}

impl<'a> Recovery<'a> {
    fn new(request: &'a LoadRequest<'a>) -> Self {
        Self {
            request,
            damages: Vec::new(),
            cuts: Vec::new(),
            epochs_seen: Vec::new(),
            scanned_bytes: 0,
        }
    }

    /// Recovers from the segment of the last durable batch on. Where that one ends just there, it may
    /// have been rolled and its indexes not synced.
    fn run(mut self, mut segments: Vec<Arc<Segment>>) -> Result<Segments, StorageError> {
        let point = self.request.recovery_point;
        let first = segments
            .partition_point(|segment| segment.base_offset < point)
            .saturating_sub(1);
        let mut last = None;
        for index in first..segments.len() {
            let next_base = segments.get(index + 1).map(|next| next.base_offset);
            let recovered = self.recover(&segments[index], next_base)?;
            let torn = recovered.torn.is_some();
            last = Some(recovered);
            if torn {
                self.cut_behind(&segments.split_off(index + 1))?;
                break;
            }
        }
        let Some(recovered) = last else {
            return start_empty(self.request, self.request.log_start);
        };
        self.finish(segments, first, recovered)
    }

    fn recover(
        &mut self,
        segment: &Arc<Segment>,
        next_base: Option<i64>,
    ) -> Result<Recovered, StorageError> {
        let request = self.request;
        let epochs_seen = &mut self.epochs_seen;
        let visit = |header: &BatchHeader| {
            let epoch = header.partition_leader_epoch;
            let news = epochs_seen.last().is_none_or(|&(last, _)| epoch > last);
            // Below the durable point an epoch may be damaged in a batch that reads.
            if news && epoch <= request.last_epoch {
                epochs_seen.push((epoch, header.base_offset));
            }
        };
        self.scanned_bytes += segment.size();
        let (durable, last_epoch) = (request.recovery_point, request.last_epoch);
        let bounds = Bounds {
            durable,
            next_base,
            last_epoch,
            compacted: request.compacted,
        };
        let mut recovered =
            recover_segment(segment, bounds, &request.config, request.now_ms, visit)?;
        self.damages.append(&mut recovered.damages);
        if let Some((position, reason)) = &recovered.torn {
            let cut = cut_tail(
                &**request.files,
                &request.dir,
                segment,
                *position,
                recovered.next_offset,
                reason.clone(),
            )?;
            self.cuts.extend(cut);
        }
        if next_base.is_some() {
            recovered.active.seal()?;
        }
        Ok(recovered)
    }

    /// Sets aside the segments behind a torn one: their offsets will be given out again.
    fn cut_behind(&mut self, behind: &[Arc<Segment>]) -> Result<(), StorageError> {
        for segment in behind {
            let (path, bytes) = (segment.path(), segment.size());
            if bytes > 0 {
                let saved = self.request.dir.join(names::cut_file(segment.base_offset));
                self.request
                    .files
                    .rename(&path, &saved)
                    .during("rename", &path)?;
                let reason = "it follows a torn batch".to_owned();
                let offset = segment.base_offset;
                self.cuts.push(Cut {
                    path,
                    position: 0,
                    offset,
                    bytes,
                    saved,
                    reason,
                });
            }
            remove_segment(self.request, segment)?;
        }
        Ok(())
    }

    /// Syncs what was recovered, so that all of it may be read at once, and puts the parts together.
    fn finish(
        self,
        mut segments: Vec<Arc<Segment>>,
        first: usize,
        mut recovered: Recovered,
    ) -> Result<Segments, StorageError> {
        if recovered.closed {
            recovered.active.seal()?;
            let next = Arc::new(Segment::new(
                self.request.files,
                &self.request.dir,
                recovered.next_offset,
            ));
            next.create(self.request.now_ms)?;
            recovered.active = ActiveSegment::empty(Arc::clone(&next), self.request.now_ms);
            segments.push(next);
        }
        self.sync(&segments[first..], recovered.next_offset)?;
        Ok(Segments {
            segments,
            active: recovered.active,
            next_offset: recovered.next_offset,
            damages: self.damages,
            cuts: self.cuts,
            epochs_seen: self.epochs_seen,
            scanned_bytes: self.scanned_bytes,
            recovered: true,
            unsynced: Unsynced::default(),
        })
    }

    /// Rolled segments are synced whole, for no start will look at them again. Of the active one only
    /// batches above the durable point are news to the disk, and its indexes are made anew by each
    /// recovery: a log that was idle before the crash costs no sync.
    fn sync(&self, segments: &[Arc<Segment>], end: i64) -> Result<(), StorageError> {
        let files = &**self.request.files;
        let Some((active, rolled)) = segments.split_last() else {
            return Ok(());
        };
        if rolled.is_empty() && self.cuts.is_empty() && end <= self.request.recovery_point {
            return Ok(());
        }
        for segment in rolled {
            for (path, file) in segment.all_files()? {
                file.sync().during("sync", &path)?;
            }
        }
        active.file()?.sync().during("sync", &active.path())?;
        files
            .sync_dir(&self.request.dir)
            .during("sync directory", &self.request.dir)
    }
}
