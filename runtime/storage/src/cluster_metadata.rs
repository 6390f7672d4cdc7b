//! What Apache Kafka's own metadata log says of the topics in a directory, names, ids, partitions and
//! configurations, and how it configured its brokers while they ran. It is read, never written: `__cluster_metadata-0` stays as its owner left it.
//!
//! The log is record batches like any other; a snapshot, `<offset>-<epoch>.checkpoint`, is batches too and
//! stands for all records below its offset. A record's value is a frame version (uvarint, 1), the kind and
//! the version of the message (uvarints), and the message in flexible encoding:
//!
//! | kind | message | fields read |
//! |---|---|---|
//! | 2 | TopicRecord | name compact string, topic id |
//! | 3 | PartitionRecord | partition i32, topic id |
//! | 4 | ConfigRecord | resource type i8 (2 is a topic, 4 a broker), resource (empty: all brokers), key compact strings, value compact string? |
//! | 9 | RemoveTopicRecord | topic id |
//!
//! Facts: Kafka's `metadata` module (`TopicRecord.json` and its neighbours, `MetadataRecordSerde`).

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchHeader};
use millrace_wire::pool::Pool;
use millrace_wire::uuid::Uuid;
use millrace_wire::varint::read_uvarint32;

use crate::data_dir::DataDir;
use crate::error::{IoContext, StorageError};
use crate::files::{Files, OsFiles};
use crate::names::{self, FileKind};
use crate::scan::{HeaderScan, ScanError};

/// What the records of one batch may expand to.
const EXPANSION_LIMIT: usize = 64 << 20;
/// Resource types of configurations.
const TOPIC: u8 = 2;
const BROKER: u8 = 4;

/// A topic that Apache Kafka knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaTopic {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// The number of its partitions.
    pub partitions: i32,
    /// Its own configuration, as it was typed.
    pub configs: BTreeMap<String, String>,
}

/// What a metadata log of Apache Kafka adds up to.
#[derive(Debug, Default)]
pub struct KafkaMetadata {
    /// The topics.
    pub topics: Vec<KafkaTopic>,
    /// What its brokers were told while they ran: by node id in decimal, and under the empty name for all
    /// of them.
    pub broker_configs: HashMap<String, BTreeMap<String, String>>,
}

impl KafkaMetadata {
    /// Reads the log in a data directory, which need not be open; nothing where there is no such log.
    /// Waits for the disk. What does not read is left out, and logged.
    ///
    /// # Errors
    ///
    /// Where the disk fails.
    pub fn read(data_dir: &Path) -> Result<Self, StorageError> {
        read(&OsFiles, &data_dir.join(names::CLUSTER_METADATA_DIR))
    }
}

impl DataDir {
    /// The topics that Apache Kafka's metadata log in the directory tells of; none where there is no such
    /// log. Waits for the disk. What of the log does not read is left out, and logged.
    ///
    /// # Errors
    ///
    /// Where the disk fails.
    pub fn kafka_topics(&self) -> Result<Vec<KafkaTopic>, StorageError> {
        let dir = self.path().join(names::CLUSTER_METADATA_DIR);
        read(self.shared().files(), &dir).map(|metadata| metadata.topics)
    }
}

fn read(files: &dyn Files, dir: &Path) -> Result<KafkaMetadata, StorageError> {
    let entries = match files.list(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(KafkaMetadata::default());
        }
        Err(error) => return Err(StorageError::io("list", dir, error)),
    };
    let mut image = Image::default();
    let mut from = 0;
    let snapshots = entries.iter().filter_map(|entry| snapshot_end(&entry.name));
    if let Some((end, name)) = snapshots.max() {
        image.replay(files, &dir.join(name), i64::MIN)?;
        from = end;
    }
    let mut segments: Vec<i64> = entries
        .iter()
        .filter_map(|entry| names::parse_segment_file(&entry.name))
        .filter(|&(_, kind)| kind == FileKind::Log)
        .map(|(base, _)| base)
        .collect();
    segments.sort_unstable();
    for base in segments {
        let path = dir.join(names::segment_file(base, FileKind::Log));
        if !image.replay(files, &path, from)? {
            break;
        }
    }
    Ok(image.into_metadata())
}

/// The offset below which a snapshot stands for all records, and its name.
fn snapshot_end(name: &str) -> Option<(i64, &str)> {
    let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    epoch.parse::<i32>().ok()?;
    Some((end.parse().ok()?, name))
}

/// The state that the records add up to.
#[derive(Debug, Default)]
struct Image {
    topics: HashMap<Uuid, KafkaTopic>,
    configs: HashMap<String, BTreeMap<String, String>>,
    broker_configs: HashMap<String, BTreeMap<String, String>>,
}

impl Image {
    /// Applies the records of a file from an offset on; says whether it read to its end.
    fn replay(&mut self, files: &dyn Files, path: &Path, from: i64) -> Result<bool, StorageError> {
        let file = files.open(path).during("open", path)?;
        let len = file.file().metadata().during("look at", path)?.len();
        let mut scan = HeaderScan::new(file.file(), 0, len);
        loop {
            let (position, header) = match scan.next() {
                Ok(Some(next)) => next,
                Ok(None) => return Ok(true),
                Err(ScanError::Io(error)) => return Err(StorageError::io("read", path, error)),
                Err(ScanError::Malformed { position, error }) => {
                    log::warn!("{} ends at byte {position}: {error}", path.display());
                    return Ok(false);
                }
            };
            if header.attributes.is_control() || header.last_offset() < from {
                continue;
            }
            let mut bytes = vec![0; header.total_len()];
            file.file()
                .read_exact_at(&mut bytes, position)
                .during("read", path)?;
            if let Err(error) = self.replay_batch(&header, &Bytes::from(bytes), from) {
                log::warn!("{} ends at byte {position}: {error}", path.display());
                return Ok(false);
            }
        }
    }

    fn replay_batch(
        &mut self,
        header: &BatchHeader,
        bytes: &Bytes,
        from: i64,
    ) -> Result<(), millrace_wire::batch::BatchError> {
        let batch = Batch::parse(bytes)?;
        batch.check_crc()?;
        let decoded = batch.decode(EXPANSION_LIMIT, Pool::global())?;
        for row in decoded.rows.iter().filter(|row| row.offset >= from) {
            let value = row.value.of(&decoded.data).unwrap_or_default();
            if self.apply(&mut Fields(value)).is_none() {
                let offset = header.base_offset;
                log::warn!("a metadata record of Kafka's behind offset {offset} does not read");
            }
        }
        Ok(())
    }

    /// Applies one record; `None` where it ends early.
    fn apply(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let _frame_version = fields.uvarint()?;
        let kind = fields.uvarint()?;
        let _version = fields.uvarint()?;
        match kind {
            2 => {
                let (name, id) = (fields.string()??, Uuid(fields.array()?));
                let topic = KafkaTopic {
                    name,
                    id,
                    partitions: 0,
                    configs: BTreeMap::new(),
                };
                self.topics.insert(id, topic);
            }
            3 => {
                let partition = i32::from_be_bytes(fields.array()?);
                if let Some(topic) = self.topics.get_mut(&Uuid(fields.array()?)) {
                    topic.partitions = topic.partitions.max(partition.saturating_add(1));
                }
            }
            4 => {
                let [resource_type] = fields.array()?;
                let (resource, key) = (fields.string()??, fields.string()??);
                let value = fields.string()?;
                let configs = match resource_type {
                    TOPIC => self.configs.entry(resource).or_default(),
                    BROKER => self.broker_configs.entry(resource).or_default(),
                    _ => return Some(()),
                };
                match value {
                    Some(value) => configs.insert(key, value),
                    None => configs.remove(&key),
                };
            }
            9 => {
                // A topic made anew under the name starts without the old one's configuration.
                if let Some(topic) = self.topics.remove(&Uuid(fields.array()?)) {
                    self.configs.remove(&topic.name);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn into_metadata(self) -> KafkaMetadata {
        let (topics, configs) = (self.topics, self.configs);
        let with_configs = |mut topic: KafkaTopic| {
            topic.configs = configs.get(&topic.name).cloned().unwrap_or_default();
            topic
        };
        KafkaMetadata {
            topics: topics.into_values().map(with_configs).collect(),
            broker_configs: self.broker_configs,
        }
    }
}

/// Fields of a flexible message from the front of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn uvarint(&mut self) -> Option<u32> {
        let (value, used) = read_uvarint32(self.0)?;
        self.0 = &self.0[used..];
        Some(value)
    }

    /// A compact string: `Some(None)` is null.
    fn string(&mut self) -> Option<Option<String>> {
        let Some(len) = self.uvarint()?.checked_sub(1) else {
            return Some(None);
        };
        let (text, rest) = self.0.split_at_checked(len as usize)?;
        self.0 = rest;
        Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use millrace_wire::compression::Compression;

    use super::*;
    use crate::testing::batch;

    const ID: Uuid = Uuid([5; 16]);

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = vec![text.len() as u8 + 1];
        bytes.extend(text.as_bytes());
        bytes
    }

    fn topic(name: &str, id: Uuid) -> Vec<u8> {
        [vec![1, 2, 0], string(name), id.0.to_vec(), vec![0]].concat()
    }

    fn partition(number: i32, id: Uuid) -> Vec<u8> {
        let number = number.to_be_bytes().to_vec();
        [vec![1, 3, 2], number, id.0.to_vec(), vec![9, 9, 9]].concat()
    }

    fn config_of(kind: u8, resource: &str, key: &str, value: Option<&str>) -> Vec<u8> {
        let value = value.map_or(vec![0], string);
        [vec![1, 4, 0, kind], string(resource), string(key), value].concat()
    }

    fn config(topic: &str, key: &str, value: Option<&str>) -> Vec<u8> {
        config_of(TOPIC, topic, key, value)
    }

    fn removal(id: Uuid) -> Vec<u8> {
        [vec![1, 9, 0], id.0.to_vec(), vec![0]].concat()
    }

    fn write(path: &Path, base_offset: i64, records: &[Vec<u8>]) {
        let rows: Vec<_> = records
            .iter()
            .map(|value| (0, None, Some(&value[..])))
            .collect();
        let mut bytes = batch(&rows, Compression::None).to_vec();
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn topics_add_up_from_the_records() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, old) = (temp.path(), Uuid([6; 16]));
        let records = [
            topic("old", old),
            config("old", "retention.ms", Some("5")),
            topic("shop", ID),
            partition(0, ID),
            partition(1, ID),
            config("shop", "cleanup.policy", Some("compact")),
            config("shop", "retention.ms", Some("7")),
            config("shop", "retention.ms", None),
            removal(old),
            vec![1, 77, 0, 1, 2, 3],
            vec![1, 2],
        ];
        write(&dir.join("00000000000000000000.log"), 0, &records);
        let shop = KafkaTopic {
            name: "shop".to_owned(),
            id: ID,
            partitions: 2,
            configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
        };
        assert_eq!(read(&OsFiles, dir).unwrap().topics, [shop]);
    }

    #[test]
    fn a_snapshot_stands_for_what_is_below_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        let below = [
            topic("gone", Uuid([7; 16])),
            topic("gone too", Uuid([8; 16])),
            partition(1, ID),
        ];
        write(&dir.join("00000000000000000000.log"), 0, &below);
        let snapshot = [topic("shop", ID), partition(0, ID)];
        write(
            &dir.join("00000000000000000002-0000000001.checkpoint"),
            0,
            &snapshot,
        );
        let found = read(&OsFiles, dir).unwrap().topics;
        assert_eq!((found.len(), found[0].partitions), (1, 2));
    }

    #[test]
    fn brokers_are_told_one_by_one_and_all_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let records = [
            config_of(BROKER, "", "log.retention.ms", Some("-1")),
            config_of(BROKER, "1", "log.segment.bytes", Some("9")),
            config_of(BROKER, "1", "log.segment.bytes", None),
            config_of(BROKER, "1", "message.max.bytes", Some("7")),
            config_of(16, "subscription", "interval.ms", Some("5")),
        ];
        let dir = temp.path().join(names::CLUSTER_METADATA_DIR);
        std::fs::create_dir(&dir).unwrap();
        write(&dir.join("00000000000000000000.log"), 0, &records);
        let found = KafkaMetadata::read(temp.path()).unwrap().broker_configs;
        let only = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let expected = [
            (String::new(), only("log.retention.ms", "-1")),
            ("1".to_owned(), only("message.max.bytes", "7")),
        ];
        assert_eq!(found, HashMap::from(expected));
    }

    #[test]
    fn no_log_no_topics() {
        let temp = tempfile::tempdir().unwrap();
        let found = KafkaMetadata::read(temp.path()).unwrap();
        assert_eq!((found.topics.len(), found.broker_configs.len()), (0, 0));
    }
}
