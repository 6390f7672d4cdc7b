//! `__consumer_offsets` in clear: what groups have committed, or their members.

use millrace_broker::offsets_topic::Change;
use serde_json::json;

use super::{format::Format, reading::Record};
use crate::tools::{
    decode::Undecodable,
    offsets_topic::{key, value},
};

/// Which records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Offsets,
    Groups,
}

#[derive(Debug)]
pub(super) struct Offsets(pub(super) Kind);

impl Format for Offsets {
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        let Some(key_bytes) = record.key() else {
            return Ok(());
        };
        let change = match Change::decode(key_bytes, record.value()) {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(()),
            Err(error) => {
                log::warn!(
                    "offset {} of partition {}: {error}",
                    record.row.offset,
                    record.fetched.partition
                );
                return Ok(());
            }
        };
        let wanted = match change {
            Change::Offset { .. } => Kind::Offsets,
            Change::Group { .. } => Kind::Groups,
        };
        if wanted != self.0 {
            return Ok(());
        }
        let line = json!({"key": key(&change), "value": value(&change, record.value())});
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
        Ok(())
    }
}
