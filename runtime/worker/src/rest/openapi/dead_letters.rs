//! The shapes of dead letters and replays.

use serde_json::{Value, json};

use super::schemas::{list, map, maybe_text, object, reference, text};

fn number() -> Value {
    json!({"type": "integer", "format": "int64"})
}

fn maybe_number() -> Value {
    json!({"type": "integer", "format": "int64", "nullable": true})
}

/// The schemas by name.
pub(super) fn dead_letters() -> Value {
    let queue = json!({
        "queue": text(), "partitions": number(), "letters": number(), "waiting": number(),
        "replayed": number(), "inDoubt": number(), "newest": maybe_number(),
        "connectors": list(&text()),
    });
    let letter = json!({
        "queue": text(), "partition": number(), "offset": number(), "timestamp": maybe_number(),
        "state": {"type": "string", "enum": ["waiting", "replayed", "in doubt"]},
        "cause": {"type": "object", "description": "What the headers say of the failure"},
        "headers": list(&json!({"type": "object"})),
        "key": maybe_text(), "keyBase64": text(), "value": maybe_text(), "valueBase64": text(),
    });
    let filter = json!({
        "connector": text(), "stage": text(), "exception": text(), "message": text(),
        "topic": text(), "headers": map(&maybe_text()), "since": number(), "until": number(),
        "partition": number(), "fromOffset": number(), "toOffset": number(),
    });
    let edit = json!({
        "set": text(), "value": {}, "remove": text(), "replace": text(), "with": text(),
        "whole": maybe_text(),
    });
    let replay = json!({
        "filter": reference("DeadLetterFilter"), "to": text(),
        "edits": list(&reference("DeadLetterEdit")), "limit": number(),
        "dryRun": {"type": "boolean", "default": false},
        "inDoubt": {"type": "boolean", "default": false},
    });
    let outcome = json!({
        "queue": text(), "dryRun": {"type": "boolean"}, "chosen": number(), "replayed": number(),
        "topics": map(&number()), "replayedBefore": number(), "inDoubt": number(),
        "records": list(&json!({"type": "object"})),
    });
    let counts = [
        "queue",
        "dryRun",
        "chosen",
        "replayed",
        "topics",
        "replayedBefore",
        "inDoubt",
    ];
    json!({
        "DeadLetterQueues": list(&object(&["queue", "letters", "waiting"], &queue)),
        "DeadLetters": list(&object(&["queue", "partition", "offset", "state", "cause"], &letter)),
        "DeadLetterFilter": object(&[], &filter),
        "DeadLetterEdit": object(&[], &edit),
        "DeadLetterReplay": object(&[], &replay),
        "DeadLetterOutcome": object(&counts, &outcome),
    })
}
