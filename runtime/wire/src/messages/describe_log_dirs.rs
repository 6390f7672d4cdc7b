//! DescribeLogDirs (35): data directories, and how much partitions take there. Version 4 adds the sizes of their volumes.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    DescribeLogDirs(1-4, flexible 2+): DescribeLogDirsRequest => DescribeLogDirsResponse;

    /// Partitions asked about.
    struct DescribeLogDirsRequest {
        /// The topics; null for all.
        topics: Option<Vec<DescribableLogDirTopic>>,
    }

    /// Partitions of a topic.
    struct DescribableLogDirTopic {
        /// Its name.
        topic: String,
        /// The partitions.
        partitions: Vec<i32>,
    }

    /// The directories.
    struct DescribeLogDirsResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong with all of it.
        error_code: ErrorCode [3+],
        /// The directories.
        results: Vec<DescribeLogDirsResult>,
    }

    /// A directory.
    struct DescribeLogDirsResult {
        /// What went wrong.
        error_code: ErrorCode,
        /// Its absolute path.
        log_dir: String,
        /// The topics it holds, of those asked about.
        topics: Vec<DescribeLogDirsTopic>,
        /// The size of its volume in bytes, -1 where it is not known.
        total_bytes: i64 [4+] = -1,
        /// The bytes of its volume that can be used, -1 where they are not known.
        usable_bytes: i64 [4+] = -1,
    }

    /// Partitions of a topic.
    struct DescribeLogDirsTopic {
        /// Its name.
        name: String,
        /// The partitions.
        partitions: Vec<DescribeLogDirsPartition>,
    }

    /// A partition.
    struct DescribeLogDirsPartition {
        /// Its number.
        partition_index: i32,
        /// The bytes of its segments.
        partition_size: i64,
        /// How far the log is behind the partition's high watermark, or behind the log it is to replace.
        offset_lag: i64,
        /// Whether it is being moved here.
        is_future_key: bool,
    }
}
