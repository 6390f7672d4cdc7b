//! Writing values in Avro's binary encoding: steps for each Connect schema and Avro schema, built once.

use std::collections::HashMap;

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value, logical as names};
use serde_json::Value as Json;

use super::super::json::decimal_bytes;
use super::super::registry::scrub;
use super::config::{AvroConfig, is_union};
use super::defaults;
use super::from_connect::avro_name;
use super::node::{Document, FieldNode, Kind, Node};
use super::to_connect::{connect_schema_of, is_anything};

/// How values of one Connect schema are written.
#[derive(Debug)]
pub(super) enum Write {
    Boolean,
    Int8,
    Int16,
    Int32,
    Date,
    Time,
    Int64,
    Timestamp,
    Float32,
    Float64,
    String,
    Bytes,
    Fixed(usize),
    /// The decimal's schema; the size, if it is fixed.
    Decimal(Box<Schema>, Option<usize>),
    Enum(HashMap<String, i64>),
    Array(Box<Write>),
    Map(Box<Write>),
    Pairs(Box<(Write, Write)>),
    Record(Vec<FieldWrite>),
    /// A type or null: their places in the union.
    Optional(Box<Write>, i64, i64),
    /// The members by field, each with its place in the union; the place of null.
    Union(Vec<(i64, Write)>, Option<i64>),
    /// A type that is one of a union without null.
    Member(Box<Write>, i64),
    /// A value of any type, without a schema.
    Anything,
}

/// How a field of a record is written.
#[derive(Debug)]
pub(super) enum FieldWrite {
    /// The value of the struct's field of this index, or its default where it is null.
    From(usize, Write, Option<Value>),
    /// The same bytes for every record: the field's default.
    Always(Vec<u8>),
}

/// Builds the steps.
pub(super) struct Planner<'a> {
    pub(super) config: &'a AvroConfig,
    pub(super) document: &'a Document,
    /// Whether every field of a struct must have its place.
    pub(super) strict: bool,
}

fn unfit(schema: &Schema, node: &Node) -> ConnectError {
    ConnectError::data(format!(
        "{} cannot be written as Avro {}",
        type_name(schema),
        node.type_name()
    ))
}

fn type_name(schema: &Schema) -> &str {
    schema
        .name
        .as_deref()
        .unwrap_or_else(|| crate::transforms::type_name(&schema.ty))
}

impl Planner<'_> {
    /// The steps for values of `schema` where `node` says how they are written.
    pub(super) fn plan(&self, schema: Option<&Schema>, node: &Node) -> Result<Write, ConnectError> {
        let node = self.document.resolve(node)?;
        let Some(schema) = schema else {
            return match is_anything(node) {
                true => Ok(Write::Anything),
                false => Err(ConnectError::data(
                    "a value without a schema cannot be written with a schema",
                )),
            };
        };
        match &node.kind {
            Kind::Union(branches) if is_union(schema) => self.union(schema, branches),
            Kind::Union(branches) => self.optional(schema, branches),
            _ => self.one(schema, node),
        }
    }

    fn optional(&self, schema: &Schema, branches: &[Node]) -> Result<Write, ConnectError> {
        let null = branches.iter().position(|branch| branch.kind == Kind::Null);
        let mut refusal = None;
        for (index, branch) in branches
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != null)
        {
            match self.plan(Some(schema), branch) {
                Ok(plan) => {
                    let plan = Box::new(plan);
                    return Ok(match null {
                        Some(null) => Write::Optional(plan, place(null), place(index)),
                        None => Write::Member(plan, place(index)),
                    });
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| ConnectError::data("a union has no member but null")))
    }

    fn union(&self, schema: &Schema, branches: &[Node]) -> Result<Write, ConnectError> {
        let mut members = Vec::with_capacity(schema.fields().len());
        let mut taken = Vec::new();
        for field in schema.fields() {
            let mut found = None;
            for (index, branch) in branches.iter().enumerate() {
                if branch.kind != Kind::Null
                    && !taken.contains(&index)
                    && self.is_of(&field.schema, branch)?
                {
                    found = Some((index, self.plan(Some(&field.schema), branch)?));
                    break;
                }
            }
            let (index, plan) = found.ok_or_else(|| {
                ConnectError::data(format!("the union has no member for {}", field.name))
            })?;
            taken.push(index);
            members.push((place(index), plan));
        }
        let null = branches.iter().position(|branch| branch.kind == Kind::Null);
        Ok(Write::Union(members, null.map(place)))
    }

    /// Whether a union's member is meant for values of `schema`.
    fn is_of(&self, schema: &Schema, branch: &Node) -> Result<bool, ConnectError> {
        let branch = self.document.resolve(branch)?;
        if let (Kind::Record(name, _), SchemaType::Struct(_)) = (&branch.kind, &schema.ty) {
            let own = schema
                .name
                .as_deref()
                .map(|own| avro_name(self.config, own));
            return Ok(own.is_none_or(|own| own == name.full() || own == name.simple));
        }
        Ok(self.plan(Some(schema), branch).is_ok())
    }

    fn one(&self, schema: &Schema, node: &Node) -> Result<Write, ConnectError> {
        Ok(match (&schema.ty, &node.kind) {
            (SchemaType::Boolean, Kind::Boolean) => Write::Boolean,
            (SchemaType::Int8, Kind::Int | Kind::Long) => Write::Int8,
            (SchemaType::Int16, Kind::Int | Kind::Long) => Write::Int16,
            (SchemaType::Int32, Kind::Int | Kind::Long) => match schema.name.as_deref() {
                Some(names::DATE) => Write::Date,
                Some(names::TIME) => Write::Time,
                _ => Write::Int32,
            },
            (SchemaType::Int64, Kind::Long) => match schema.name.as_deref() {
                Some(names::TIMESTAMP) => Write::Timestamp,
                _ => Write::Int64,
            },
            (SchemaType::Float32, Kind::Float) => Write::Float32,
            (SchemaType::Float64, Kind::Double) => Write::Float64,
            (SchemaType::String, Kind::String) => Write::String,
            (SchemaType::String, Kind::Enum(_, symbols)) => {
                let symbols = symbols.all.iter().cloned().zip(0..);
                Write::Enum(symbols.collect())
            }
            (SchemaType::Bytes, Kind::Bytes | Kind::Fixed(..)) => {
                let size = match &node.kind {
                    Kind::Fixed(_, size) => Some(*size),
                    _ => None,
                };
                match (schema.name.as_deref(), size) {
                    (Some(names::DECIMAL), size) => Write::Decimal(Box::new(schema.clone()), size),
                    (_, Some(size)) => Write::Fixed(size),
                    (_, None) => Write::Bytes,
                }
            }
            (SchemaType::Array(element), Kind::Array(node)) => {
                Write::Array(Box::new(self.plan(element.as_deref(), node)?))
            }
            (SchemaType::Map(_, value), Kind::Map(node)) => {
                Write::Map(Box::new(self.plan(value.as_deref(), node)?))
            }
            (SchemaType::Map(key, value), Kind::Array(entry)) => {
                self.pairs(key.as_deref(), value.as_deref(), entry, schema)?
            }
            (SchemaType::Struct(_), Kind::Record(_, fields)) => self.record(schema, fields)?,
            _ => return Err(unfit(schema, node)),
        })
    }

    fn pairs(
        &self,
        key: Option<&Schema>,
        value: Option<&Schema>,
        entry: &Node,
        schema: &Schema,
    ) -> Result<Write, ConnectError> {
        let entry = self.document.resolve(entry)?;
        match &entry.kind {
            Kind::Record(_, fields) if fields.len() == 2 && fields[0].name == "key" => {
                let parts = (
                    self.plan(key, &fields[0].node)?,
                    self.plan(value, &fields[1].node)?,
                );
                Ok(Write::Pairs(Box::new(parts)))
            }
            _ => Err(unfit(schema, entry)),
        }
    }

    fn record(&self, schema: &Schema, nodes: &[FieldNode]) -> Result<Write, ConnectError> {
        let avro = |name: &str| {
            if self.config.scrub {
                scrub(name, false)
            } else {
                name.to_owned()
            }
        };
        let named: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| avro(&field.name))
            .collect();
        if self.strict
            && let Some(missing) = named
                .iter()
                .find(|name| nodes.iter().all(|node| node.name != **name))
        {
            return Err(ConnectError::data(format!(
                "the schema has no field {missing}"
            )));
        }
        let mut fields = Vec::with_capacity(nodes.len());
        for node in nodes {
            fields.push(match named.iter().position(|name| *name == node.name) {
                Some(index) => {
                    let own = &schema.fields()[index].schema;
                    let plan = self.plan(Some(own), &node.node);
                    let plan = plan.map_err(|error| {
                        ConnectError::data(format!("field {}: {error}", node.name)).caused_by(error)
                    })?;
                    let keeps_null = self.config.ignore_default && own.optional;
                    FieldWrite::From(index, plan, own.default.clone().filter(|_| !keeps_null))
                }
                None => FieldWrite::Always(self.default(node)?),
            });
        }
        Ok(Write::Record(fields))
    }

    /// The bytes of a field that records do not have.
    fn default(&self, node: &FieldNode) -> Result<Vec<u8>, ConnectError> {
        let missing = || {
            ConnectError::data(format!(
                "the schema's field {} is not in the records, and has no default",
                node.name
            ))
        };
        let json = node.default.as_ref().ok_or_else(missing)?;
        let resolved = self.document.resolve(&node.node)?;
        // A union's default is one of its first member.
        let (first, mut out) = match &resolved.kind {
            Kind::Union(branches) => (branches.first().ok_or_else(missing)?, vec![0]),
            _ => (resolved, Vec::new()),
        };
        if first.kind == Kind::Null || *json == Json::Null {
            return Ok(out);
        }
        let schema = connect_schema_of(self.config, self.document, first)?;
        let value = defaults::from_json(self.config, &schema, json).ok_or_else(missing)?;
        self.plan(Some(&schema), first)?.value(&value, &mut out)?;
        Ok(out)
    }
}

fn place(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    long(place(value.len()), out);
    out.extend_from_slice(value);
}

fn misfit(expected: &str, value: &Value) -> ConnectError {
    match value {
        Value::Null => ConnectError::data("Found null value for non-optional schema"),
        value => ConnectError::data(format!(
            "Invalid type for {expected}: {}",
            crate::transforms::class_of(value)
        )),
    }
}

impl Write {
    /// Appends `value`.
    pub(super) fn value(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match (self, value) {
            (Self::Optional(_, null, _) | Self::Union(_, Some(null)), Value::Null) => {
                long(*null, out)
            }
            (Self::Optional(plan, _, index) | Self::Member(plan, index), value) => {
                long(*index, out);
                plan.value(value, out)?;
            }
            (Self::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            (Self::Int8, Value::Int8(value)) => long((*value).into(), out),
            (Self::Int16, Value::Int16(value)) => long((*value).into(), out),
            (Self::Int32, Value::Int32(value)) | (Self::Date, Value::Date(value)) => {
                long((*value).into(), out)
            }
            (Self::Time, Value::Time(value)) => long(super::logical::time(*value)?.into(), out),
            (Self::Int64, Value::Int64(value)) | (Self::Timestamp, Value::Timestamp(value)) => {
                long(*value, out);
            }
            (Self::Float32, Value::Float32(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Self::Float64, Value::Float64(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Self::String, Value::String(value)) => bytes(value.as_bytes(), out),
            (Self::Bytes, Value::Bytes(value)) => bytes(value, out),
            (Self::Fixed(size), Value::Bytes(value)) if value.len() == *size => {
                out.extend_from_slice(value)
            }
            (Self::Fixed(size), Value::Bytes(value)) => {
                return Err(ConnectError::data(format!(
                    "{} bytes do not fit a fixed of {size}",
                    value.len()
                )));
            }
            (Self::Decimal(schema, size), Value::Decimal(number)) => {
                let unscaled = decimal_bytes(schema, number)?;
                match size {
                    Some(size) => padded(&unscaled, *size, out)?,
                    None => bytes(&unscaled, out),
                }
            }
            (Self::Enum(symbols), Value::String(value)) => {
                let index = symbols.get(value);
                long(
                    *index.ok_or_else(|| ConnectError::data("the enum has no such symbol"))?,
                    out,
                );
            }
            (Self::Array(element), Value::Array(values)) => {
                block(values.len(), out);
                for value in values {
                    element.value(value, out)?;
                }
                out.push(0);
            }
            (Self::Map(_) | Self::Pairs(_), Value::Map(entries)) => self.entries(entries, out)?,
            (Self::Record(fields), Value::Struct(record)) => write_record(fields, record, out)?,
            (Self::Union(members, _), Value::Struct(record)) => write_member(members, record, out)?,
            (Self::Anything, value) => anything(value, out)?,
            (plan, value) => return Err(misfit(plan.name(), value)),
        }
        Ok(())
    }

    fn entries(&self, entries: &[(Value, Value)], out: &mut Vec<u8>) -> Result<(), ConnectError> {
        block(entries.len(), out);
        for (key, value) in entries {
            match (self, key) {
                (Self::Map(plan), Value::String(key)) => {
                    bytes(key.as_bytes(), out);
                    plan.value(value, out)?;
                }
                (Self::Pairs(parts), key) => {
                    parts.0.value(key, out)?;
                    parts.1.value(value, out)?;
                }
                (_, key) => return Err(misfit("a map's key", key)),
            }
        }
        out.push(0);
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Date => "Date",
            Self::Time => "Time",
            Self::Int64 => "INT64",
            Self::Timestamp => "Timestamp",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::String | Self::Enum(_) => "STRING",
            Self::Bytes | Self::Fixed(_) => "BYTES",
            Self::Decimal(..) => "Decimal",
            Self::Array(_) => "ARRAY",
            Self::Map(_) | Self::Pairs(_) => "MAP",
            Self::Record(_) | Self::Union(..) => "STRUCT",
            Self::Optional(..) | Self::Member(..) | Self::Anything => "a union",
        }
    }
}

/// Begins the elements of an array or map. A count of zero ends them.
fn block(len: usize, out: &mut Vec<u8>) {
    if len > 0 {
        long(place(len), out);
    }
}

fn write_record(
    fields: &[FieldWrite],
    record: &Struct,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    let values = record.values();
    for field in fields {
        match field {
            FieldWrite::Always(bytes) => out.extend_from_slice(bytes),
            FieldWrite::From(index, plan, default) => {
                let value = match (values.get(*index), default) {
                    (Some(Value::Null) | None, Some(default)) => default,
                    (Some(value), _) => value,
                    (None, None) => &Value::Null,
                };
                plan.value(value, out)
                    .map_err(|error| named(record, *index, error))?;
            }
        }
    }
    Ok(())
}

fn named(record: &Struct, index: usize, error: ConnectError) -> ConnectError {
    match record.schema().fields().get(index) {
        Some(field) => ConnectError::data(format!("field {}: {error}", field.name)),
        None => error,
    }
}

fn write_member(
    members: &[(i64, Write)],
    record: &Struct,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    let set = record
        .values()
        .iter()
        .zip(members)
        .find(|(value, _)| **value != Value::Null);
    match set {
        Some((value, (index, plan))) => {
            long(*index, out);
            plan.value(value, out)
        }
        None => Err(ConnectError::data("no member of a union is set")),
    }
}

/// Appends a number of `size` bytes, its sign repeated before it.
fn padded(unscaled: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let Some(missing) = size.checked_sub(unscaled.len()) else {
        return Err(ConnectError::data(format!(
            "Unscaled value byte array length {} is greater than fixed size {size}",
            unscaled.len()
        )));
    };
    let sign = if unscaled.first().is_some_and(|first| *first >= 0x80) {
        0xff
    } else {
        0
    };
    out.resize(out.len() + missing, sign);
    out.extend_from_slice(unscaled);
    Ok(())
}

/// Appends the record that holds anything, with one of its nine fields set, or none for null.
fn anything(value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let (field, plan) = match value {
        Value::Null => {
            out.extend_from_slice(&[0; 9]);
            return Ok(());
        }
        Value::Boolean(_) => (0, Write::Boolean),
        Value::Bytes(_) => (1, Write::Bytes),
        Value::Float64(_) => (2, Write::Float64),
        Value::Float32(_) => (3, Write::Float32),
        Value::Int8(_) => (4, Write::Int8),
        Value::Int16(_) => (4, Write::Int16),
        Value::Int32(_) => (4, Write::Int32),
        Value::Int64(_) => (5, Write::Int64),
        Value::String(_) => (6, Write::String),
        Value::Array(_) => (7, Write::Array(Box::new(Write::Anything))),
        Value::Map(_) => (
            8,
            Write::Pairs(Box::new((Write::Anything, Write::Anything))),
        ),
        value => {
            return Err(ConnectError::data(format!(
                "{} cannot be written without a schema",
                crate::transforms::class_of(value)
            )));
        }
    };
    out.resize(out.len() + field, 0);
    out.push(2);
    plan.value(value, out)?;
    out.resize(out.len() + 8 - field, 0);
    Ok(())
}
