//! `.snapshot` files: what is remembered of producers, in the form that `millrace_storage` writes and describes.

use std::{io::Read as _, path::Path};

use anyhow::bail;
use millrace_wire::crc::crc32c;

use super::{
    Out, field,
    fields::{Field, Fields},
    open,
};

/// Version, checksum and count stand before the entries; the checksum covers the count and what follows.
const HEADER_LEN: usize = 10;
const CRC_FROM: usize = 6;
const ENTRY_LEN: usize = 46;
const VERSION: i16 = 1;
/// A larger file is none.
const FILE_BYTES_MAX: u64 = 1 << 30;

pub(super) fn dump(path: &Path, out: &mut Out) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let entries = check(&bytes)?;
    for entry in entries.chunks_exact(ENTRY_LEN) {
        let long = |at| i64::from_be_bytes(field(entry, at));
        let int = |at| i32::from_be_bytes(field(entry, at));
        let (last_sequence, offset_delta, timestamp) = (int(10), int(22), long(26));
        let producer = [
            ("producerId", Field::Number(long(0))),
            (
                "producerEpoch",
                Field::Number(i16::from_be_bytes(field(entry, 8)).into()),
            ),
            ("coordinatorEpoch", Field::Number(int(34).into())),
            (
                "currentTxnFirstOffset",
                Field::Optional(Some(long(38)).filter(|&first| first != -1)),
            ),
            ("lastTimestamp", Field::Number(timestamp)),
        ];
        let last_offset = long(14);
        // Sequences wrap from 2147483647 to 0.
        let first_sequence = last_sequence.wrapping_sub(offset_delta) & i32::MAX;
        let batch = [
            ("firstSequence", Field::Number(first_sequence.into())),
            ("lastSequence", Field::Number(last_sequence.into())),
            ("lastOffset", Field::Number(last_offset)),
            ("offsetDelta", Field::Number(offset_delta.into())),
            ("timestamp", Field::Number(timestamp)),
        ];
        let mut fields = producer.to_vec();
        if last_offset >= 0 {
            fields.extend(batch);
        }
        out.entry(&Fields(&fields))?;
    }
    Ok(())
}

/// The entries, if version, checksum and count agree.
fn check(bytes: &[u8]) -> anyhow::Result<&[u8]> {
    let Some((header, entries)) = bytes.split_at_checked(HEADER_LEN) else {
        bail!("it ends within its header");
    };
    let version = i16::from_be_bytes(field(header, 0));
    if version != VERSION {
        bail!("version {version} is not known, {VERSION} is");
    }
    if u32::from_be_bytes(field(header, 2)) != crc32c(&bytes[CRC_FROM..]) {
        bail!("its checksum is wrong");
    }
    let count = u32::from_be_bytes(field(header, 6)) as usize;
    if entries.len() != count.saturating_mul(ENTRY_LEN) {
        bail!(
            "it has {} bytes of entries where it counts {count}",
            entries.len()
        );
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use millrace_wire::crc::crc32c;

    use super::{CRC_FROM, check};

    #[test]
    fn damage_is_seen() {
        let mut file = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        file.extend([0; 46]);
        let crc = crc32c(&file[CRC_FROM..]);
        file[2..6].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(check(&file).unwrap().len(), 46);
        for at in [1, 3, 9, 20] {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(check(&damaged).is_err(), "byte {at}");
        }
        assert!(check(&file[..5]).is_err());
    }
}
