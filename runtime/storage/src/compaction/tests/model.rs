//! Random logs, compacted now and then, against a list of all that was appended.

use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

use super::*;

const DELETE_RETENTION_MS: i64 = 5_000;

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<(u8, Option<u8>)>, Compression),
    Compact,
    Wait,
    Reopen { clean: bool },
}

fn action() -> impl Strategy<Value = Action> {
    let records = prop::collection::vec((0u8..12, prop::option::weighted(0.8, any::<u8>())), 1..8);
    let codec = prop::sample::select(Compression::ALL.to_vec());
    prop_oneof![
        12 => (records, codec).prop_map(|(records, codec)| Action::Append(records, codec)),
        3 => Just(Action::Compact),
        1 => Just(Action::Wait),
        1 => any::<bool>().prop_map(|clean| Action::Reopen { clean }),
    ]
}

/// All that was ever appended, and where compaction got to.
#[derive(Default)]
struct Model {
    appended: Vec<Found>,
}

impl Model {
    /// Checks what a reader finds. Of every key the last record must be there, unless it is a tombstone
    /// that may have gone; nothing else may be missing behind `compacted`, and nothing be there that was
    /// not appended.
    fn check(&self, found: &[Found], compacted: i64) {
        let mut last: HashMap<&[u8], &Found> = HashMap::new();
        for record in &self.appended {
            last.insert(&record.key, record);
        }
        let by_offset: HashMap<i64, &Found> =
            found.iter().map(|found| (found.offset, found)).collect();
        assert!(found.is_sorted_by_key(|found| found.offset));
        for found in found {
            assert_eq!(
                Some(found),
                self.appended.get(found.offset as usize),
                "what is there was appended so"
            );
        }
        for record in &self.appended {
            let is_last = last[&record.key[..]] == record;
            let must_stay = record.offset >= compacted || is_last && record.value.is_some();
            assert!(
                !must_stay || by_offset.contains_key(&record.offset),
                "{record:?} is missing"
            );
        }
        // A tombstone is not gone before what it buries.
        let mut seen: HashMap<&[u8], &Found> = HashMap::new();
        for found in found {
            seen.insert(&found.key, found);
        }
        for (key, record) in last {
            let visible = seen.get(key);
            assert!(
                visible.is_some_and(|visible| *visible == record)
                    || record.value.is_none() && visible.is_none(),
                "a reader takes {visible:?} for the last of {record:?}"
            );
        }
        // Below the compacted offset no key is there twice.
        let mut below: HashMap<&[u8], i64> = HashMap::new();
        for found in found.iter().filter(|found| found.offset < compacted) {
            let older = below.insert(&found.key, found.offset);
            assert_eq!(older, None, "{found:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn readers_see_the_last_of_each_key(actions in prop::collection::vec(action(), 1..80), map_keys in 2usize..40) {
        let temp = tempfile::tempdir().unwrap();
        let log_config = LogConfig { delete_retention_ms: DELETE_RETENTION_MS, ..small() };
        let mut config = DataDirConfig { log_defaults: log_config.clone(), ..DataDirConfig::default() };
        config.cleaner.dedupe_buffer_bytes = 24 * map_keys;
        let mut bench = Bench::open(temp.path(), config.clone());
        let mut log = bench.dir.create_log("shop", 0, Uuid::ONE, log_config).unwrap();
        let mut model = Model::default();
        for action in actions {
            match action {
                Action::Append(records, codec) => {
                    let base = log.log_end_offset();
                    let encoded: Vec<_> = records.iter().map(|(key, value)| (vec![*key], value.map(|value| vec![value; 20]))).collect();
                    let rows: Vec<_> = encoded
                        .iter()
                        .enumerate()
                        .map(|(index, (key, value))| (NOW + index as i64, Some(&key[..]), value.as_deref()))
                        .collect();
                    log.append(&batch(&rows, codec), 0, NOW).unwrap();
                    for (index, (key, value)) in encoded.iter().enumerate() {
                        let index = index as i64;
                        model.appended.push(Found { offset: base + index, timestamp: NOW + index, key: key.clone(), value: value.clone() });
                    }
                }
                Action::Compact => bench.compact(&log),
                Action::Wait => bench.clock.advance(Duration::from_secs(3)),
                Action::Reopen { clean } => {
                    log.flush().unwrap();
                    if clean {
                        bench.dir.close().unwrap();
                    }
                    drop(bench);
                    bench = Bench::open(temp.path(), config.clone());
                    log = bench.dir.find("shop", 0).unwrap();
                }
            }
            log.flush().unwrap();
            prop_assert_eq!(log.log_end_offset(), model.appended.len() as i64);
            prop_assert_eq!(log.log_start_offset(), 0);
            model.check(&records_from(&log, 0), log.compacted_offset().unwrap_or(0));
        }
    }
}
