//! Avro schemas as a tree, read from and written as JSON text.
//!
//! Written is what Apache Avro's Java library writes, member by member, since registries tell schemas apart by their text.
//! Facts: the specification of Avro 1.11, "Schema Declaration" and "Names".

use std::collections::HashMap;

use millrace_api::ConnectError;
use serde_json::{Map, Value as Json};

/// A schema and its properties that are not Avro's own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) props: Map<String, Json>,
}

/// What a schema describes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(Box<Node>),
    Map(Box<Node>),
    Union(Vec<Node>),
    Record(Name, Vec<FieldNode>),
    Enum(Name, Symbols),
    Fixed(Name, usize),
    /// A named type that is described elsewhere.
    Reference(String),
}

/// The name of a type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) space: Option<String>,
    pub(super) simple: String,
    pub(super) doc: Option<String>,
}

/// The symbols of an enum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Symbols {
    pub(super) all: Vec<String>,
    pub(super) default: Option<String>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldNode {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) doc: Option<String>,
    pub(super) default: Option<Json>,
    pub(super) props: Map<String, Json>,
}

impl Name {
    /// Namespace and name with a dot between them.
    pub(super) fn full(&self) -> String {
        match &self.space {
            Some(space) => format!("{space}.{}", self.simple),
            None => self.simple.clone(),
        }
    }
}

impl Node {
    /// A schema without properties.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            props: Map::new(),
        }
    }

    /// A text property.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.props.get(key).and_then(Json::as_str)
    }

    /// The name of a named type.
    pub(super) fn name(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Record(name, _) | Kind::Enum(name, _) | Kind::Fixed(name, _) => Some(name),
            _ => None,
        }
    }

    /// Avro's name for the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
            Kind::Record(..) => "record",
            Kind::Enum(..) => "enum",
            Kind::Fixed(..) => "fixed",
            Kind::Reference(_) => "reference",
        }
    }
}

/// A schema with the named types that it and what it refers to describe.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) root: Node,
    names: HashMap<String, Node>,
}

impl Document {
    /// Reads a schema and those that it refers to, which come first.
    pub(super) fn parse(text: &str, references: &[(String, String)]) -> Result<Self, ConnectError> {
        let mut parser = Parser {
            names: HashMap::new(),
        };
        for (_, text) in references {
            parser.document(text)?;
        }
        let root = parser.document(text)?;
        Ok(Self {
            root,
            names: parser.names,
        })
    }

    /// A schema that refers to what `other` describes.
    pub(super) fn of(root: Node, other: &Self) -> Self {
        Self {
            root,
            names: other.names.clone(),
        }
    }

    /// The schema itself, where `node` is a reference.
    pub(super) fn resolve<'a>(&'a self, node: &'a Node) -> Result<&'a Node, ConnectError> {
        match &node.kind {
            Kind::Reference(name) => self
                .names
                .get(name)
                .ok_or_else(|| refused(&format!("the type {name} is described nowhere"))),
            _ => Ok(node),
        }
    }
}

fn refused(why: &str) -> ConnectError {
    ConnectError::data(format!("the Avro schema cannot be read: {why}"))
}

struct Parser {
    names: HashMap<String, Node>,
}

/// The members that are Avro's own; all others are properties.
const OWN: [&str; 11] = [
    "type",
    "name",
    "namespace",
    "doc",
    "fields",
    "symbols",
    "items",
    "values",
    "size",
    "aliases",
    "order",
];

impl Parser {
    fn document(&mut self, text: &str) -> Result<Node, ConnectError> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| refused(&format!("it is no JSON: {error}")))?;
        self.node(&json, None)
    }

    fn node(&mut self, json: &Json, space: Option<&str>) -> Result<Node, ConnectError> {
        match json {
            Json::String(name) => Ok(self.named(name, space)),
            Json::Array(branches) => {
                let branches = branches.iter().map(|branch| self.node(branch, space));
                Ok(Node::new(Kind::Union(branches.collect::<Result<_, _>>()?)))
            }
            Json::Object(members) => self.object(members, space),
            _ => Err(refused("a type is a name, a list or an object")),
        }
    }

    fn named(&self, name: &str, space: Option<&str>) -> Node {
        Node::new(match name {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::String,
            name => Kind::Reference(match space {
                Some(space) if !name.contains('.') => format!("{space}.{name}"),
                _ => name.to_owned(),
            }),
        })
    }

    fn object(
        &mut self,
        json: &Map<String, Json>,
        space: Option<&str>,
    ) -> Result<Node, ConnectError> {
        let Some(ty) = json.get("type") else {
            return Err(refused("an object has no type"));
        };
        let Some(ty) = ty.as_str() else {
            return self.node(ty, space);
        };
        let kind = match ty {
            "array" => Kind::Array(Box::new(self.part(json, "items", space)?)),
            "map" => Kind::Map(Box::new(self.part(json, "values", space)?)),
            "record" | "error" => {
                let name = name(json, space)?;
                let fields = self.fields(json, name.space.as_deref())?;
                Kind::Record(name, fields)
            }
            "enum" => Kind::Enum(name(json, space)?, symbols(json)?),
            "fixed" => {
                let size = json.get("size").and_then(Json::as_u64);
                let size = size.and_then(|size| usize::try_from(size).ok());
                Kind::Fixed(
                    name(json, space)?,
                    size.ok_or_else(|| refused("a fixed has no size"))?,
                )
            }
            name => self.named(name, space).kind,
        };
        let is_enum = matches!(kind, Kind::Enum(..));
        let node = Node {
            kind,
            props: props(json, if is_enum { &["default"] } else { &[] }),
        };
        if let Some(name) = node.name() {
            let full = name.full();
            if self.names.contains_key(&full) {
                return Err(refused(&format!("the type {full} is described twice")));
            }
            self.names.insert(full, node.clone());
        }
        Ok(node)
    }

    fn part(
        &mut self,
        json: &Map<String, Json>,
        key: &str,
        space: Option<&str>,
    ) -> Result<Node, ConnectError> {
        match json.get(key) {
            Some(part) => self.node(part, space),
            None => Err(refused(&format!("an array or map has no {key}"))),
        }
    }

    fn fields(
        &mut self,
        json: &Map<String, Json>,
        space: Option<&str>,
    ) -> Result<Vec<FieldNode>, ConnectError> {
        let fields = json.get("fields").and_then(Json::as_array);
        let fields = fields.ok_or_else(|| refused("a record has no fields"))?;
        let mut read = Vec::with_capacity(fields.len());
        for field in fields {
            let members = field
                .as_object()
                .ok_or_else(|| refused("a field is no object"))?;
            let name = text(members, "name").ok_or_else(|| refused("a field has no name"))?;
            read.push(FieldNode {
                node: self.part(members, "type", space)?,
                doc: text(members, "doc"),
                default: members.get("default").cloned(),
                props: props(members, &["default"]),
                name,
            });
        }
        Ok(read)
    }
}

fn text(json: &Map<String, Json>, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

fn props(json: &Map<String, Json>, also_own: &[&str]) -> Map<String, Json> {
    let is_prop = |key: &str| !OWN.contains(&key) && !also_own.contains(&key);
    let props = json.iter().filter(|(key, _)| is_prop(key));
    props
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn name(json: &Map<String, Json>, space: Option<&str>) -> Result<Name, ConnectError> {
    let name = text(json, "name").ok_or_else(|| refused("a named type has no name"))?;
    let doc = text(json, "doc");
    if let Some((space, simple)) = name.rsplit_once('.') {
        return Ok(Name {
            space: Some(space.to_owned()).filter(|space| !space.is_empty()),
            simple: simple.to_owned(),
            doc,
        });
    }
    let space = match json.get("namespace").and_then(Json::as_str) {
        Some(own) => Some(own).filter(|own| !own.is_empty()),
        None => space,
    };
    Ok(Name {
        space: space.map(str::to_owned),
        simple: name,
        doc,
    })
}

fn symbols(json: &Map<String, Json>) -> Result<Symbols, ConnectError> {
    let all = json.get("symbols").and_then(Json::as_array);
    let all = all.ok_or_else(|| refused("an enum has no symbols"))?;
    let texts = all.iter().map(|symbol| symbol.as_str().map(str::to_owned));
    Ok(Symbols {
        all: texts
            .collect::<Option<_>>()
            .ok_or_else(|| refused("a symbol is no text"))?,
        default: text(json, "default"),
    })
}

/// Writes a schema as JSON; a named type that was written before is only named. `space` is the namespace around it.
pub(super) fn to_json(node: &Node, space: Option<&str>, written: &mut Vec<String>) -> Json {
    let mut json = Map::new();
    match &node.kind {
        Kind::Union(branches) => {
            return branches
                .iter()
                .map(|branch| to_json(branch, space, written))
                .collect();
        }
        Kind::Reference(full) => return reference(full, space),
        Kind::Array(element) => {
            json.insert("type".into(), "array".into());
            json.insert("items".into(), to_json(element, space, written));
        }
        Kind::Map(value) => {
            json.insert("type".into(), "map".into());
            json.insert("values".into(), to_json(value, space, written));
        }
        Kind::Record(name, _) | Kind::Enum(name, _) | Kind::Fixed(name, _) => {
            let full = name.full();
            if written.contains(&full) {
                return reference(&full, space);
            }
            written.push(full);
            json.insert("type".into(), node.type_name().into());
            describe(node, name, space, &mut json, written);
        }
        _ if node.props.is_empty() => return node.type_name().into(),
        _ => {
            json.insert("type".into(), node.type_name().into());
        }
    }
    json.extend(node.props.clone());
    Json::Object(json)
}

fn reference(full: &str, space: Option<&str>) -> Json {
    match full.rsplit_once('.') {
        Some((own, simple)) if Some(own) == space => simple.into(),
        _ => full.into(),
    }
}

fn describe(
    node: &Node,
    name: &Name,
    space: Option<&str>,
    json: &mut Map<String, Json>,
    written: &mut Vec<String>,
) {
    json.insert("name".into(), name.simple.clone().into());
    match (&name.space, space) {
        (own, around) if own.as_deref() == around => {}
        (Some(own), _) => {
            json.insert("namespace".into(), own.clone().into());
        }
        (None, _) => {
            json.insert("namespace".into(), "".into());
        }
    }
    if let Some(doc) = &name.doc {
        json.insert("doc".into(), doc.clone().into());
    }
    match &node.kind {
        Kind::Record(_, fields) => {
            let space = name.space.as_deref();
            let fields = fields.iter().map(|field| field_json(field, space, written));
            json.insert("fields".into(), fields.collect());
        }
        Kind::Enum(_, symbols) => {
            json.insert("symbols".into(), symbols.all.clone().into());
            if let Some(default) = &symbols.default {
                json.insert("default".into(), default.clone().into());
            }
        }
        Kind::Fixed(_, size) => {
            json.insert("size".into(), (*size).into());
        }
        _ => {}
    }
}

fn field_json(field: &FieldNode, space: Option<&str>, written: &mut Vec<String>) -> Json {
    let mut json = Map::new();
    json.insert("name".into(), field.name.clone().into());
    json.insert("type".into(), to_json(&field.node, space, written));
    if let Some(doc) = &field.doc {
        json.insert("doc".into(), doc.clone().into());
    }
    if let Some(default) = &field.default {
        json.insert("default".into(), default.clone());
    }
    json.extend(field.props.clone());
    Json::Object(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(text: &str) {
        let document = Document::parse(text, &[]).unwrap();
        let written = to_json(&document.root, None, &mut Vec::new());
        assert_eq!(written.to_string(), text);
    }

    #[test]
    fn schemas_are_written_as_they_were_read() {
        for text in [
            r#""string""#,
            r#"["null",{"type":"int","connect.type":"int8"}]"#,
            r#"{"type":"array","items":"long"}"#,
            r#"{"type":"record","name":"R","namespace":"a.b","doc":"d","fields":[{"name":"x","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"},"doc":"e","default":"A"},{"name":"y","type":["null","E"],"default":null,"p":1}],"connect.name":"a.b.R"}"#,
            r#"{"type":"fixed","name":"F","namespace":"n","size":4,"logicalType":"decimal"}"#,
        ] {
            same(text);
        }
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in [
            "",
            "{}",
            "1",
            r#"{"type":"record","name":"R"}"#,
            r#"{"type":"array"}"#,
            r#"{"type":"fixed","name":"F","size":-1}"#,
            r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]"#,
        ] {
            assert!(Document::parse(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_found_in_what_is_referred_to() {
        let other = r#"{"type":"record","name":"O","namespace":"n","fields":[]}"#.to_owned();
        let text =
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"o","type":"O"}]}"#;
        let document = Document::parse(text, &[("n.O".into(), other)]).unwrap();
        let Kind::Record(_, fields) = &document.root.kind else {
            panic!("no record");
        };
        let found = document.resolve(&fields[0].node).unwrap();
        assert_eq!(found.name().unwrap().full(), "n.O");
        let alone = Document::parse(text, &[]).unwrap();
        assert!(alone.resolve(&fields[0].node).is_err());
    }
}
