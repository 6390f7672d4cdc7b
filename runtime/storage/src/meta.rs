//! Who a data directory and a partition's directory belong to.
//!
//! `meta.properties` is a Java properties file with `version=1`, `cluster.id`, `node.id` and
//! `directory.id` (Kafka's `MetaProperties`). `partition.metadata` is two lines, `version: 0` and
//! `topic_id: <id>`, without a line end behind the last (`PartitionMetadataFile`). Ids are base64url
//! without padding.

use std::path::Path;

use millrace_wire::uuid::Uuid;

use crate::error::StorageError;
use crate::files::{Files, read_bytes, read_optional, replace};
use crate::names;

/// The contents of `meta.properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster's id, by custom a random id in base64url.
    pub cluster_id: String,
    /// The node that owns the directory.
    pub node_id: i32,
    /// The directory's own id.
    pub directory_id: String,
}

impl MetaProperties {
    pub(crate) fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = dir.join(names::META_PROPERTIES);
        let Some(text) = read_optional(files, &path)? else {
            return Ok(None);
        };
        Self::parse(&text)
            .map(Some)
            .map_err(|reason| StorageError::malformed(&path, reason))
    }

    pub(crate) fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), StorageError> {
        let Self {
            cluster_id,
            node_id,
            directory_id,
        } = self;
        let text = format!(
            "version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n"
        );
        replace(files, &dir.join(names::META_PROPERTIES), text.as_bytes())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.starts_with(['#', '!']))
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| value.trim().to_owned())
        };
        let required = |key: &str| value(key).ok_or_else(|| format!("`{key}` is missing"));
        let version = required("version")?;
        if version != "1" {
            return Err(format!("its version is {version}, only 1 is known"));
        }
        let node_id = required("node.id")?;
        Ok(Self {
            cluster_id: required("cluster.id")?,
            node_id: node_id
                .parse()
                .map_err(|_| format!("`{node_id}` is not a node id"))?,
            directory_id: value("directory.id").unwrap_or_default(),
        })
    }
}

/// Text of `partition.metadata`.
pub(crate) fn format_partition_metadata(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// The topic's id in a partition's directory. `None` where the file is missing or holds none, as a
/// crash right after the directory's creation leaves it.
pub(crate) fn read_partition_metadata(
    files: &dyn Files,
    dir: &Path,
) -> Result<Option<Uuid>, StorageError> {
    let path = dir.join(names::PARTITION_METADATA);
    let Some(bytes) = read_bytes(files, &path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("topic_id:"));
    let id = lines.next().and_then(|id| id.trim().parse().ok());
    if id.is_none() {
        log::warn!("{} names no topic id", path.display());
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::OsFiles;

    #[test]
    fn meta_properties_survive_the_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(MetaProperties::read(&OsFiles, dir.path()).unwrap(), None);
        let meta = MetaProperties {
            cluster_id: Uuid::random().unwrap().to_string(),
            node_id: 7,
            directory_id: Uuid::random().unwrap().to_string(),
        };
        meta.write(&OsFiles, dir.path()).unwrap();
        assert_eq!(
            MetaProperties::read(&OsFiles, dir.path()).unwrap(),
            Some(meta)
        );
    }

    #[test]
    fn kafkas_own_file_reads() {
        let text = "#\n#Sat Nov 21 10:00:00 UTC 2026\ncluster.id=abc\ndirectory.id=def\nnode.id=1\nversion=1\n";
        let meta = MetaProperties::parse(text).unwrap();
        assert_eq!(
            (
                meta.cluster_id.as_str(),
                meta.node_id,
                meta.directory_id.as_str()
            ),
            ("abc", 1, "def")
        );
        assert!(MetaProperties::parse("version=0\nbroker.id=1\n").is_err());
    }

    #[test]
    fn topic_ids_survive_the_file() {
        let id = Uuid::random().unwrap();
        let text = format_partition_metadata(id);
        assert!(text.starts_with("version: 0\ntopic_id: ") && !text.ends_with('\n'));
        assert_eq!(
            text.rsplit(' ').next().unwrap().parse::<Uuid>().unwrap(),
            id
        );
    }
}
