//! Index files, compared with their log.
//!
//! An entry of `.index` is an offset less the base and a position, 4 bytes each; of `.timeindex` a timestamp of 8 bytes
//! and an offset less the base of 4; of `.txnindex` a version of 2 bytes and producer id, first, last and last stable
//! offset of 8 each (Kafka's `OffsetIndex`, `TimeIndex`, `AbortedTxn`). Zeros behind the last entry are room for more.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, bail};

use super::{
    DumpLog, Out, base_offset, field,
    fields::{Field, Fields},
    log_file::Batches,
    open,
};

/// A larger index file is none.
const FILE_BYTES_MAX: u64 = 1 << 30;
const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;
const TRANSACTION_ENTRY: usize = 34;

pub(super) fn dump_offsets(
    options: &DumpLog,
    path: &Path,
    out: &mut Out,
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    let base = base_offset(path)?;
    let bytes = read(path, OFFSET_ENTRY)?;
    let entries = entries(&bytes, OFFSET_ENTRY, |entry| {
        let relative = u32::from_be_bytes(field(entry, 0));
        (
            base + i64::from(relative),
            u64::from(u32::from_be_bytes(field(entry, 4))),
        )
    });
    let entries: Vec<(i64, u64)> = ends_at_zero(entries, base);
    if entries.is_empty() {
        out.remark(format_args!("{} is empty.", path.display()))?;
        return Ok(());
    }
    if let Some(pair) = entries.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
        wrong.push(format!(
            "{}: offset {} follows {}",
            path.display(),
            pair[1].0,
            pair[0].0
        ));
    } else if options.index_sanity_check {
        out.remark(format_args!("{} passed sanity check.", path.display()))?;
        return Ok(());
    }
    let batches = last_offsets(&path.with_extension("log"))?;
    for (offset, position) in &entries {
        let found = batches
            .binary_search_by_key(position, |batch| batch.position)
            .ok()
            .map(|at| batches[at].last_offset);
        if found != Some(*offset) {
            let found = found.unwrap_or(-1);
            wrong.push(format!(
                "{}: index offset: {offset}, log offset: {found}",
                path.display()
            ));
        }
        if !options.verify_index_only {
            let position = i64::try_from(*position).unwrap_or(i64::MAX);
            out.entry(&Fields(&[
                ("offset", Field::Number(*offset)),
                ("position", Field::Number(position)),
            ]))?;
        }
    }
    Ok(())
}

pub(super) fn dump_times(
    options: &DumpLog,
    path: &Path,
    out: &mut Out,
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    let base = base_offset(path)?;
    let bytes = read(path, TIME_ENTRY)?;
    let entries = entries(&bytes, TIME_ENTRY, |entry| {
        let relative = u32::from_be_bytes(field(entry, 8));
        (
            base + i64::from(relative),
            i64::from_be_bytes(field(entry, 0)),
        )
    });
    let entries: Vec<(i64, i64)> = entries
        .take_while(|(offset, timestamp)| *offset != base || *timestamp != 0)
        .collect();
    let unordered = entries
        .windows(2)
        .find(|pair| pair[1].1 < pair[0].1 || pair[1].0 < pair[0].0);
    if let Some(pair) = unordered {
        wrong.push(format!(
            "{}: timestamp {} follows {}",
            path.display(),
            pair[1].1,
            pair[0].1
        ));
    } else if options.index_sanity_check {
        out.remark(format_args!("{} passed sanity check.", path.display()))?;
        return Ok(());
    }
    let batches = last_offsets(&path.with_extension("log"))?;
    for (offset, timestamp) in &entries {
        let at = batches.partition_point(|batch| batch.last_offset < *offset);
        let holder = batches.get(at);
        if holder.is_none_or(|batch| batch.max_timestamp != *timestamp) {
            let logged = holder.map_or(-1, |batch| batch.max_timestamp);
            wrong.push(format!(
                "{}: index timestamp: {timestamp}, log timestamp: {logged} at offset {offset}",
                path.display()
            ));
        }
        if !options.verify_index_only {
            out.entry(&Fields(&[
                ("timestamp", Field::Number(*timestamp)),
                ("offset", Field::Number(*offset)),
            ]))?;
        }
    }
    Ok(())
}

pub(super) fn dump_transactions(path: &Path, out: &mut Out) -> anyhow::Result<()> {
    let bytes = read(path, TRANSACTION_ENTRY)?;
    for entry in bytes.chunks_exact(TRANSACTION_ENTRY) {
        let number = |at| Field::Number(i64::from_be_bytes(field(entry, at)));
        let version = i16::from_be_bytes(field(entry, 0));
        out.entry(&Fields(&[
            ("version", Field::Number(version.into())),
            ("producerId", number(2)),
            ("firstOffset", number(10)),
            ("lastOffset", number(18)),
            ("lastStableOffset", number(26)),
        ]))?;
    }
    Ok(())
}

/// Whole entries of a file.
fn read(path: &Path, entry: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    if bytes.len() % entry != 0 {
        bail!(
            "its size of {} bytes is no multiple of {entry}",
            bytes.len()
        );
    }
    Ok(bytes)
}

fn entries<'a, T>(
    bytes: &'a [u8],
    size: usize,
    decode: impl Fn(&[u8]) -> T + 'a,
) -> impl Iterator<Item = T> + 'a {
    bytes.chunks_exact(size).map(decode)
}

/// The first batch of a segment has no entry, so that position zero is room for more.
fn ends_at_zero(entries: impl Iterator<Item = (i64, u64)>, base: i64) -> Vec<(i64, u64)> {
    entries
        .enumerate()
        .take_while(|(index, (offset, position))| {
            *position != 0 || (*index == 0 && *offset != base)
        })
        .map(|(_, entry)| entry)
        .collect()
}

/// What an index says of a batch.
struct Indexed {
    position: u64,
    last_offset: i64,
    max_timestamp: i64,
}

/// The batches of a log, in their order.
fn last_offsets(path: &Path) -> anyhow::Result<Vec<Indexed>> {
    let mut batches = Batches::open(path, None).context("cannot read the log beside the index")?;
    let mut found = Vec::new();
    while let Some((position, batch)) = batches.next()? {
        let header = batch.header();
        found.push(Indexed {
            position,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
        });
    }
    Ok(found)
}
