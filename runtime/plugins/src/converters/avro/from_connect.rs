//! Connect schemas as Avro schemas.
//!
//! Facts: Confluent's documentation of AvroConverter, and what its converter writes.

use std::collections::HashMap;

use millrace_api::{ConnectError, Schema, SchemaType, Value, logical};
use serde_json::{Map, Value as Json};

use super::super::registry::{full_name_parts, scrub};
use super::config::{AvroConfig, PRECISION_DEFAULT, is_union, props};
use super::defaults;
use super::node::{FieldNode, Kind, Name, Node, Symbols};

/// The Avro schema of a Connect schema; without a schema, the one that holds anything.
pub(super) fn avro_schema(
    config: &AvroConfig,
    schema: Option<&Schema>,
) -> Result<Node, ConnectError> {
    let mut builder = Builder {
        config,
        records: Vec::new(),
        by_name: HashMap::new(),
        seen: Vec::new(),
        unnamed: 0,
    };
    builder.part(schema)
}

struct Builder<'a> {
    config: &'a AvroConfig,
    /// Structs with their Avro form, so that a struct that comes again is the same type.
    records: Vec<(Schema, Node)>,
    /// The structs by name, for arrays, maps and unions, which take a struct by its name.
    by_name: HashMap<String, Node>,
    /// Names that fields had so far.
    seen: Vec<String>,
    unnamed: usize,
}

impl Builder<'_> {
    fn part(&mut self, schema: Option<&Schema>) -> Result<Node, ConnectError> {
        match schema {
            Some(schema) => self.schema(schema, false),
            None => anything(),
        }
    }

    /// The element of an array, map or union.
    fn element(&mut self, schema: Option<&Schema>, required: bool) -> Result<Node, ConnectError> {
        let Some(schema) = schema else {
            return anything();
        };
        let known = schema
            .name
            .as_ref()
            .and_then(|name| self.by_name.get(name))
            .cloned();
        match known {
            Some(known) if required => Ok(known),
            Some(known) => Ok(optional(schema, known)),
            None => self.schema(schema, required),
        }
    }

    fn schema(&mut self, schema: &Schema, required: bool) -> Result<Node, ConnectError> {
        if let SchemaType::Struct(_) = schema.ty {
            return self.structure(schema);
        }
        let mut node = Node::new(self.kind(schema)?);
        if schema.name.as_deref() == Some(logical::DECIMAL) {
            let (scale, precision) = decimal(schema)?;
            node.props.insert(props::SCALE.into(), scale.into());
            node.props.insert(props::PRECISION.into(), precision.into());
        }
        self.describe(schema, &mut node)?;
        Ok(if required {
            node
        } else {
            optional(schema, node)
        })
    }

    fn kind(&mut self, schema: &Schema) -> Result<Kind, ConnectError> {
        Ok(match &schema.ty {
            SchemaType::Int8 | SchemaType::Int16 | SchemaType::Int32 => Kind::Int,
            SchemaType::Int64 => Kind::Long,
            SchemaType::Float32 => Kind::Float,
            SchemaType::Float64 => Kind::Double,
            SchemaType::Boolean => Kind::Boolean,
            SchemaType::String => self.string(schema),
            SchemaType::Bytes => match fixed_size(schema)? {
                Some(size) => Kind::Fixed(self.name(schema.name.as_deref()), size),
                None => Kind::Bytes,
            },
            SchemaType::Array(element) => {
                Kind::Array(Box::new(self.element(element.as_deref(), false)?))
            }
            SchemaType::Map(key, value) => self.map(schema, key.as_deref(), value.as_deref())?,
            SchemaType::Struct(_) => {
                return Err(ConnectError::data("a struct is no simple type"));
            }
        })
    }

    fn string(&mut self, schema: &Schema) -> Kind {
        let config = self.config;
        let parameter = config.enum_parameter();
        let is_enum = config.generalized || config.enhanced;
        let Some(enum_name) = schema.parameters.get(parameter).filter(|_| is_enum) else {
            return Kind::String;
        };
        let own = self.name(schema.name.as_deref()).simple;
        let (space, simple) = full_name_parts(enum_name);
        let doc = if config.discard_type_doc {
            schema.parameters.get(props::CONNECT_ENUM_DOC)
        } else {
            schema.parameters.get(&format!("{}{own}", props::ENUM_DOC))
        };
        let default = schema
            .parameters
            .get(&format!("{}{own}", props::ENUM_DEFAULT));
        let name = Name {
            space: space.map(str::to_owned),
            simple: simple.to_owned(),
            doc: doc.cloned(),
        };
        let symbols = Symbols {
            all: symbols(schema, parameter),
            default: default.filter(|_| !config.discard_type_doc).cloned(),
        };
        Kind::Enum(name, symbols)
    }

    fn map(
        &mut self,
        schema: &Schema,
        key: Option<&Schema>,
        value: Option<&Schema>,
    ) -> Result<Kind, ConnectError> {
        if key.is_some_and(|key| is_map_key(self.config, key)) {
            return Ok(Kind::Map(Box::new(self.element(value, false)?)));
        }
        let mut entry = Node::new(Kind::Null);
        let name = match &schema.name {
            None => Name {
                space: Some(props::NAMESPACE.to_owned()),
                simple: props::MAP_ENTRY.to_owned(),
                doc: None,
            },
            Some(name) => {
                entry
                    .props
                    .insert(props::CONNECT_INTERNAL_TYPE.into(), props::MAP_ENTRY.into());
                self.name(Some(name))
            }
        };
        let fields = vec![
            self.field("key", key, None)?,
            self.field("value", value, None)?,
        ];
        entry.kind = Kind::Record(name, fields);
        Ok(Kind::Array(Box::new(entry)))
    }

    fn structure(&mut self, schema: &Schema) -> Result<Node, ConnectError> {
        if is_union(schema) {
            return self.union(schema);
        }
        if schema.optional {
            let mut required = schema.clone();
            required.optional = false;
            let record = self.element(Some(&required), false)?;
            return Ok(Node::new(Kind::Union(vec![Node::new(Kind::Null), record])));
        }
        if let Some((_, known)) = self.records.iter().find(|(known, _)| known == schema) {
            return Ok(known.clone());
        }
        let mut name = self.name(schema.name.as_deref());
        let doc = if self.config.discard_type_doc {
            props::CONNECT_RECORD_DOC
        } else {
            props::RECORD_DOC
        };
        name.doc = schema.parameters.get(doc).cloned();
        if let Some(full) = &schema.name {
            self.by_name
                .insert(full.clone(), Node::new(Kind::Reference(name.full())));
        }
        let mut fields = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let doc = format!("{}{}", props::FIELD_DOC, field.name);
            let doc = schema
                .parameters
                .get(&doc)
                .filter(|_| !self.config.discard_type_doc);
            let name = if self.config.scrub {
                scrub(&field.name, false)
            } else {
                field.name.clone()
            };
            fields.push(self.field(&name, Some(&field.schema), doc.cloned())?);
        }
        let mut node = Node::new(Kind::Record(name, fields));
        self.describe(schema, &mut node)?;
        self.clash(schema, &node)?;
        self.records.push((schema.clone(), node.clone()));
        Ok(node)
    }

    /// Refuses two structs that differ and have one name, which Avro cannot tell apart.
    fn clash(&self, schema: &Schema, node: &Node) -> Result<(), ConnectError> {
        let full = node.name().map(Name::full);
        let same = self
            .records
            .iter()
            .find(|(_, known)| known.name().map(Name::full) == full);
        match same {
            Some((_, known)) if known != node => Err(ConnectError::data(format!(
                "two structs of the schema are called {} and differ; give each a name of its own (SetSchemaMetadata)",
                schema.name.as_deref().unwrap_or_default()
            ))),
            _ => Ok(()),
        }
    }

    fn union(&mut self, schema: &Schema) -> Result<Node, ConnectError> {
        let mut branches = Vec::with_capacity(schema.fields().len() + 1);
        if schema.optional {
            branches.push(Node::new(Kind::Null));
        }
        for field in schema.fields() {
            let mut member = Schema::clone(&field.schema);
            member.optional = false;
            branches.push(self.element(Some(&member), true)?);
        }
        Ok(Node::new(Kind::Union(branches)))
    }

    fn field(
        &mut self,
        name: &str,
        schema: Option<&Schema>,
        doc: Option<String>,
    ) -> Result<FieldNode, ConnectError> {
        let Some(schema) = schema else {
            return Ok(FieldNode {
                name: name.to_owned(),
                node: anything()?,
                doc,
                default: None,
                props: Map::new(),
            });
        };
        let was_seen = match &schema.name {
            Some(name) if self.seen.contains(name) => true,
            Some(name) => {
                self.seen.push(name.clone());
                false
            }
            None => false,
        };
        let node = self.schema(schema, false)?;
        let mut field = FieldNode {
            name: name.to_owned(),
            doc: if self.config.discard_type_doc {
                schema.doc.clone()
            } else {
                doc
            },
            default: self.default(schema, &node)?,
            node,
            props: Map::new(),
        };
        if self.config.meta_data && was_seen && is_named(&field.node) {
            let parameters = self.parameters(schema);
            if !parameters.is_empty() {
                field
                    .props
                    .insert(props::CONNECT_PARAMETERS.into(), parameters.into());
            }
        }
        Ok(field)
    }

    /// A field's default; none where it is none that Avro allows, which is one of the first member of a union.
    fn default(&self, schema: &Schema, node: &Node) -> Result<Option<Json>, ConnectError> {
        let first_is_null = match &node.kind {
            Kind::Union(branches) => branches
                .first()
                .is_some_and(|first| first.kind == Kind::Null),
            _ => false,
        };
        match &schema.default {
            Some(Value::Null) | None => Ok(schema
                .optional
                .then_some(Json::Null)
                .filter(|_| first_is_null)),
            Some(_) if first_is_null => {
                log::warn!("the default of a field is left out: Avro allows it none but null");
                Ok(None)
            }
            Some(default) => defaults::to_json(self.config, schema, default).map(Some),
        }
    }

    fn parameters(&self, schema: &Schema) -> Map<String, Json> {
        let is_kept = |key: &str| self.config.discard_type_doc || key != props::FIELD_DEFAULT;
        let kept = schema.parameters.iter().filter(|(key, _)| is_kept(key));
        kept.map(|(key, value)| (key.clone(), value.clone().into()))
            .collect()
    }

    /// What of the Connect schema Avro has no place for.
    fn describe(&self, schema: &Schema, node: &mut Node) -> Result<(), ConnectError> {
        if self.config.meta_data {
            self.meta_data(schema, node)?;
        }
        let logical = match schema.name.as_deref() {
            Some(logical::DECIMAL) => Some("decimal"),
            Some(logical::TIME) => Some("time-millis"),
            Some(logical::TIMESTAMP) => Some("timestamp-millis"),
            Some(logical::DATE) => Some("date"),
            _ => None,
        };
        if let Some(logical) = logical {
            node.props
                .insert(props::LOGICAL_TYPE.into(), logical.into());
        }
        for (key, value) in &schema.parameters {
            if key.starts_with("avro") {
                node.props.insert(key.clone(), value.clone().into());
            }
        }
        Ok(())
    }

    fn meta_data(&self, schema: &Schema, node: &mut Node) -> Result<(), ConnectError> {
        let props = &mut node.props;
        if let Some(doc) = &schema.doc {
            props.insert(props::CONNECT_DOC.into(), doc.clone().into());
        }
        if let Some(version) = schema.version {
            props.insert(props::CONNECT_VERSION.into(), version.into());
        }
        let parameters = self.parameters(schema);
        if !parameters.is_empty() {
            props.insert(props::CONNECT_PARAMETERS.into(), parameters.into());
        }
        let from_field =
            !self.config.discard_type_doc && schema.parameters.contains_key(props::FIELD_DEFAULT);
        match &schema.default {
            Some(default) if *default != Value::Null && !from_field => {
                let default = defaults::to_json(self.config, schema, default)?;
                props.insert(props::CONNECT_DEFAULT.into(), default);
            }
            _ => {}
        }
        if let Some(name) = &schema.name {
            props.insert(props::CONNECT_NAME.into(), name.clone().into());
        }
        let exact = match schema.ty {
            SchemaType::Int8 => "int8",
            SchemaType::Int16 => "int16",
            _ => return Ok(()),
        };
        props.insert(props::CONNECT_TYPE.into(), exact.into());
        Ok(())
    }

    fn name(&mut self, name: Option<&str>) -> Name {
        let Some(name) = name else {
            self.unnamed += 1;
            let number = if self.unnamed > 1 {
                self.unnamed.to_string()
            } else {
                String::new()
            };
            return Name {
                space: Some(props::NAMESPACE.to_owned()),
                simple: format!("ConnectDefault{number}"),
                doc: None,
            };
        };
        let full = avro_name(self.config, name);
        let (space, simple) = full_name_parts(&full);
        Name {
            space: space.map(str::to_owned),
            simple: simple.to_owned(),
            doc: None,
        }
    }
}

/// A schema's name as Avro has it.
pub(super) fn avro_name(config: &AvroConfig, name: &str) -> String {
    if !config.scrub {
        return name.to_owned();
    }
    let parts: Vec<String> = name.split('.').map(|part| scrub(part, false)).collect();
    parts.join(".")
}

/// Whether maps with such keys are Avro's maps.
pub(super) fn is_map_key(config: &AvroConfig, key: &Schema) -> bool {
    key.ty == SchemaType::String && (!key.optional || config.optional_map_keys)
}

/// The symbols of an enum, in the order of their numbers where they have some.
fn symbols(schema: &Schema, parameter: &str) -> Vec<String> {
    let prefix = format!("{parameter}.");
    let symbols = schema
        .parameters
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value.parse::<i64>().ok())));
    let mut symbols: Vec<(&str, Option<i64>)> = symbols.collect();
    symbols.sort_by_key(|(_, number)| *number);
    symbols
        .into_iter()
        .map(|(symbol, _)| symbol.to_owned())
        .collect()
}

fn is_named(node: &Node) -> bool {
    match &node.kind {
        Kind::Record(..) | Kind::Enum(..) | Kind::Fixed(..) | Kind::Reference(_) => true,
        Kind::Union(branches) => branches
            .iter()
            .any(|branch| !matches!(branch.kind, Kind::Union(_)) && is_named(branch)),
        _ => false,
    }
}

fn optional(schema: &Schema, node: Node) -> Node {
    let null = Node::new(Kind::Null);
    match &schema.default {
        _ if !schema.optional => node,
        Some(default) if *default != Value::Null => Node::new(Kind::Union(vec![node, null])),
        _ => Node::new(Kind::Union(vec![null, node])),
    }
}

fn fixed_size(schema: &Schema) -> Result<Option<usize>, ConnectError> {
    let size = schema
        .parameters
        .get(props::CONNECT_FIXED_SIZE)
        .filter(|_| schema.name.is_some());
    let parse = |size: &String| {
        size.parse().map_err(|_| {
            ConnectError::data(format!(
                "the parameter {} is no size: {size}",
                props::CONNECT_FIXED_SIZE
            ))
        })
    };
    size.map(parse).transpose()
}

/// Scale and precision of a decimal.
fn decimal(schema: &Schema) -> Result<(i64, i64), ConnectError> {
    let number = |key: &str| {
        let text = schema.parameters.get(key);
        let parse = |text: &String| {
            text.parse::<i64>().map_err(|_| {
                ConnectError::data(format!(
                    "the parameter {key} of a decimal is no number: {text}"
                ))
            })
        };
        text.map(parse).transpose()
    };
    let scale = number(props::SCALE)?
        .ok_or_else(|| ConnectError::data("a Decimal schema has no scale parameter"))?;
    Ok((
        scale,
        number(props::CONNECT_PRECISION)?.unwrap_or(PRECISION_DEFAULT),
    ))
}

/// The schema that holds a value of any type: a record with a field for each, of which one is set.
fn anything() -> Result<Node, ConnectError> {
    Ok(super::node::Document::parse(super::ANYTHING_TEXT, &[])?.root)
}
