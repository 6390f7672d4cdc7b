//! Reading the keys of the dirty part into the map.

use millrace_wire::batch::{Batch, RecordRow};
use millrace_wire::pool::Pool;

use super::key_map::KeyMap;
use super::reader::SegmentReader;
use super::survey::Survey;
use super::transactions::Transactions;
use super::{CompactionError, Pace, Plan};

/// What the records of one batch may expand to.
pub(super) const EXPANSION_LIMIT: usize = 256 << 20;

/// Notes the keys from the first dirty offset on. Gives the offset up to which all are in the map: the
/// plan's end, unless the map got full before.
pub(super) fn index_keys(
    plan: &Plan,
    survey: &Survey,
    map: &mut KeyMap,
    pace: &Pace<'_>,
) -> Result<i64, CompactionError> {
    let mut transactions = Transactions::new(&survey.aborted, plan.first_dirty);
    let mut rows = Vec::new();
    for (index, segment) in plan.segments.iter().enumerate() {
        let next_base = plan
            .segments
            .get(index + 1)
            .map_or(plan.end, |next| next.base_offset);
        if next_base <= plan.first_dirty {
            continue;
        }
        let mut reader = SegmentReader::new(segment, next_base, pace)?;
        while let Some(batch) = reader.next()? {
            if batch.header().last_offset() < plan.first_dirty {
                continue;
            }
            if batch.header().attributes.is_control() {
                transactions.is_spent(batch.header(), super::survey::outcome_of(&batch));
            } else if !transactions.is_aborted(batch.header())
                && let Some(full_at) = index_batch(&batch, plan.first_dirty, map, &mut rows)
                    .map_err(|error| reader.undecodable(&batch, &error))?
            {
                return Ok(full_at);
            }
        }
    }
    Ok(plan.end)
}

/// Gives the offset of the first record that did not fit, if any did not.
fn index_batch(
    batch: &Batch,
    from: i64,
    map: &mut KeyMap,
    rows: &mut Vec<RecordRow>,
) -> Result<Option<i64>, millrace_wire::batch::BatchError> {
    let data = batch.decode_into(rows, EXPANSION_LIMIT, Pool::global())?;
    for row in rows.iter().filter(|row| row.offset >= from) {
        if let Some(key) = row.key.of(&data)
            && !map.put(key, row.offset)
        {
            return Ok(Some(row.offset));
        }
    }
    Ok(None)
}
