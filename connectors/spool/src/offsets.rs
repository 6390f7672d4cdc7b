//! Connect's offset maps: partition `{"path": …}`, offset `{"position": n, "size": n, "modified": ms}`: the byte behind the
//! last record, and which file of that path it was.

use std::path::Path;

use millrace_api::{ConnectError, OffsetMap, SourcePartition};
use serde_json::Value;

use crate::scan::Stamp;

const PATH: &str = "path";
const POSITION: &str = "position";
const SIZE: &str = "size";
const MODIFIED: &str = "modified";

/// The source partition of a file.
pub(crate) fn partition(path: &Path, stamp: Stamp) -> SourcePartition {
    let path = path.to_string_lossy().into_owned();
    SourcePartition::new(map([(PATH, path.into())]), move |mark| {
        map([
            (POSITION, mark.into()),
            (SIZE, stamp.size.into()),
            (MODIFIED, stamp.modified_ms.into()),
        ])
    })
}

fn map<const N: usize>(members: [(&str, Value); N]) -> OffsetMap {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Where to go on in a file that is as `stamp` says: at its beginning, if the offset is that of another file. An offset
/// without size and time, as a user may store it, is of any file.
///
/// # Errors
/// When the offset is none of these.
pub(crate) fn position(offset: &OffsetMap, stamp: Stamp) -> Result<u64, ConnectError> {
    let position = whole(offset, POSITION)?.unwrap_or(0);
    let is_other = |name, own: u64| {
        Ok::<_, ConnectError>(whole(offset, name)?.is_some_and(|known| known != own))
    };
    if is_other(SIZE, stamp.size)? || is_other(MODIFIED, stamp.modified_ms)? {
        return Ok(0);
    }
    Ok(position.min(stamp.size))
}

fn whole(offset: &OffsetMap, name: &str) -> Result<Option<u64>, ConnectError> {
    match offset.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(ConnectError::connect(format!(
                "the '{name}' of an offset must be a whole number from 0, not {value}"
            ))),
        },
    }
}

/// Checks an offset that a user wants to store.
///
/// # Errors
/// When the partition or the offset is not one of this connector's.
pub(crate) fn check_one(
    partition: Option<&OffsetMap>,
    offset: &OffsetMap,
) -> Result<(), ConnectError> {
    let path = partition.and_then(|partition| partition.get(PATH));
    if !path.is_some_and(Value::is_string) {
        return Err(ConnectError::connect(
            "a source partition of this connector is {\"path\": \"…\"}, with the path of a file in its folder",
        ));
    }
    if whole(offset, POSITION)?.is_none() {
        return Err(ConnectError::connect(
            "an offset of this connector is {\"position\": n}, a number of bytes",
        ));
    }
    whole(offset, SIZE)?;
    whole(offset, MODIFIED).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> OffsetMap {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_offset_is_of_one_file() {
        let stamp = Stamp {
            size: 100,
            modified_ms: 7,
        };
        let source = partition(Path::new("/in/a"), stamp);
        assert_eq!(
            Value::from(source.partition().clone()),
            json!({"path": "/in/a"})
        );
        let offset = source.offset(40);
        assert_eq!(
            Value::from(offset.clone()),
            json!({"position": 40, "size": 100, "modified": 7})
        );
        assert_eq!(position(&offset, stamp).unwrap(), 40);
        let other = Stamp {
            modified_ms: 8,
            ..stamp
        };
        assert_eq!(position(&offset, other).unwrap(), 0);
        let by_hand = object(&json!({"position": 400}));
        assert_eq!(position(&by_hand, other).unwrap(), 100);
        assert!(position(&object(&json!({"position": "4"})), stamp).is_err());
    }

    #[test]
    fn altered_offsets_are_checked() {
        let (path, at) = (
            object(&json!({"path": "/a"})),
            object(&json!({"position": 4})),
        );
        assert!(check_one(Some(&path), &at).is_ok());
        assert!(check_one(None, &at).is_err());
        assert!(check_one(Some(&at), &at).is_err());
        assert!(check_one(Some(&path), &path).is_err());
    }
}
