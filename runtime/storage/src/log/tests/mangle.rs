//! The last segment's files cut at any byte or filled with noise: the log opens all the same, what was
//! durable is there or named as damaged, and nothing of it is cut.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::ReadError;
use crate::testing::Random;

/// What happens to a file while nobody looks.
#[derive(Debug, Clone)]
enum Harm {
    Truncate,
    Noise {
        seed: u64,
    },
    Zeros,
    /// Bytes behind the end.
    Grow {
        seed: u64,
        len: usize,
    },
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        3 => Just(Harm::Truncate),
        3 => any::<u64>().prop_map(|seed| Harm::Noise { seed }),
        1 => Just(Harm::Zeros),
        1 => (any::<u64>(), 1usize..3000).prop_map(|(seed, len)| Harm::Grow { seed, len }),
    ]
}

impl Harm {
    /// Does it from a byte on; gives the first byte that is not as it was.
    fn apply(&self, path: &Path, at: usize) -> usize {
        let mut bytes = std::fs::read(path).unwrap();
        let at = at % (bytes.len() + 1);
        let first = match self {
            Self::Truncate => {
                bytes.truncate(at);
                at
            }
            Self::Noise { seed } => {
                let mut random = Random::new(*seed);
                bytes[at..].fill_with(|| random.bits() as u8);
                at
            }
            Self::Zeros => {
                bytes[at..].fill(0);
                at
            }
            Self::Grow { seed, len } => {
                let mut random = Random::new(*seed);
                let end = bytes.len();
                bytes.extend((0..*len).map(|_| random.bits() as u8));
                end
            }
        };
        std::fs::write(path, bytes).unwrap();
        first
    }
}

/// The last segment's file of a kind.
fn last_file(dir: &Path, extension: &str) -> PathBuf {
    let entries = std::fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let of_kind = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    paths.filter(of_kind).max().unwrap()
}

fn value(offset: i64) -> Vec<u8> {
    format!("value {offset} {}", "x".repeat((offset * 7 % 60) as usize)).into_bytes()
}

/// Appends batches of one to three records.
fn append(log: &Arc<Log>, batches: usize) {
    for _ in 0..batches {
        let base = log.log_end_offset();
        let values: Vec<_> = (base..base + 1 + base % 3).map(value).collect();
        let values: Vec<_> = values.iter().map(Vec::as_slice).collect();
        log.append(&crate::testing::value_batch(NOW + base, &values), 0, NOW)
            .unwrap();
    }
}

/// The first offset that a harmed segment may have lost: that of the batch which holds the byte.
fn first_lost(path: &Path, byte: usize, end: i64) -> i64 {
    let bytes = Bytes::from(std::fs::read(path).unwrap());
    let mut at = 0;
    for batch in batches(&bytes).map_while(Result::ok) {
        at += batch.bytes().len();
        if at > byte {
            return batch.header().base_offset;
        }
    }
    end
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_harmed_last_segment_costs_nothing_else(
        durable_batches in 0usize..40,
        later_batches in 0usize..15,
        harm in harm(),
        at in any::<prop::sample::Index>(),
        harmed_index in prop::option::of((prop::bool::ANY, 0usize..300)),
        clean in prop::bool::weighted(0.2),
    ) {
        let (temp, bench, log) = fresh(small());
        append(&log, durable_batches);
        log.flush().unwrap();
        bench.dir.write_checkpoints();
        let mut durable = log.log_end_offset();
        append(&log, later_batches);
        let end = log.log_end_offset();
        if clean {
            bench.dir.close().unwrap();
            durable = end;
        }
        let dir = log.dir().to_owned();
        drop((bench, log));

        let path = last_file(&dir, "log");
        let whole = std::fs::read(&path).unwrap();
        let first_harmed = at.index(whole.len() + 1);
        let lost_from = match harm {
            Harm::Grow { .. } => end,
            _ => first_lost(&path, first_harmed, end),
        };
        let first_harmed = harm.apply(&path, first_harmed);
        if let Some((times, byte)) = harmed_index {
            let extension = if times { "timeindex" } else { "index" };
            harm.apply(&last_file(&dir, extension), byte);
        }
        let harmed = std::fs::read(&path).unwrap();

        let config = DataDirConfig { log_defaults: small(), ..DataDirConfig::default() };
        let (bench, recovery) = Bench::open(temp.path(), config);
        let log = bench.dir.find("shop", 0).unwrap();
        prop_assert!(log.log_end_offset() >= durable, "offsets of durable records are not given out again");
        prop_assert!(log.log_end_offset() >= lost_from, "batches before the harm stay");
        let mut unreadable = None;
        for offset in 0..durable.max(lost_from.min(log.log_end_offset())) {
            match log.read(offset, 1, true, Isolation::ReadUncommitted) {
                Ok(range) => {
                    let batch = &batches_of(&range)[0];
                    batch.check_crc().unwrap();
                    let decoded = batch.decode(1 << 20, Pool::global()).unwrap();
                    let row = decoded.rows.iter().find(|row| row.offset == offset).unwrap();
                    prop_assert_eq!(row.value.of(&decoded.data).unwrap(), value(offset));
                }
                Err(ReadError::Corrupt { .. }) if offset >= lost_from => unreadable = Some(offset),
                Err(error) => prop_assert!(false, "offset {}: {}", offset, error),
            }
        }
        let damages: Vec<_> = recovery.logs.iter().flat_map(|log| &log.damages).collect();
        prop_assert_eq!(unreadable.is_some(), damages.iter().any(|damage| damage.offset < durable), "{:?}", damages);
        // What was durable is still in the file, however little can be made of it.
        let kept = std::fs::read(&path).unwrap();
        if !damages.is_empty() {
            let intact = first_harmed.min(kept.len());
            prop_assert_eq!(&kept[..intact], &harmed[..intact]);
            prop_assert!(kept.len() >= first_harmed.min(harmed.len()));
        }
        append(&log, 5);
        log.flush().unwrap();
        let next = log.log_end_offset() - 1;
        prop_assert!(log.read(next, 500, true, Isolation::ReadUncommitted).is_ok());
    }
}
