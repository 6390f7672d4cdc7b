//! The shapes of bodies (contract connect-rest, sections 2 and 3).

use serde_json::{Value, json};

/// All schemas by name.
pub(super) fn all() -> Value {
    let mut schemas = json!({});
    for part in [
        connectors(),
        super::health::health(),
        offsets(),
        faults(),
        super::preview::preview(),
        super::dead_letters::dead_letters(),
        plugins(),
        loggers(),
        worker(),
    ] {
        if let (Some(all), Value::Object(part)) = (schemas.as_object_mut(), part) {
            all.extend(part);
        }
    }
    schemas
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn maybe_text() -> Value {
    json!({"type": "string", "nullable": true})
}

pub(super) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object whose members may have any name.
pub(super) fn map(values: &Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

/// An object with these members; those in `required` are always there.
pub(super) fn object(required: &[&str], properties: &Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

pub(super) fn one_of(texts: &[&str]) -> Value {
    json!({"type": "string", "enum": texts})
}

fn faults() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let fault = object(
        &["call", "fault"],
        &json!({
            "call": text(),
            "fault": text(),
            "after": count,
            "times": {"type": "integer"},
            "ms": count,
            "task": count,
        }),
    );
    let mut shown = fault.clone();
    shown["properties"]["calls"] = count.clone();
    shown["properties"]["happened"] = count;
    json!({
        "Faults": object(&["faults"], &json!({"faults": list(&fault)})),
        "ShownFaults": object(&["faults"], &json!({"faults": list(&shown)})),
    })
}

fn connectors() -> Value {
    let task = object(
        &["connector", "task"],
        &json!({"connector": text(), "task": {"type": "integer", "minimum": 0}}),
    );
    let kind = one_of(&["source", "sink", "unknown"]);
    let state = json!({
        "state": one_of(&["UNASSIGNED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "RESTARTING"]),
        "worker_id": text(),
        "version": maybe_text(),
        "trace": text(),
    });
    let mut task_state = state.clone();
    task_state["id"] = json!({"type": "integer", "minimum": 0});
    task_state["flow"] = reference("Flow");
    task_state["restart"] = reference("Restart");
    let parts = object(
        &[],
        &json!({"info": reference("Connector"), "status": reference("ConnectorStatus")}),
    );
    json!({
        "Config": map(&maybe_text()),
        "Configs": list(&reference("Config")),
        "CreateRequest": {
            "type": "object",
            "required": ["config"],
            "properties": {
                "name": maybe_text(),
                "config": reference("Config"),
                "initial_state": {
                    "type": "string",
                    "nullable": true,
                    "enum": ["RUNNING", "PAUSED", "STOPPED", null],
                },
            },
            "additionalProperties": false,
        },
        "Connector": object(
            &["name", "config", "tasks", "type"],
            &json!({
                "name": text(),
                "config": reference("Config"),
                "tasks": list(&task),
                "type": kind,
            }),
        ),
        "Connectors": {"oneOf": [list(&text()), map(&parts)]},
        "State": object(&["state", "worker_id", "version"], &state),
        "ConnectorStatus": object(
            &["name", "connector", "tasks", "type"],
            &json!({
                "name": text(),
                "connector": reference("State"),
                "tasks": list(&reference("TaskStatus")),
                "type": kind,
            }),
        ),
        "TaskStatus": object(&["id", "state", "worker_id", "version"], &task_state),
        "Tasks": list(&object(&["id", "config"], &json!({"id": task, "config": reference("Config")}))),
        "Topics": map(&object(&["topics"], &json!({"topics": list(&text())}))),
    })
}

fn offsets() -> Value {
    let anything = json!({"type": "object", "nullable": true, "additionalProperties": true});
    json!({
        "Offsets": object(
            &["offsets"],
            &json!({
                "offsets": list(&object(
                    &["partition"],
                    &json!({"partition": anything, "offset": anything}),
                )),
            }),
        ),
        "Message": object(&["message"], &json!({"message": text()})),
    })
}

fn plugins() -> Value {
    let kinds = [
        "sink",
        "source",
        "transformation",
        "predicate",
        "converter",
        "header_converter",
    ];
    let types = [
        "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD",
    ];
    let value = object(
        &["name", "value", "recommended_values", "errors", "visible"],
        &json!({
            "name": text(),
            "value": maybe_text(),
            "recommended_values": list(&text()),
            "errors": list(&text()),
            "visible": {"type": "boolean"},
        }),
    );
    let definition = json!({"nullable": true, "allOf": [reference("Key")]});
    json!({
        "Plugins": list(&object(
            &["class", "type"],
            &json!({"class": text(), "type": one_of(&kinds), "version": text()}),
        )),
        "Key": object(
            &["name", "type", "required", "default_value", "importance", "order"],
            &json!({
                "name": text(),
                "type": one_of(&types),
                "required": {"type": "boolean"},
                "default_value": maybe_text(),
                "importance": one_of(&["HIGH", "MEDIUM", "LOW"]),
                "documentation": maybe_text(),
                "group": maybe_text(),
                "width": one_of(&["NONE", "SHORT", "MEDIUM", "LONG"]),
                "display_name": text(),
                "dependents": list(&text()),
                "order": {"type": "integer"},
            }),
        ),
        "Keys": list(&reference("Key")),
        "Verdicts": object(
            &["name", "error_count", "groups", "configs"],
            &json!({
                "name": text(),
                "error_count": {"type": "integer", "minimum": 0},
                "groups": list(&text()),
                "configs": list(&object(
                    &["definition", "value"],
                    &json!({"definition": definition, "value": value}),
                )),
            }),
        ),
    })
}

fn loggers() -> Value {
    let levels = [
        "OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL",
    ];
    json!({
        "Level": map(&maybe_text()),
        "Logger": object(
            &["level", "last_modified"],
            &json!({
                "level": one_of(&levels),
                "last_modified": {"type": "integer", "nullable": true},
                "expires": {"type": "integer"},
            }),
        ),
        "LogLines": object(
            &["lines", "earlier"],
            &json!({
                "lines": list(&object(
                    &["time", "level", "task", "logger", "message"],
                    &json!({
                        "time": {"type": "integer"},
                        "level": one_of(&levels),
                        "task": {"type": "integer", "minimum": 0, "nullable": true},
                        "logger": text(),
                        "message": text(),
                    }),
                )),
                "earlier": {"type": "integer", "minimum": 0},
            }),
        ),
        "Loggers": map(&reference("Logger")),
        "Names": list(&text()),
    })
}

fn worker() -> Value {
    json!({
        "Worker": object(
            &["version", "commit", "kafka_cluster_id"],
            &json!({"version": text(), "commit": text(), "kafka_cluster_id": maybe_text()}),
        ),
        "Document": {"type": "object"},
        "Error": object(
            &["error_code", "message"],
            &json!({"error_code": {"type": "integer"}, "message": maybe_text()}),
        ),
    })
}
