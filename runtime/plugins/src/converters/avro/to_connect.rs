//! Avro schemas as Connect schemas, with the steps that read values of them.
//!
//! Facts: Confluent's documentation of AvroConverter, and what its converter makes of Avro schemas.

use std::sync::Arc;

use millrace_api::{ConnectError, Field, Schema, SchemaType};
use serde_json::Value as Json;

use super::config::{AvroConfig, PRECISION_DEFAULT, props};
use super::defaults;
use super::node::{Document, FieldNode, Kind, Name, Node};
use super::read::Read;

/// A schema that unfolds to more types than this is a mistake or malice.
const TYPES_MAX: usize = 100_000;

/// The Connect schema of `document`, and how its values are read. `version` counts where the schema names none.
pub(super) fn connect_schema(
    config: &AvroConfig,
    document: &Document,
    version: Option<i32>,
) -> Result<(Arc<Schema>, Read), ConnectError> {
    let mut builder = Builder {
        config,
        document,
        open: Vec::new(),
        types: 0,
        unions: 0,
    };
    let context = Context {
        version,
        ..Context::default()
    };
    builder.schema(&document.root, context)
}

/// The Connect schema of a part of `document`.
pub(super) fn connect_schema_of(
    config: &AvroConfig,
    document: &Document,
    node: &Node,
) -> Result<Arc<Schema>, ConnectError> {
    let part = Document::of(node.clone(), document);
    connect_schema(config, &part, None).map(|(schema, _)| schema)
}

/// What the place of a schema adds to it.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    optional: bool,
    default: Option<&'a Json>,
    doc: Option<&'a str>,
    version: Option<i32>,
}

impl Context<'_> {
    fn optional() -> Self {
        Self {
            optional: true,
            ..Self::default()
        }
    }
}

struct Builder<'a> {
    config: &'a AvroConfig,
    document: &'a Document,
    /// The records that are being described.
    open: Vec<String>,
    types: usize,
    unions: usize,
}

impl<'a> Builder<'a> {
    fn schema(
        &mut self,
        node: &'a Node,
        context: Context<'_>,
    ) -> Result<(Arc<Schema>, Read), ConnectError> {
        self.types += 1;
        if self.types > TYPES_MAX {
            return Err(ConnectError::data(
                "the Avro schema unfolds to too many types",
            ));
        }
        let node = self.document.resolve(node)?;
        let (schema, read) = match &node.kind {
            Kind::Union(branches) => match self.flat(branches, context)? {
                Some(flat) => return Ok(flat),
                None => self.union(branches)?,
            },
            Kind::Array(element) => self.array(element)?,
            Kind::Map(value) => {
                let (value, read) = self.schema(value, Context::default())?;
                let ty = SchemaType::Map(Some(Schema::string()), Some(value));
                (Schema::new(ty), Read::Map(Box::new(read)))
            }
            Kind::Record(name, fields) => self.record(name, fields)?,
            _ => self.simple(node)?,
        };
        let schema = Arc::new(self.described(schema, node, context)?);
        let read = match read {
            Read::Record(_, fields) => Read::Record(Arc::clone(&schema), fields),
            Read::Union(_, places, branches) => Read::Union(Arc::clone(&schema), places, branches),
            read => read,
        };
        Ok((schema, read))
    }

    /// A union that is an optional type, or a type alone.
    fn flat(
        &mut self,
        branches: &'a [Node],
        context: Context<'_>,
    ) -> Result<Option<(Arc<Schema>, Read)>, ConnectError> {
        let is_null = |node: &Node| node.kind == Kind::Null;
        let (member, optional) = match branches {
            [one] if self.config.flatten_singletons => (one, false),
            [null, member] | [member, null] if is_null(null) && !is_null(member) => (member, true),
            _ => return Ok(None),
        };
        let inner = Context {
            optional,
            doc: context.doc,
            ..Context::default()
        };
        let (schema, read) = self.schema(member, inner)?;
        let reads = branches.iter().map(|branch| match is_null(branch) {
            true => Read::Null,
            false => read.clone(),
        });
        Ok(Some((schema, Read::Branches(reads.collect()))))
    }

    fn union(&mut self, branches: &'a [Node]) -> Result<(Schema, Read), ConnectError> {
        let name = match self.config.generalized {
            true => format!("connect_union_{}", self.unions),
            false => props::UNION.to_owned(),
        };
        self.unions += 1;
        let (mut fields, mut places, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        let mut optional = false;
        for (index, branch) in branches.iter().enumerate() {
            if branch.kind == Kind::Null {
                optional = true;
                places.push(None);
                reads.push(Read::Null);
                continue;
            }
            let name = self.member(branch, index)?;
            let (schema, read) = self.schema(branch, Context::optional())?;
            places.push(Some(fields.len()));
            fields.push(Field { name, schema });
            reads.push(read);
        }
        let mut schema = Schema::structure(fields)?.named(name.clone());
        schema.optional = optional;
        if self.config.generalized {
            schema = schema.with_parameter(props::GENERAL_UNION, name);
        }
        let read = Read::Union(Arc::new(Schema::new(SchemaType::Bytes)), places, reads);
        Ok((schema, read))
    }

    /// The name of a union's member.
    fn member(&self, branch: &Node, index: usize) -> Result<String, ConnectError> {
        if self.config.generalized {
            return Ok(format!("connect_union_field_{index}"));
        }
        let branch = self.document.resolve(branch)?;
        Ok(match branch.name() {
            Some(name) if self.config.enhanced => name.full(),
            Some(name) => name.simple.clone(),
            None => branch.type_name().to_owned(),
        })
    }

    fn array(&mut self, element: &'a Node) -> Result<(Schema, Read), ConnectError> {
        let resolved = self.document.resolve(element)?;
        if let Some(fields) = entry(resolved) {
            let find = |name: &str| fields.iter().find(|field| field.name == name);
            let (Some(key), Some(value), 2) = (find("key"), find("value"), fields.len()) else {
                return Err(ConnectError::data(
                    "Found map encoded as array of key-value pairs, but array elements do not match the expected format.",
                ));
            };
            let key_first = fields[0].name == "key";
            let (key, key_read) = self.schema(&key.node, Context::default())?;
            let (value, value_read) = self.schema(&value.node, Context::default())?;
            let pairs = Read::Pairs(Box::new((key_read, value_read)), key_first);
            return Ok((Schema::new(SchemaType::Map(Some(key), Some(value))), pairs));
        }
        if is_anything(resolved) {
            return Ok((
                Schema::new(SchemaType::Array(None)),
                Read::Array(Box::new(Read::Anything)),
            ));
        }
        let (element, read) = self.schema(element, Context::default())?;
        Ok((
            Schema::new(SchemaType::Array(Some(element))),
            Read::Array(Box::new(read)),
        ))
    }

    fn record(
        &mut self,
        name: &Name,
        nodes: &'a [FieldNode],
    ) -> Result<(Schema, Read), ConnectError> {
        let full = name.full();
        if self.open.contains(&full) {
            return Err(ConnectError::data(format!(
                "the Avro record {full} holds itself, and a Connect schema here cannot; use ByteArrayConverter to pass such records on"
            )));
        }
        self.open.push(full);
        let keeps_docs = !self.config.discard_type_doc && self.config.meta_data;
        let (mut fields, mut reads) = (Vec::new(), Vec::new());
        let mut docs = Vec::new();
        if let Some(doc) = name.doc.as_ref().filter(|_| keeps_docs) {
            docs.push((props::RECORD_DOC.to_owned(), doc.clone()));
        }
        for node in nodes {
            if let Some(doc) = node.doc.as_ref().filter(|_| keeps_docs) {
                docs.push((format!("{}{}", props::FIELD_DOC, node.name), doc.clone()));
            }
            let context = Context {
                default: node.default.as_ref(),
                doc: node.doc.as_deref(),
                ..Context::default()
            };
            let (schema, read) = self.schema(&node.node, context)?;
            fields.push(Field {
                name: node.name.clone(),
                schema: self.with_field_parameters(schema, node),
            });
            reads.push(read);
        }
        self.open.pop();
        let mut schema = Schema::structure(fields)?;
        schema.parameters.extend(docs);
        Ok((schema, Read::Record(Schema::string(), reads)))
    }

    /// A field's own parameters, which it has where its type was described before.
    fn with_field_parameters(&self, schema: Arc<Schema>, node: &FieldNode) -> Arc<Schema> {
        let Some(own) = node
            .props
            .get(props::CONNECT_PARAMETERS)
            .and_then(Json::as_object)
        else {
            return schema;
        };
        let is_same = |(key, value): (&String, &Json)| {
            schema.parameters.get(key).map(String::as_str) == value.as_str()
        };
        if !self.config.meta_data || own.iter().all(is_same) {
            return schema;
        }
        let mut changed = Schema::clone(&schema);
        let texts = own
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        changed.parameters.extend(texts);
        Arc::new(changed)
    }

    fn simple(&mut self, node: &Node) -> Result<(Schema, Read), ConnectError> {
        let logical = node
            .text(props::LOGICAL_TYPE)
            .unwrap_or_default()
            .to_ascii_lowercase();
        Ok(match &node.kind {
            Kind::Boolean => (Schema::new(SchemaType::Boolean), Read::Boolean),
            Kind::Int => int(node, &logical)?,
            Kind::Long if logical == "timestamp-millis" => (Schema::timestamp(), Read::Timestamp),
            Kind::Long => (Schema::new(SchemaType::Int64), Read::Int64),
            Kind::Float => (Schema::new(SchemaType::Float32), Read::Float32),
            Kind::Double => (Schema::new(SchemaType::Float64), Read::Float64),
            Kind::String => (Schema::new(SchemaType::String), Read::String),
            Kind::Bytes if logical == "decimal" => decimal(node, None)?,
            Kind::Bytes => (Schema::new(SchemaType::Bytes), Read::Bytes),
            Kind::Fixed(_, size) => {
                let (schema, read) = match logical == "decimal" {
                    true => decimal(node, Some(*size))?,
                    false => (Schema::new(SchemaType::Bytes), Read::Fixed(*size)),
                };
                (
                    schema.with_parameter(props::CONNECT_FIXED_SIZE, size.to_string()),
                    read,
                )
            }
            Kind::Enum(name, symbols) => {
                let read = Read::Enum(symbols.all.clone());
                (
                    self.enumeration(name, &symbols.all, symbols.default.as_deref()),
                    read,
                )
            }
            _ => {
                return Err(ConnectError::data(
                    "Standalone null schemas are not supported by this converter",
                ));
            }
        })
    }

    fn enumeration(&self, name: &Name, symbols: &[String], default: Option<&str>) -> Schema {
        let mut schema = Schema::new(SchemaType::String);
        if self.config.meta_data {
            let discard = self.config.discard_type_doc;
            if let Some(doc) = &name.doc {
                let key = match discard {
                    true => props::CONNECT_ENUM_DOC.to_owned(),
                    false => format!("{}{}", props::ENUM_DOC, name.simple),
                };
                schema = schema.with_parameter(key, doc);
            }
            if let Some(default) = default.filter(|_| !discard) {
                schema = schema
                    .with_parameter(format!("{}{}", props::ENUM_DEFAULT, name.simple), default);
            }
        }
        let parameter = self.config.enum_parameter();
        schema = schema.with_parameter(parameter, name.full());
        for (index, symbol) in symbols.iter().enumerate() {
            let value = match self.config.generalized {
                true => index.to_string(),
                false => symbol.clone(),
            };
            schema = schema.with_parameter(format!("{parameter}.{symbol}"), value);
        }
        schema
    }

    /// The schema with what its properties and its place say of it.
    fn described(
        &self,
        mut schema: Schema,
        node: &Node,
        context: Context<'_>,
    ) -> Result<Schema, ConnectError> {
        self.document_schema(&mut schema, node, context);
        let version = node.props.get(props::CONNECT_VERSION);
        let version = match version {
            Some(version) => Some(
                version
                    .as_i64()
                    .and_then(|version| i32::try_from(version).ok())
                    .ok_or_else(|| {
                        ConnectError::data(format!("Invalid Connect version found: {version}"))
                    })?,
            ),
            None => context.version,
        };
        if let (None, Some(version)) = (schema.version, version.filter(|version| *version >= 0)) {
            schema.version = Some(version);
        }
        if self.config.meta_data
            && let Some(parameters) = node
                .props
                .get(props::CONNECT_PARAMETERS)
                .and_then(Json::as_object)
        {
            for (key, value) in parameters {
                let Some(text) = value.as_str() else {
                    return Err(ConnectError::data(format!(
                        "Expected schema parameter values to be strings but found: {value}"
                    )));
                };
                schema.parameters.insert(key.clone(), text.to_owned());
            }
        }
        for (key, value) in node.props.iter().filter(|(key, _)| key.starts_with("avro")) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            schema.parameters.insert(key.clone(), text);
        }
        self.set_name(&mut schema, node);
        self.set_default(&mut schema, node, context);
        schema.optional |= context.optional;
        Ok(schema)
    }

    fn document_schema(&self, schema: &mut Schema, node: &Node, context: Context<'_>) {
        let own = node.text(props::CONNECT_DOC);
        let avro = node.name().and_then(|name| name.doc.as_deref());
        if self.config.discard_type_doc {
            schema.doc = context.doc.or(avro).or(own).map(str::to_owned);
            if let Some(doc) = avro.filter(|_| self.config.meta_data) {
                schema
                    .parameters
                    .insert(props::CONNECT_RECORD_DOC.to_owned(), doc.to_owned());
            }
        } else if self.config.meta_data {
            schema.doc = own.map(str::to_owned);
        }
    }

    fn set_name(&self, schema: &mut Schema, node: &Node) {
        if schema.name.is_some() {
            return;
        }
        let name = match node.text(props::CONNECT_NAME) {
            Some(name) => Some(name.to_owned()),
            None => node.name().map(Name::full),
        };
        schema.name = name.filter(|name| !name.starts_with(props::DEFAULT_NAME));
    }

    fn set_default(&self, schema: &mut Schema, node: &Node, context: Context<'_>) {
        let own = node.props.get(props::CONNECT_DEFAULT);
        let default = match context.default {
            Some(default) => {
                if !self.config.discard_type_doc && self.config.meta_data && own.is_none() {
                    schema
                        .parameters
                        .insert(props::FIELD_DEFAULT.to_owned(), "true".to_owned());
                }
                default
            }
            None => match own {
                Some(own) => own,
                None => return,
            },
        };
        match defaults::from_json(self.config, &Arc::new(schema.clone()), default) {
            Some(value) => {
                schema.default = Some(value).filter(|value| *value != millrace_api::Value::Null)
            }
            None => {
                log::warn!("a default of the Avro schema is left out, since it is not of its type")
            }
        }
    }
}

fn int(node: &Node, logical: &str) -> Result<(Schema, Read), ConnectError> {
    Ok(match (logical, node.text(props::CONNECT_TYPE)) {
        ("date", _) => (Schema::date(), Read::Date),
        ("time-millis", _) => (Schema::time(), Read::Time),
        ("", Some("int8")) => (Schema::new(SchemaType::Int8), Read::Int8),
        ("", Some("int16")) => (Schema::new(SchemaType::Int16), Read::Int16),
        ("", Some(other)) => {
            return Err(ConnectError::data(format!(
                "Connect type annotation for Avro int field is {other}, which is none of int8 and int16"
            )));
        }
        _ => (Schema::new(SchemaType::Int32), Read::Int32),
    })
}

fn decimal(node: &Node, size: Option<usize>) -> Result<(Schema, Read), ConnectError> {
    let scale = node
        .props
        .get(props::SCALE)
        .and_then(Json::as_i64)
        .unwrap_or(0);
    let mut schema = Schema::decimal(scale);
    if let Some(precision) = node.props.get(props::PRECISION) {
        let Some(precision) = precision.as_i64() else {
            return Err(ConnectError::data(
                "precision property must be a JSON Integer.",
            ));
        };
        if precision != PRECISION_DEFAULT {
            schema = schema.with_parameter(props::CONNECT_PRECISION, precision.to_string());
        }
    }
    Ok((schema, Read::Decimal(scale, size)))
}

/// The fields of a map's entry, if `node` is one.
fn entry(node: &Node) -> Option<&[FieldNode]> {
    let Kind::Record(name, fields) = &node.kind else {
        return None;
    };
    let is_entry =
        name.space.as_deref() == Some(props::NAMESPACE) && name.simple == props::MAP_ENTRY;
    let is_marked = node.text(props::CONNECT_INTERNAL_TYPE) == Some(props::MAP_ENTRY);
    (is_entry || is_marked).then_some(fields)
}

/// Whether values of `node` are of any type and come without a schema.
pub(super) fn is_anything(node: &Node) -> bool {
    node.name()
        .is_some_and(|name| name.full() == props::ANYTHING)
}
