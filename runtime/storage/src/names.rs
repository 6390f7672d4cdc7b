//! Names of files and directories, as Apache Kafka has them.
//!
//! A partition's directory is `<topic>-<partition>`, split at the last dash; one on its way out is
//! `<topic>-<partition>.<32 hex digits>-delete`. Its files are named by a base offset of 20 digits
//! (`LogFileUtils`, `LocalLog` and `UnifiedLog` of Kafka's `storage` module).

use std::fmt::Write;

/// Marks a file that waits for its removal.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";
/// Marks a compaction's unfinished output.
pub(crate) const CLEANED_SUFFIX: &str = ".cleaned";
/// Marks a compaction's finished output that has yet to take its place.
pub(crate) const SWAP_SUFFIX: &str = ".swap";

/// Kafka's metadata log, which lies among the partitions of a combined node and is none of them.
pub(crate) const CLUSTER_METADATA_DIR: &str = "__cluster_metadata-0";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
pub(crate) const LOCK: &str = ".lock";
pub(crate) const META_PROPERTIES: &str = "meta.properties";
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// Up to where each log was compacted.
pub(crate) const CLEANED: &str = "cleaner-offset-checkpoint";
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";
/// Millrace's own: the leader epoch of the last start.
pub(crate) const START_EPOCH: &str = "millrace-start-epoch";

/// The longest file name that usual file systems take.
const MAX_NAME_LEN: usize = 255;

/// What a file of a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Log,
    OffsetIndex,
    TimeIndex,
    TxnIndex,
    Snapshot,
}

impl FileKind {
    const ALL: [Self; 5] = [
        Self::Log,
        Self::OffsetIndex,
        Self::TimeIndex,
        Self::TxnIndex,
        Self::Snapshot,
    ];

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }
}

/// What a directory below a data directory is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DirName<'a> {
    Partition {
        topic: &'a str,
        partition: i32,
    },
    Deleting,
    /// Kafka's `-future` and `-stray` directories, its metadata log, and whatever else lies there.
    Foreign,
}

pub(crate) fn partition_dir(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// The name a partition's directory gets when it is deleted; a long topic name is cut to fit.
pub(crate) fn deleting_dir(topic: &str, partition: i32, unique: [u8; 16]) -> String {
    let mut suffix = format!("-{partition}.");
    for byte in unique {
        write!(suffix, "{byte:02x}").expect("writing to a string cannot fail");
    }
    suffix.push_str("-delete");
    // Topic names are ASCII; another name is cut at a character.
    let mut keep = topic.len().min(MAX_NAME_LEN - suffix.len());
    while !topic.is_char_boundary(keep) {
        keep -= 1;
    }
    format!("{}{suffix}", &topic[..keep])
}

pub(crate) fn parse_dir(name: &str) -> DirName<'_> {
    if name == CLUSTER_METADATA_DIR {
        return DirName::Foreign;
    }
    if name.ends_with("-delete") && name.contains('.') {
        return DirName::Deleting;
    }
    let parsed = name.rsplit_once('-').and_then(|(topic, partition)| {
        let digits = !partition.is_empty() && partition.bytes().all(|byte| byte.is_ascii_digit());
        let partition = partition
            .parse()
            .ok()
            .filter(|_| digits && !topic.is_empty())?;
        Some((topic, partition))
    });
    match parsed {
        Some((topic, partition)) => DirName::Partition { topic, partition },
        None => DirName::Foreign,
    }
}

pub(crate) fn segment_file(base_offset: i64, kind: FileKind) -> String {
    format!("{base_offset:020}{}", kind.suffix())
}

/// A torn tail, kept aside: the offset is that of the first batch that was cut.
pub(crate) fn cut_file(offset: i64) -> String {
    format!("{offset:020}.cut")
}

/// Base offset and kind of a segment's file, where `name` is one.
pub(crate) fn parse_segment_file(name: &str) -> Option<(i64, FileKind)> {
    let (digits, _) = name.split_once('.')?;
    let suffix = &name[digits.len()..];
    let kind = FileKind::ALL
        .into_iter()
        .find(|kind| kind.suffix() == suffix)?;
    let valid = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| valid)?, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_split_at_the_last_dash() {
        for (name, expected) in [
            (
                "shop-0",
                DirName::Partition {
                    topic: "shop",
                    partition: 0,
                },
            ),
            (
                "a-b-12",
                DirName::Partition {
                    topic: "a-b",
                    partition: 12,
                },
            ),
            (
                "__consumer_offsets-49",
                DirName::Partition {
                    topic: "__consumer_offsets",
                    partition: 49,
                },
            ),
            (
                "shop-0.0123456789abcdef0123456789abcdef-delete",
                DirName::Deleting,
            ),
            ("shop-0.0123-stray", DirName::Foreign),
            ("__cluster_metadata-0", DirName::Foreign),
            ("shop", DirName::Foreign),
            ("-1", DirName::Foreign),
            ("shop-+1", DirName::Foreign),
            ("shop-99999999999", DirName::Foreign),
        ] {
            assert_eq!(parse_dir(name), expected, "{name}");
        }
    }

    #[test]
    fn a_deleted_directory_has_a_name_that_fits() {
        let short = deleting_dir("shop", 3, [0xab; 16]);
        assert_eq!(short, format!("shop-3.{}-delete", "ab".repeat(16)));
        assert_eq!(
            deleting_dir(&"t".repeat(249), 123, [0; 16]).len(),
            MAX_NAME_LEN
        );
    }

    #[test]
    fn segment_files_have_twenty_digits() {
        let name = segment_file(170, FileKind::TimeIndex);
        assert_eq!(name, "00000000000000000170.timeindex");
        assert_eq!(parse_segment_file(&name), Some((170, FileKind::TimeIndex)));
        for name in [
            "170.log",
            "00000000000000000170.log.deleted",
            "leader-epoch-checkpoint",
            "0000000000000000017x.log",
        ] {
            assert_eq!(parse_segment_file(name), None, "{name}");
        }
    }
}
