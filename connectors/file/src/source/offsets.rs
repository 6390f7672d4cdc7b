//! Connect's offset maps of a file: partition `{"filename": …}`, offset `{"position": n}`, the byte behind the last line.

use millrace_api::{ConnectError, OffsetMap, SourcePartition};
use serde_json::Value;

const FILENAME: &str = "filename";
const POSITION: &str = "position";

/// The source partition of `file`, or of standard input, whose position means nothing to a later reader.
pub(crate) fn partition(file: Option<&str>) -> SourcePartition {
    let is_file = file.is_some();
    let offset = move |mark: i64| {
        map(
            POSITION,
            if is_file {
                Value::from(mark)
            } else {
                Value::Null
            },
        )
    };
    SourcePartition::new(map(FILENAME, file.map_or(Value::Null, Value::from)), offset)
}

fn map(key: &str, value: Value) -> OffsetMap {
    std::iter::once((key.to_owned(), value)).collect()
}

/// The position in a stored offset; none if it has none.
pub(crate) fn position(offset: &OffsetMap) -> Result<Option<u64>, ConnectError> {
    match offset.get(POSITION) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(position) => Ok(Some(u64::try_from(position).unwrap_or(0))),
            None => Err(ConnectError::connect(format!(
                "the stored offset position {value} is not a 64-bit integer"
            ))),
        },
    }
}

/// Checks an offset that a user wants to store. A partition may name another file, from an earlier configuration.
pub(crate) fn check_one(
    partition: Option<&OffsetMap>,
    offset: &OffsetMap,
) -> Result<(), ConnectError> {
    let Some(position) = offset.get(POSITION) else {
        return Err(refused(format!(
            "an offset must be null or have the key '{POSITION}'"
        )));
    };
    match position.as_i64() {
        None => {
            return Err(refused(format!(
                "the '{POSITION}' of an offset must be a 64-bit integer, not {position}"
            )));
        }
        Some(position) if position < 0 => {
            return Err(refused(format!(
                "the '{POSITION}' of an offset must not be negative, but is {position}"
            )));
        }
        Some(_) => {}
    }
    match partition {
        None => Err(refused("a partition must not be null".to_owned())),
        Some(partition) if !partition.contains_key(FILENAME) => Err(refused(format!(
            "a partition must have the key '{FILENAME}'"
        ))),
        Some(_) => Ok(()),
    }
}

fn refused(why: String) -> ConnectError {
    ConnectError::connect(why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> OffsetMap {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn maps_are_those_of_kafka() {
        let file = partition(Some("a.log"));
        assert_eq!(
            Value::from(file.partition().clone()),
            json!({"filename": "a.log"})
        );
        assert_eq!(Value::from(file.offset(20)), json!({"position": 20}));
        let stdin = partition(None);
        assert_eq!(
            Value::from(stdin.partition().clone()),
            json!({"filename": null})
        );
        assert_eq!(Value::from(stdin.offset(20)), json!({"position": null}));
    }

    #[test]
    fn stored_positions() {
        for (stored, expected) in [
            (json!({"position": 20}), Ok(Some(20))),
            (json!({"position": -1}), Ok(Some(0))),
            (json!({"position": null}), Ok(None)),
            (json!({}), Ok(None)),
            (json!({"position": "20"}), Err(())),
            (json!({"position": 1.5}), Err(())),
        ] {
            assert_eq!(
                position(&object(&stored)).map_err(|_| ()),
                expected,
                "{stored}"
            );
        }
    }

    #[test]
    fn altered_offsets() {
        let file = json!({"filename": "other.log"});
        for (partition, offset, accepted) in [
            (file.clone(), json!({"position": 0}), true),
            (file.clone(), json!({}), false),
            (file.clone(), json!({"position": "1"}), false),
            (file.clone(), json!({"position": 1.0}), false),
            (file, json!({"position": -1}), false),
            (json!(null), json!({"position": 1}), false),
            (json!({"file": "a"}), json!({"position": 1}), false),
        ] {
            let verdict = check_one(partition.as_object(), &object(&offset));
            assert_eq!(verdict.is_ok(), accepted, "{partition} {offset}");
        }
    }
}
