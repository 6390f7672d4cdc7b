//! The bytes of a `.snapshot` file.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | version, 1 |
//! | 2 | 4 | CRC32C of everything from byte 6 on |
//! | 6 | 4 | number of entries |
//!
//! An entry, 46 bytes: producer id (8), epoch (2), last sequence (4), last offset (8), offset delta
//! (4), timestamp (8), coordinator epoch (4), first offset of the open transaction (8, -1 for none).
//! Of each producer only the last batch is kept (Kafka's `ProducerStateManager.PidSnapshotMapping`).

use millrace_wire::crc::crc32c;

use super::{BatchMark, ProducerEntry, Producers};

const VERSION: i16 = 1;
const HEADER_LEN: usize = 10;
const CRC_FROM: usize = 6;
const ENTRY_LEN: usize = 46;

/// The file's bytes for the producers as they are.
pub(crate) fn encode_snapshot(producers: &Producers) -> Vec<u8> {
    let entries = producers.entries();
    let mut bytes = Vec::with_capacity(HEADER_LEN + entries.len() * ENTRY_LEN);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(
        u32::try_from(entries.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    for (producer_id, entry) in entries {
        let none = BatchMark {
            last_sequence: -1,
            last_offset: -1,
            offset_delta: 0,
            timestamp: -1,
        };
        let batch = entry.last_batch().unwrap_or(&none);
        bytes.extend(producer_id.to_be_bytes());
        bytes.extend(entry.epoch.to_be_bytes());
        bytes.extend(batch.last_sequence.to_be_bytes());
        bytes.extend(batch.last_offset.to_be_bytes());
        bytes.extend(batch.offset_delta.to_be_bytes());
        bytes.extend(entry.last_timestamp.to_be_bytes());
        bytes.extend(entry.coordinator_epoch.to_be_bytes());
        bytes.extend(entry.transaction_start.unwrap_or(-1).to_be_bytes());
    }
    let crc = crc32c(&bytes[CRC_FROM..]);
    bytes[2..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// The producers that a snapshot holds.
pub(crate) fn decode_snapshot(bytes: &[u8]) -> Result<Producers, String> {
    let mut header = Fields(bytes);
    let version = header
        .take()
        .map(i16::from_be_bytes)
        .ok_or("it is cut off")?;
    if version != VERSION {
        return Err(format!("its version is {version}, only {VERSION} is known"));
    }
    let declared = header
        .take()
        .map(u32::from_be_bytes)
        .ok_or("it is cut off")?;
    let actual = crc32c(header.0);
    if declared != actual {
        return Err(format!(
            "its checksum is {actual:08x} where its header says {declared:08x}"
        ));
    }
    let count = header
        .take()
        .map(u32::from_be_bytes)
        .ok_or("it is cut off")?;
    let entries = header.0.chunks_exact(ENTRY_LEN);
    if entries.len() as u64 != u64::from(count) || !entries.remainder().is_empty() {
        return Err(format!(
            "it announces {count} entries and has {} bytes of them",
            header.0.len()
        ));
    }
    Ok(Producers::from_entries(entries.filter_map(decode_entry)))
}

fn decode_entry(bytes: &[u8]) -> Option<(i64, ProducerEntry)> {
    let mut fields = Fields(bytes);
    let producer_id = i64::from_be_bytes(fields.take()?);
    let epoch = i16::from_be_bytes(fields.take()?);
    let last_sequence = i32::from_be_bytes(fields.take()?);
    let last_offset = i64::from_be_bytes(fields.take()?);
    let offset_delta = i32::from_be_bytes(fields.take()?);
    let timestamp = i64::from_be_bytes(fields.take()?);
    let coordinator_epoch = i32::from_be_bytes(fields.take()?);
    let transaction_start = Some(i64::from_be_bytes(fields.take()?)).filter(|&start| start >= 0);
    let entry = ProducerEntry {
        epoch,
        coordinator_epoch,
        last_timestamp: timestamp,
        transaction_start,
        ..Default::default()
    };
    let entry = if last_offset >= 0 {
        entry.with_batch(BatchMark {
            last_sequence,
            last_offset,
            offset_delta,
            timestamp,
        })
    } else {
        entry
    };
    Some((producer_id, entry))
}

/// Big-endian fields from the front of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
