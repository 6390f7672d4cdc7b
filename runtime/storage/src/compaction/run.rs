//! One compaction of one log.

use std::sync::Arc;

use super::filter::{Fate, Filter};
use super::index_keys::index_keys;
use super::key_map::KeyMap;
use super::reader::SegmentReader;
use super::survey::Survey;
use super::transactions::Transactions;
use super::{CleanedSegment, CompactionError, Pace, Plan, rewrite};
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::{Log, Removed};
use crate::segment::Segment;
use crate::shared::Shared;

/// Segments merged at a time. All their files are open while they are replaced.
const GROUP_MAX: usize = 100;

/// What a compaction needs beside its log.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) pace: &'a Pace<'a>,
    /// Writes the checkpoints: what is durable, and which logs were compacted.
    pub(crate) save: &'a dyn Fn() -> Result<(), StorageError>,
    /// Takes the files that are to be removed after their delay.
    pub(crate) remove: &'a dyn Fn(Removed),
}

/// Compacts what the plan says, or as much of it as the map of keys can hold. Each group of segments
/// takes its place as soon as it is written, so that nothing is lost where a later one fails.
pub(crate) fn compact(
    log: &Log,
    plan: &Plan,
    context: &Context<'_>,
) -> Result<(), CompactionError> {
    let survey = Survey::of(log, plan, context.pace)?;
    let cleaner = &context.shared.config().cleaner;
    let mut map = KeyMap::new(
        survey.dirty_records,
        cleaner.dedupe_buffer_bytes,
        cleaner.load_factor,
    );
    let map_end = index_keys(plan, &survey, &mut map, context.pace)?;
    // A start after a crash must know of gaps before there are any.
    log.note_compaction(plan.first_dirty);
    (context.save)()?;

    let config = log.config();
    let now_ms = context.shared.clock().now_ms();
    let mut filter = Filter {
        map: &map,
        map_end,
        transactions: Transactions::new(&survey.aborted, i64::MIN),
        last_records: log.last_records(),
        now_ms,
        delete_retention_ms: config.delete_retention_ms,
        rows: Vec::new(),
    };
    let reached = plan
        .segments
        .partition_point(|segment| segment.base_offset < map_end);
    let before: u64 = size_of(&plan.segments[..reached]);
    let mut after = 0;
    let end = plan
        .segments
        .get(reached)
        .map_or(plan.end, |next| next.base_offset);
    for group in groups(&plan.segments[..reached], end, &config)? {
        let mut cleaned = CleanedSegment::create(
            context.shared.files_arc(),
            log.dir_arc(),
            group.base_offset(),
            group.modified_ms(),
        )?;
        if let Err(error) = write_group(&group, &mut filter, &mut cleaned, &config, context.pace) {
            cleaned.discard();
            return Err(error);
        }
        let (removed, size) = log.replace_segments(group.segments, cleaned, now_ms)?;
        after += size;
        (context.remove)(removed);
    }
    log.note_compaction(map_end);
    log::debug!(
        "compacted {} up to offset {map_end}: {} keys, {before} bytes became {after}",
        log.name(),
        map.len()
    );
    (context.save)()?;
    Ok(())
}

fn size_of(segments: &[Arc<Segment>]) -> u64 {
    segments.iter().map(|segment| segment.size()).sum()
}

fn write_group(
    group: &Group<'_>,
    filter: &mut Filter<'_>,
    cleaned: &mut CleanedSegment,
    config: &LogConfig,
    pace: &Pace<'_>,
) -> Result<(), CompactionError> {
    for (index, segment) in group.segments.iter().enumerate() {
        let next = group.segments.get(index + 1);
        let end = next.map_or(group.end, |next| next.base_offset);
        let mut reader = SegmentReader::new(segment, end, pace)?;
        while let Some(batch) = reader.next()? {
            let failed = |error| reader.undecodable(&batch, &error);
            let (header, bytes) = match filter.judge(&batch).map_err(failed)? {
                Fate::Drop => continue,
                Fate::Keep => (*batch.header(), batch.bytes().clone()),
                Fate::Empty => rewrite::emptied(batch.header()).map_err(failed)?,
                Fate::Rewrite { data, horizon } => {
                    rewrite::with_rows(batch.header(), &filter.rows, &data, horizon)
                        .map_err(failed)?
                }
            };
            cleaned.append(&header, &bytes, config, pace)?;
        }
    }
    cleaned.finish()
}

/// Neighbours that become one segment; never none.
struct Group<'a> {
    segments: &'a [Arc<Segment>],
    /// Where the segment behind them starts.
    end: i64,
}

impl Group<'_> {
    fn base_offset(&self) -> i64 {
        self.segments.first().map_or(0, |first| first.base_offset)
    }

    fn modified_ms(&self) -> i64 {
        let modified = self.segments.iter().map(|segment| segment.modified_ms());
        modified.max().unwrap_or(0)
    }
}

/// Cuts the segments, which end at `end`, into groups that are within the log's bounds.
fn groups<'a>(
    segments: &'a [Arc<Segment>],
    end: i64,
    config: &LogConfig,
) -> Result<Vec<Group<'a>>, StorageError> {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut sizes = Sizes::default();
    for (index, segment) in segments.iter().enumerate() {
        let next_base = segments.get(index + 1).map_or(end, |next| next.base_offset);
        let own = Sizes::of(segment)?;
        let fits = sizes.plus(own).fit(config)
            && next_base - segments[start].base_offset <= i64::from(i32::MAX)
            && index - start < GROUP_MAX;
        if index > start && !fits {
            groups.push(Group {
                segments: &segments[start..index],
                end: segment.base_offset,
            });
            start = index;
            sizes = Sizes::default();
        }
        sizes = sizes.plus(own);
    }
    if start < segments.len() {
        groups.push(Group {
            segments: &segments[start..],
            end,
        });
    }
    Ok(groups)
}

/// Bytes of a run of segments and entries of their indexes.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    log: u64,
    offsets: u64,
    times: u64,
}

impl Sizes {
    fn of(segment: &Segment) -> Result<Self, StorageError> {
        Ok(Self {
            log: segment.size(),
            offsets: u64::from(segment.offsets.count()?),
            times: u64::from(segment.times.count()?),
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            log: self.log + other.log,
            offsets: self.offsets + other.offsets,
            times: self.times + other.times,
        }
    }

    fn fit(self, config: &LogConfig) -> bool {
        use crate::index::{OffsetIndex, TimeIndex};
        let index_bytes = config.segment_index_bytes;
        self.log <= u64::from(config.segment_bytes)
            && self.offsets <= u64::from(OffsetIndex::capacity(index_bytes))
            && self.times <= u64::from(TimeIndex::capacity(index_bytes))
    }
}
