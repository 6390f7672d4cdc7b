//! DescribeLogDirs (35): the data directory, its volume, and how much each partition takes of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

use crate::call::Ctx;
use crate::partition::Partition;
use crate::topics::Topic;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let path = ctx.core.topics.data_dir().path().to_owned();
    let volume = tokio::task::spawn_blocking(move || Volume::of(&path)).await;
    let volume = volume.unwrap_or_default();
    let error_code = match ctx.core.topics.data_dir().check_online() {
        Ok(()) => ErrorCode::NONE,
        Err(error) => error.code(),
    };
    let topics = match request.topics {
        _ if !error_code.is_ok() => Vec::new(),
        None => ctx
            .core
            .topics
            .all()
            .iter()
            .map(|topic| whole(topic))
            .collect(),
        Some(asked) => asked.iter().filter_map(|asked| part(ctx, asked)).collect(),
    };
    let result = DescribeLogDirsResult {
        error_code,
        log_dir: volume.path.display().to_string(),
        topics,
        total_bytes: volume.total_bytes,
        usable_bytes: volume.usable_bytes,
    };
    DescribeLogDirsResponse {
        results: vec![result],
        ..Default::default()
    }
}

/// The data directory by its absolute path, and the sizes of the volume it lies on; -1 where they are not known.
struct Volume {
    path: PathBuf,
    total_bytes: i64,
    usable_bytes: i64,
}

impl Default for Volume {
    fn default() -> Self {
        Volume {
            path: PathBuf::new(),
            total_bytes: -1,
            usable_bytes: -1,
        }
    }
}

impl Volume {
    /// Asks the disk.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    fn of(path: &Path) -> Volume {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match rustix::fs::statvfs(&path) {
            Ok(stat) => Volume {
                total_bytes: bytes(stat.f_blocks, stat.f_frsize),
                usable_bytes: bytes(stat.f_bavail, stat.f_frsize),
                path,
            },
            Err(_) => Volume {
                path,
                ..Volume::default()
            },
        }
    }
}

fn bytes(blocks: u64, block_bytes: u64) -> i64 {
    i64::try_from(blocks.saturating_mul(block_bytes)).unwrap_or(i64::MAX)
}

fn whole(topic: &Topic) -> DescribeLogDirsTopic {
    DescribeLogDirsTopic {
        name: topic.name.to_string(),
        partitions: topic.partitions.iter().map(described).collect(),
    }
}

/// The partitions asked for that are there.
fn part(ctx: &Ctx<'_>, asked: &DescribableLogDirTopic) -> Option<DescribeLogDirsTopic> {
    let topic = ctx.core.topics.get(&asked.topic)?;
    let indexes: BTreeSet<i32> = asked.partitions.iter().copied().collect();
    let partitions: Vec<_> = indexes
        .iter()
        .filter_map(|index| topic.partition(*index))
        .map(described)
        .collect();
    (!partitions.is_empty()).then(|| DescribeLogDirsTopic {
        name: asked.topic.clone(),
        partitions,
    })
}

fn described(partition: &Arc<Partition>) -> DescribeLogDirsPartition {
    DescribeLogDirsPartition {
        partition_index: partition.index(),
        partition_size: i64::try_from(partition.log.size()).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    }
}
