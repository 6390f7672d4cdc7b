//! The shapes of what is said of health.

use serde_json::{Value, json};

use super::schemas::{list, map, object, one_of, text};

/// What a source has not read, or null.
fn unread() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let seconds = json!({"type": "number", "minimum": 0});
    let part = object(
        &["name", "bytes", "seconds"],
        &json!({"name": text(), "bytes": count, "seconds": seconds}),
    );
    let mut unread = object(
        &["bytes", "seconds", "count", "parts"],
        &json!({"bytes": count, "seconds": seconds, "count": count, "parts": list(&part)}),
    );
    unread["nullable"] = json!(true);
    unread
}

pub(super) fn health() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let time = json!({"type": "integer"});
    let maybe_time = json!({"type": "integer", "nullable": true});
    json!({
        "Health": object(
            &["status", "message"],
            &json!({"status": one_of(&["healthy", "starting", "unhealthy"]), "message": text()}),
        ),
        "Ready": object(
            &["ready", "connectors"],
            &json!({
                "ready": {"type": "boolean"},
                "worker": text(),
                "connectors": map(&list(&text())),
            }),
        ),
        "Flow": object(
            &[
                "condition",
                "stage",
                "stage_since",
                "stalled_since",
                "last_record",
                "last_commit",
                "records",
                "records_behind",
                "bytes_behind",
                "seconds_behind",
                "unread",
                "memory",
            ],
            &json!({
                "condition": one_of(&["flowing", "idle", "stalled", "paused"]),
                "stage": one_of(&[
                    "start",
                    "poll",
                    "poll_retry",
                    "transform",
                    "send",
                    "put",
                    "commit",
                    "dead_letters",
                    "memory",
                    "paused",
                ]),
                "stage_since": time,
                "stalled_since": maybe_time,
                "last_record": maybe_time,
                "last_commit": maybe_time,
                "records": count,
                "records_behind": count,
                "bytes_behind": count,
                "seconds_behind": {"type": "number", "minimum": 0},
                "unread": unread(),
                "memory": object(
                    &[
                        "bytes",
                        "connector_bytes",
                        "connector_max_bytes",
                        "worker_bytes",
                        "worker_max_bytes",
                    ],
                    &json!({
                        "bytes": count,
                        "connector_bytes": count,
                        "connector_max_bytes": maybe_time,
                        "worker_bytes": count,
                        "worker_max_bytes": maybe_time,
                    }),
                ),
            }),
        ),
        "Restart": object(
            &["attempt", "max_attempts", "reason", "next_attempt"],
            &json!({
                "attempt": count,
                "max_attempts": count,
                "reason": text(),
                "next_attempt": maybe_time,
            }),
        ),
    })
}
