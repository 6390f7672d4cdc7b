//! Writing Connect's values as messages: steps for each Connect schema and message, built once.

use std::collections::HashMap;

use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value, logical as names};

use super::super::registry::scrub;
use super::config::{ProtobufConfig, is_union};
use super::logical::Logical;
use super::model::{self, Model, Type};
use super::to_connect::{logical, wrapped};
use super::wire::{put_nested, put_tag, put_varint, zigzag};

/// How a struct is written.
#[derive(Debug)]
pub(super) struct MessageWrite {
    /// The fields, ascending by number.
    fields: Vec<FieldWrite>,
}

/// How a field is written.
#[derive(Debug)]
struct FieldWrite {
    number: u32,
    /// The field of the struct.
    slot: usize,
    /// The field of the struct within it, for a member of a oneof.
    member: Option<usize>,
    /// What a null becomes.
    default: Option<Value>,
    shape: Shape,
    /// Whether the type's default value is told from no value.
    presence: bool,
}

#[derive(Debug)]
enum Shape {
    One(Kind),
    /// Whether the elements are packed.
    List(Kind, bool),
    Map(Box<(Kind, Kind)>),
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    Simple(Type),
    Enum(HashMap<String, i32>),
    Logical(Logical),
    /// A message that holds one value.
    Wrapped(Type),
    Message(MessageWrite),
}

/// Builds the steps.
pub(super) struct Planner<'a> {
    pub(super) config: &'a ProtobufConfig,
    pub(super) model: &'a Model,
    /// Whether every field of a struct must have its place.
    pub(super) strict: bool,
}

impl Planner<'_> {
    /// The steps for a whole key or value.
    pub(super) fn root(&self, schema: &Schema, message: usize) -> Result<Kind, ConnectError> {
        let target = &self.model.messages[message];
        if let SchemaType::Struct(_) = schema.ty {
            return self.message(schema, target).map(Kind::Message);
        }
        match wrapped(&target.full_name) {
            Some((_, super::read::Kind::Simple(ty))) => Ok(Kind::Wrapped(ty)),
            _ => Err(ConnectError::data(format!(
                "a value that is no struct cannot be written as {}",
                target.full_name
            ))),
        }
    }

    fn message(
        &self,
        schema: &Schema,
        target: &model::Message,
    ) -> Result<MessageWrite, ConnectError> {
        let mut fields = Vec::with_capacity(target.fields.len());
        for (slot, field) in schema.fields().iter().enumerate() {
            let unions = if is_union(&field.schema) {
                field.schema.fields()
            } else {
                &[]
            };
            for (member, inner) in unions.iter().enumerate() {
                fields.extend(self.field(
                    target,
                    &inner.name,
                    &inner.schema,
                    slot,
                    Some(member),
                )?);
            }
            if !is_union(&field.schema) {
                fields.extend(self.field(target, &field.name, &field.schema, slot, None)?);
            }
        }
        fields.sort_by_key(|field| field.number);
        Ok(MessageWrite { fields })
    }

    fn field(
        &self,
        target: &model::Message,
        name: &str,
        schema: &Schema,
        slot: usize,
        member: Option<usize>,
    ) -> Result<Option<FieldWrite>, ConnectError> {
        let name = if self.config.scrub {
            scrub(name, true)
        } else {
            name.to_owned()
        };
        let Some(field) = target.fields.iter().find(|field| field.name == name) else {
            if self.strict {
                return Err(ConnectError::data(format!(
                    "{} has no field {name}",
                    target.full_name
                )));
            }
            return Ok(None);
        };
        let keeps_null = self.config.ignore_default || member.is_some();
        let shape = self.shape(schema, field).map_err(|error| {
            ConnectError::data(format!("field {name}: {error}")).caused_by(error)
        })?;
        Ok(Some(FieldWrite {
            number: field.number,
            slot,
            member,
            default: schema.default.clone().filter(|_| !keeps_null),
            shape,
            presence: field.proto2
                || field.optional
                || field.oneof.is_some()
                || matches!(field.ty, Type::Message(_)),
        }))
    }

    fn shape(&self, schema: &Schema, field: &model::Field) -> Result<Shape, ConnectError> {
        Ok(match (&schema.ty, field.key) {
            (SchemaType::Map(_, Some(value)), Some(key)) => {
                Shape::Map(Box::new((Kind::Simple(key), self.kind(value, field.ty)?)))
            }
            (SchemaType::Array(Some(element)), None) if field.repeated => {
                Shape::List(self.kind(element, field.ty)?, field.packed)
            }
            (SchemaType::Map(..) | SchemaType::Array(_), _) => {
                return Err(ConnectError::data(
                    "a list or map has no place in the Protobuf schema",
                ));
            }
            _ if field.repeated => {
                return Err(ConnectError::data(
                    "a single value has no place in a repeated field",
                ));
            }
            _ => Shape::One(self.kind(schema, field.ty)?),
        })
    }

    fn kind(&self, schema: &Schema, ty: Type) -> Result<Kind, ConnectError> {
        Ok(match ty {
            Type::Enum(place) => {
                Kind::Enum(self.model.enums[place].values.iter().cloned().collect())
            }
            Type::Message(place) => {
                let target = &self.model.messages[place];
                let is_logical = matches!(
                    schema.name.as_deref(),
                    Some(names::DATE | names::TIME | names::TIMESTAMP | names::DECIMAL)
                );
                match (
                    logical(&target.full_name),
                    wrapped(&target.full_name),
                    &schema.ty,
                ) {
                    (Some(logical), _, _) if is_logical => Kind::Logical(logical),
                    (_, _, SchemaType::Struct(_)) => Kind::Message(self.message(schema, target)?),
                    (_, Some((_, super::read::Kind::Simple(ty))), _) => Kind::Wrapped(ty),
                    _ => {
                        return Err(ConnectError::data(format!(
                            "{} cannot be written as {}",
                            crate::transforms::type_name(&schema.ty),
                            target.full_name
                        )));
                    }
                }
            }
            ty => Kind::Simple(ty),
        })
    }
}

impl MessageWrite {
    fn write(&self, record: &Struct, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let values = record.values();
        for field in &self.fields {
            let value = match (values.get(field.slot), field.member) {
                (Some(Value::Struct(union)), Some(member)) => union.values().get(member),
                (_, Some(_)) => None,
                (value, None) => value,
            };
            let value = match (value, &field.default) {
                (None | Some(Value::Null), Some(default)) => default,
                (None | Some(Value::Null), None) => continue,
                (Some(value), _) => value,
            };
            field.write(value, out).map_err(|error| {
                match record.schema().fields().get(field.slot) {
                    Some(own) => ConnectError::data(format!("field {}: {error}", own.name)),
                    None => error,
                }
            })?;
        }
        Ok(())
    }
}

impl FieldWrite {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match (&self.shape, value) {
            (Shape::One(kind), value) => kind.field(self.number, value, self.presence, out),
            (Shape::List(_, _), Value::Array(values)) if values.is_empty() => Ok(()),
            (Shape::List(kind, true), Value::Array(values)) => {
                put_tag(self.number, 2, out);
                put_nested(out, |out| {
                    values.iter().try_for_each(|value| kind.bare(value, out))
                })
            }
            (Shape::List(kind, false), Value::Array(values)) => values
                .iter()
                .try_for_each(|value| kind.field(self.number, value, true, out)),
            (Shape::Map(kinds), Value::Map(entries)) => {
                entries.iter().try_for_each(|(key, value)| {
                    put_tag(self.number, 2, out);
                    put_nested(out, |out| {
                        kinds.0.field(1, key, true, out)?;
                        match value {
                            Value::Null => Ok(()),
                            value => kinds.1.field(2, value, true, out),
                        }
                    })
                })
            }
            (_, value) => Err(misfit(value)),
        }
    }
}

fn misfit(value: &Value) -> ConnectError {
    match value {
        Value::Null => ConnectError::data("a null has no place in a list or map"),
        value => ConnectError::data(format!(
            "{} does not fit the Protobuf type",
            crate::transforms::class_of(value)
        )),
    }
}

impl Kind {
    /// Appends a whole key or value.
    pub(super) fn root(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match (self, value) {
            (Self::Message(message), Value::Struct(record)) => message.write(record, out),
            (Self::Wrapped(ty), value) => Self::Simple(*ty).field(1, value, false, out),
            (_, value) => Err(misfit(value)),
        }
    }

    /// Appends a value with its number; without `presence`, not if it is its type's default.
    fn field(
        &self,
        number: u32,
        value: &Value,
        presence: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        match (self, value) {
            (Self::Simple(ty), value) => {
                if !presence && is_default(value) {
                    return Ok(());
                }
                put_tag(number, wire_kind(*ty), out);
                simple(*ty, value, out)
            }
            (Self::Enum(_), value) => {
                let start = out.len();
                put_tag(number, 0, out);
                let behind = out.len();
                self.bare(value, out)?;
                if !presence && out[behind..] == [0] {
                    out.truncate(start);
                }
                Ok(())
            }
            (Self::Logical(logical), value) => {
                put_tag(number, 2, out);
                put_nested(out, |out| logical.write(value, out))
            }
            (Self::Wrapped(ty), value) => {
                put_tag(number, 2, out);
                put_nested(out, |out| Self::Simple(*ty).field(1, value, false, out))
            }
            (Self::Message(message), Value::Struct(record)) => {
                put_tag(number, 2, out);
                put_nested(out, |out| message.write(record, out))
            }
            (_, value) => Err(misfit(value)),
        }
    }

    /// Appends a value without its number.
    fn bare(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match (self, value) {
            (Self::Simple(ty), value) => simple(*ty, value, out),
            (Self::Enum(values), Value::String(symbol)) => {
                let number = values.get(symbol).copied();
                let number = number.or_else(|| unknown_number(symbol));
                let number =
                    number.ok_or_else(|| ConnectError::data("the enum has no such value"))?;
                put_varint(i64::from(number) as u64, out);
                Ok(())
            }
            (Self::Enum(_), Value::Int32(number)) => {
                put_varint(i64::from(*number) as u64, out);
                Ok(())
            }
            (_, value) => Err(misfit(value)),
        }
    }
}

/// The number in the name that a value has which its enum did not know.
fn unknown_number(symbol: &str) -> Option<i32> {
    let rest = symbol.strip_prefix("UNKNOWN_ENUM_VALUE_")?;
    rest.rsplit_once('_')?.1.parse().ok()
}

fn wire_kind(ty: Type) -> u32 {
    match ty {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => 1,
        Type::String | Type::Bytes | Type::Message(_) => 2,
        Type::Float | Type::Fixed32 | Type::Sfixed32 => 5,
        _ => 0,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Int8(0)
        | Value::Int16(0)
        | Value::Int32(0)
        | Value::Int64(0)
        | Value::Boolean(false) => true,
        // A negative zero is no default.
        Value::Float32(value) => value.to_bits() == 0,
        Value::Float64(value) => value.to_bits() == 0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

fn simple(ty: Type, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    match (ty, value) {
        (Type::Bool, Value::Boolean(value)) => out.push((*value).into()),
        (Type::Double, Value::Float64(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Type::Double, Value::Float32(value)) => {
            out.extend_from_slice(&f64::from(*value).to_le_bytes())
        }
        (Type::Float, Value::Float32(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Type::String, Value::String(text)) => {
            put_varint(text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        (Type::Bytes, Value::Bytes(bytes)) => {
            put_varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
        (Type::Bool | Type::Double | Type::Float | Type::String | Type::Bytes, value) => {
            return Err(misfit(value));
        }
        (ty, value) => number(ty, integer(value)?, out)?,
    }
    Ok(())
}

fn integer(value: &Value) -> Result<i64, ConnectError> {
    Ok(match value {
        Value::Int8(value) => (*value).into(),
        Value::Int16(value) => (*value).into(),
        Value::Int32(value) => (*value).into(),
        Value::Int64(value) => *value,
        value => return Err(misfit(value)),
    })
}

fn number(ty: Type, value: i64, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let fits = match ty {
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => i32::try_from(value).is_ok(),
        Type::Uint32 | Type::Fixed32 => {
            i32::try_from(value).is_ok() || u32::try_from(value).is_ok()
        }
        _ => true,
    };
    if !fits {
        return Err(ConnectError::data(format!("{value} does not fit 32 bits")));
    }
    match ty {
        Type::Sint32 | Type::Sint64 => put_varint(zigzag(value), out),
        Type::Uint32 => put_varint((value as u32).into(), out),
        Type::Fixed32 | Type::Sfixed32 => out.extend_from_slice(&(value as u32).to_le_bytes()),
        Type::Fixed64 | Type::Sfixed64 => out.extend_from_slice(&value.to_le_bytes()),
        _ => put_varint(value as u64, out),
    }
    Ok(())
}
