//! The OpenAPI document of the API, made from the table that requests are routed by. It is served at `/openapi.json`.

mod dead_letters;
mod health;
mod preview;
mod schemas;

use serde_json::{Map, Value, json};

use super::endpoints::{Endpoint, Operation, Parameter, ParameterKind, endpoints};

/// Refusals that every operation has: the Accept header, the Content-Type, what fails inside the worker.
const COMMON_REFUSALS: [u16; 5] = [400, 405, 406, 415, 500];

/// The document of the endpoints that are served.
pub(super) fn document(serves: impl Fn(&Endpoint) -> bool) -> Value {
    let served = endpoints().filter(|endpoint| serves(endpoint));
    let paths: Map<String, Value> = served
        .map(|endpoint| (endpoint.path.to_owned(), path(endpoint)))
        .collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Millrace worker",
            "description": "Connectors, their tasks and offsets, as Kafka Connect has them",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas::all()},
    })
}

fn path(endpoint: &Endpoint) -> Value {
    let mut methods: Map<String, Value> = endpoint
        .operations
        .iter()
        .map(|each| (each.verb.name().to_ascii_lowercase(), operation(each)))
        .collect();
    let parameters: Vec<Value> = names(endpoint.path)
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": if name == "task" {
                    json!({"type": "integer", "minimum": 0, "maximum": i32::MAX})
                } else {
                    json!({"type": "string", "minLength": 1})
                },
            })
        })
        .collect();
    if !parameters.is_empty() {
        methods.insert("parameters".to_owned(), parameters.into());
    }
    methods.into()
}

/// The names in braces of a path.
fn names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation(operation: &Operation) -> Value {
    let mut object = Map::new();
    object.insert("operationId".to_owned(), operation.id.into());
    object.insert("summary".to_owned(), operation.summary.into());
    if !operation.query.is_empty() {
        let query: Vec<Value> = operation.query.iter().map(parameter).collect();
        object.insert("parameters".to_owned(), query.into());
    }
    if let Some(schema) = operation.body {
        let body = json!({"required": true, "content": content(schema)});
        object.insert("requestBody".to_owned(), body);
    }
    object.insert("responses".to_owned(), responses(operation));
    object.into()
}

fn parameter(parameter: &Parameter) -> Value {
    let one_of = |texts: &[&str]| json!({"type": "string", "enum": texts});
    let schema = match parameter.kind {
        ParameterKind::Flag(default) => json!({"type": "boolean", "default": default}),
        ParameterKind::Number(least) => {
            json!({"type": "integer", "format": "int64", "minimum": least})
        }
        ParameterKind::Text => json!({"type": "string"}),
        ParameterKind::OneOf(texts) => one_of(texts),
        ParameterKind::Several(texts) => json!({"type": "array", "items": one_of(texts)}),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.meaning,
        "schema": schema,
    })
}

fn responses(operation: &Operation) -> Value {
    let refused = operation.refusals.iter().chain(&COMMON_REFUSALS);
    let mut responses: Map<String, Value> = refused
        .map(|status| {
            let answer = json!({"description": reason(*status), "content": content("Error")});
            (status.to_string(), answer)
        })
        .collect();
    for (status, schema) in operation.answers {
        let mut answer = json!({"description": reason(*status)});
        if let Some(schema) = schema {
            answer["content"] = content(schema);
        }
        responses.insert(status.to_string(), answer);
    }
    responses.sort_keys();
    responses.into()
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

fn reason(status: u16) -> &'static str {
    let status = axum::http::StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Surface;
    use super::*;

    #[test]
    fn the_document_has_every_operation_and_every_schema_it_names() {
        let document = document(|_| true);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let known: BTreeSet<String> = schemas
            .keys()
            .map(|name| format!("#/components/schemas/{name}"))
            .collect();
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        assert_eq!(named, known);
        let ids: Vec<&str> = endpoints()
            .flat_map(|endpoint| endpoint.operations)
            .map(|operation| operation.id)
            .collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len());
        assert_eq!(
            document["paths"].as_object().unwrap().len(),
            endpoints().count()
        );
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn listeners_document_what_they_serve() {
        let paths = |surface| {
            let document = document(|endpoint| Surface::serves(surface, endpoint));
            let paths = document["paths"].as_object().unwrap().clone();
            paths.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            paths(Surface::Admin),
            ["/admin/loggers", "/admin/loggers/{logger}"]
        );
        assert!(!paths(Surface::Public).contains(&"/admin/loggers".to_owned()));
    }
}
