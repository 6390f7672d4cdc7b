//! The shapes of previews.

use serde_json::{Value, json};

use super::schemas::{list, maybe_text, object, one_of, reference, text};

/// The schemas by name.
pub(super) fn preview() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let any = json!({"nullable": true});
    let mut header = json!({"schema": maybe_text(), "value": any});
    let datum = object(&["value"], &header);
    header["name"] = text();
    let record = object(
        &["topic", "key", "value", "headers"],
        &json!({
            "topic": text(),
            "partition": {"type": "integer", "nullable": true},
            "timestamp": {"type": "integer", "format": "int64", "nullable": true},
            "key": datum,
            "value": datum,
            "headers": list(&object(&["name", "value"], &header)),
        }),
    );
    let error = object(
        &["stage", "class", "message"],
        &json!({"stage": text(), "class": text(), "message": text()}),
    );
    let step = object(
        &["step", "outcome", "before", "after"],
        &json!({
            "step": one_of(&["read", "transform", "convert"]),
            "name": text(),
            "class": text(),
            "outcome": one_of(&["read", "changed", "unchanged", "skipped", "dropped", "failed"]),
            "error": error,
            "before": list(&reference("PreviewRecord")),
            "after": list(&reference("PreviewRecord")),
            "not_shown": count,
        }),
    );
    let trace = object(
        &["origin", "outcome", "steps"],
        &json!({
            "origin": {"type": "object"},
            "outcome": one_of(&["sent", "delivered", "dropped", "failed"]),
            "steps": list(&step),
        }),
    );
    let limit = |maximum: u32| json!({"type": "integer", "minimum": 1, "maximum": maximum});
    json!({
        "PreviewRecord": record,
        "PreviewRequest": object(&[], &json!({
            "connector": text(),
            "config": reference("Config"),
            "topic": text(),
            "from": one_of(&["stored", "beginning", "end"]),
            "records": limit(1_000),
            "bytes": limit(16 * 1024 * 1024),
            "timeout_ms": limit(60_000),
        })),
        "Preview": object(&["connector", "kind", "ended", "records"], &json!({
            "connector": text(),
            "kind": one_of(&["source", "sink"]),
            "ended": one_of(&["records", "bytes", "time", "end"]),
            "records": list(&trace),
        })),
    })
}
