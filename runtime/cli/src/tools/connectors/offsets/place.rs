//! Partitions and offsets as Connect's REST API writes them: objects, of a sink always the same ones.

use std::sync::Arc;

use millrace_client::admin::Place;
use serde_json::{Value, json};

/// An entry for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) place: String,
    pub(super) offset: String,
}

/// The entries in order of their places.
pub(super) fn rows(offsets: &[Value]) -> Vec<Row> {
    let mut sorted: Vec<&Value> = offsets.iter().collect();
    sorted.sort_by_key(|entry| (sink_place(entry), name(&entry["partition"])));
    sorted
        .into_iter()
        .map(|entry| Row {
            place: name(&entry["partition"]),
            offset: offset(&entry["offset"]),
        })
        .collect()
}

/// A partition in short: `orders-0` of a sink, the object of a source.
pub(super) fn name(partition: &Value) -> String {
    match (
        partition["kafka_topic"].as_str(),
        number(&partition["kafka_partition"]),
    ) {
        (Some(topic), Some(index)) => format!("{topic}-{index}"),
        _ => partition.to_string(),
    }
}

/// An offset in short; `-` where there is none.
pub(super) fn offset(offset: &Value) -> String {
    match number(&offset["kafka_offset"]) {
        Some(number) => number.to_string(),
        None if offset.is_null() => "-".to_owned(),
        None => offset.to_string(),
    }
}

/// The partition of a sink's entry.
pub(super) fn sink_place(entry: &Value) -> Option<Place> {
    let partition = &entry["partition"];
    let topic = partition["kafka_topic"].as_str()?;
    let index = i32::try_from(number(&partition["kafka_partition"])?).ok()?;
    Some((Arc::from(topic), index))
}

/// The offset of a sink's entry.
pub(super) fn sink_offset(entry: &Value) -> Option<i64> {
    number(&entry["offset"]["kafka_offset"])
}

/// An entry of a sink.
pub(super) fn sink_entry((topic, index): &Place, offset: i64) -> Value {
    json!({
        "partition": {"kafka_topic": &**topic, "kafka_partition": index},
        "offset": {"kafka_offset": offset},
    })
}

/// Connect takes numbers as texts, too.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Row, rows, sink_entry, sink_offset, sink_place};

    #[test]
    fn sinks_have_numbers_and_sources_objects() {
        let place = (Arc::from("t"), 2);
        let entry = sink_entry(&place, 7);
        assert_eq!(sink_place(&entry), Some(place));
        assert_eq!(sink_offset(&entry), Some(7));
        let source = json!({"partition": {"filename": "x"}, "offset": {"position": 1}});
        assert_eq!(sink_place(&source), None);
        let far = sink_entry(&(Arc::from("t"), 10), 1);
        let shown: Vec<(String, String)> = rows(&[far, entry, source])
            .into_iter()
            .map(|Row { place, offset }| (place, offset))
            .collect();
        let expected = [
            ("{\"filename\":\"x\"}", "{\"position\":1}"),
            ("t-2", "7"),
            ("t-10", "1"),
        ];
        for ((place, offset), (expected_place, expected_offset)) in shown.iter().zip(expected) {
            assert_eq!(
                (place.as_str(), offset.as_str()),
                (expected_place, expected_offset)
            );
        }
    }
}
