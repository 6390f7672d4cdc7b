//! Schemas as registries keep them.

use serde_json::{Value as Json, json};

use super::client::integer;

/// What a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaFormat {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
}

impl SchemaFormat {
    /// The registry's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
        }
    }
}

/// The text of a schema, with what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SchemaText {
    pub(crate) text: String,
    pub(crate) references: Vec<Reference>,
}

impl SchemaText {
    /// A schema that refers to no other.
    pub(crate) fn alone(text: String) -> Self {
        Self {
            text,
            references: Vec::new(),
        }
    }
}

/// A version of a subject, under the name by which a schema refers to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) version: i32,
}

impl Reference {
    fn from_json(json: &Json) -> Option<Self> {
        let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
        Some(Self {
            name: text("name")?,
            subject: text("subject")?,
            version: integer(json.get("version"))?,
        })
    }

    pub(super) fn to_json(&self) -> Json {
        json!({ "name": self.name, "subject": self.subject, "version": self.version })
    }
}

/// A schema that a registry gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Registered {
    /// The id; 0 where the answer has none, since it was asked for by it.
    pub(crate) id: i32,
    /// What it is written in, as the registry names it.
    pub(crate) format: String,
    pub(crate) text: SchemaText,
}

impl Registered {
    /// The schema in an answer, if there is one.
    pub(super) fn from_json(json: &Json) -> Option<Self> {
        let references = match json.get("references") {
            None | Some(Json::Null) => Vec::new(),
            Some(list) => list
                .as_array()?
                .iter()
                .map(Reference::from_json)
                .collect::<Option<_>>()?,
        };
        Some(Self {
            id: integer(json.get("id")).unwrap_or(0),
            format: match json.get("schemaType").and_then(Json::as_str) {
                Some(format) => format.to_owned(),
                None => "AVRO".to_owned(),
            },
            text: SchemaText {
                text: json.get("schema")?.as_str()?.to_owned(),
                references,
            },
        })
    }
}

/// A schema with the text of all that it refers to, each after what it refers to itself.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    pub(crate) references: Vec<(String, String)>,
}
