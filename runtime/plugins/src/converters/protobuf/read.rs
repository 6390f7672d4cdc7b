//! Reading messages into Connect's values.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{ConnectError, Schema, Struct, Value, utf8_lossy};

use super::super::json::last_of_each;
use super::logical::Logical;
use super::model::Type;
use super::wire::{Input, Wire, unzigzag};

/// How a message is read.
#[derive(Debug, Clone)]
pub(super) struct MessageRead {
    /// The schema of its structs.
    pub(super) schema: Arc<Schema>,
    /// The fields, ascending by number.
    pub(super) fields: Vec<FieldRead>,
}

/// How a field is read.
#[derive(Debug, Clone)]
pub(super) struct FieldRead {
    pub(super) number: u32,
    pub(super) place: Place,
    pub(super) shape: Shape,
    /// Whether it has its type's default value where it is not there, and not null.
    pub(super) has_default: bool,
}

/// Where a field's value goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The field of the struct.
    pub(super) slot: usize,
    /// The field of the struct within it, for a member of a oneof.
    pub(super) member: Option<(usize, Arc<Schema>)>,
}

/// How many values a field has.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    One(Kind),
    List(Kind),
    Map(Box<(Kind, Kind)>),
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Simple(Type),
    Int8,
    Int16,
    /// The enum's name, and its names and numbers.
    Enum(String, Vec<(String, i32)>),
    Logical(Logical),
    /// A message that holds one value.
    Wrapped(Box<Kind>),
    Message(Box<MessageRead>),
}

impl MessageRead {
    /// The struct of a message.
    pub(super) fn value(&self, message: &[u8]) -> Result<Value, ConnectError> {
        let mut values = vec![Value::Null; self.schema.fields().len()];
        for field in self.fields.iter().filter(|field| field.has_default) {
            values[field.place.slot] = field.shape.default()?;
        }
        let mut input = Input(message);
        while let Some((number, wire)) = input.field()? {
            let Ok(index) = self
                .fields
                .binary_search_by_key(&number, |field| field.number)
            else {
                continue;
            };
            let field = &self.fields[index];
            let slot = &mut values[field.place.slot];
            match &field.place.member {
                None => field.shape.add(wire, slot)?,
                Some((member, schema)) => {
                    let mut value = Value::Null;
                    field.shape.add(wire, &mut value)?;
                    let mut union = vec![Value::Null; schema.fields().len()];
                    union[*member] = value;
                    *slot = Value::Struct(Struct::from_values(Arc::clone(schema), union));
                }
            }
        }
        self.settle(&mut values);
        Ok(Value::Struct(Struct::from_values(
            Arc::clone(&self.schema),
            values,
        )))
    }

    /// Of entries of a map with the same key, the last one counts.
    fn settle(&self, values: &mut [Value]) {
        for field in self
            .fields
            .iter()
            .filter(|field| matches!(field.shape, Shape::Map(_)))
        {
            if let Value::Map(entries) = &mut values[field.place.slot]
                && entries.len() > 1
            {
                *entries = last_of_each(std::mem::take(entries));
            }
        }
    }
}

impl Shape {
    fn default(&self) -> Result<Value, ConnectError> {
        match self {
            Self::One(kind) => kind.default(),
            Self::List(_) => Ok(Value::Array(Vec::new())),
            Self::Map(_) => Ok(Value::Map(Vec::new())),
        }
    }

    /// Takes in a value from the wire; one of another type than the field's is passed over.
    fn add(&self, wire: Wire<'_>, slot: &mut Value) -> Result<(), ConnectError> {
        match self {
            Self::One(kind) => {
                if let Some(value) = kind.value(wire)? {
                    *slot = value;
                }
            }
            Self::List(kind) => {
                if !matches!(slot, Value::Array(_)) {
                    *slot = Value::Array(Vec::new());
                }
                let Value::Array(values) = slot else {
                    return Ok(());
                };
                match (kind.packed(), wire) {
                    (Some(ty), Wire::Bytes(packed)) => kind.unpack(ty, packed, values)?,
                    (_, wire) => values.extend(kind.value(wire)?),
                }
            }
            Self::Map(kinds) => {
                if !matches!(slot, Value::Map(_)) {
                    *slot = Value::Map(Vec::new());
                }
                if let (Value::Map(entries), Wire::Bytes(entry)) = (slot, wire) {
                    entries.push(read_entry(kinds, entry)?);
                }
            }
        }
        Ok(())
    }
}

fn read_entry(
    (key_kind, value_kind): &(Kind, Kind),
    entry: &[u8],
) -> Result<(Value, Value), ConnectError> {
    let (mut key, mut value) = (None, None);
    let mut input = Input(entry);
    while let Some((number, wire)) = input.field()? {
        match number {
            1 => key = key_kind.value(wire)?.or(key),
            2 => value = value_kind.value(wire)?.or(value),
            _ => {}
        }
    }
    let key = key.map_or_else(|| key_kind.default(), Ok)?;
    Ok((key, value.map_or_else(|| value_kind.default(), Ok)?))
}

impl Kind {
    /// The value on the wire, if it is one of this kind.
    pub(super) fn value(&self, wire: Wire<'_>) -> Result<Option<Value>, ConnectError> {
        Ok(match (self, wire) {
            (Self::Simple(ty), wire) => simple(*ty, wire),
            (Self::Int8, Wire::Varint(value)) => Some(Value::Int8(value as i8)),
            (Self::Int16, Wire::Varint(value)) => Some(Value::Int16(value as i16)),
            (Self::Enum(name, values), Wire::Varint(value)) => {
                Some(symbol(name, values, value as i32))
            }
            (Self::Logical(logical), Wire::Bytes(message)) => Some(logical.read(message)?),
            (Self::Wrapped(kind), Wire::Bytes(message)) => Some(kind.unwrapped(message)?),
            (Self::Message(read), Wire::Bytes(message)) => Some(read.value(message)?),
            _ => None,
        })
    }

    /// The value that a message holds as its first field.
    pub(super) fn unwrapped(&self, message: &[u8]) -> Result<Value, ConnectError> {
        let mut found = None;
        let mut input = Input(message);
        while let Some((number, wire)) = input.field()? {
            if number == 1 {
                found = self.value(wire)?.or(found);
            }
        }
        found.map_or_else(|| self.default(), Ok)
    }

    fn default(&self) -> Result<Value, ConnectError> {
        Ok(match self {
            Self::Simple(ty) => default_of(*ty),
            Self::Int8 => Value::Int8(0),
            Self::Int16 => Value::Int16(0),
            Self::Enum(name, values) => match values.first() {
                Some((first, _)) => Value::String(first.clone()),
                None => symbol(name, values, 0),
            },
            Self::Logical(_) => Value::Null,
            Self::Wrapped(kind) => kind.default()?,
            Self::Message(read) => read.value(&[])?,
        })
    }

    /// The type on the wire of values that may be packed.
    fn packed(&self) -> Option<Type> {
        match self {
            Self::Simple(ty) if ty.packs() => Some(*ty),
            Self::Int8 | Self::Int16 | Self::Enum(..) => Some(Type::Int32),
            _ => None,
        }
    }

    fn unpack(&self, ty: Type, packed: &[u8], values: &mut Vec<Value>) -> Result<(), ConnectError> {
        let mut input = Input(packed);
        while !input.0.is_empty() {
            let wire = match ty {
                Type::Double | Type::Fixed64 | Type::Sfixed64 => input.value(1)?,
                Type::Float | Type::Fixed32 | Type::Sfixed32 => input.value(5)?,
                _ => Wire::Varint(input.varint()?),
            };
            values.extend(self.value(wire)?);
        }
        Ok(())
    }
}

fn symbol(name: &str, values: &[(String, i32)], number: i32) -> Value {
    let known = values.iter().find(|(_, known)| *known == number);
    Value::String(match known {
        Some((symbol, _)) => symbol.clone(),
        // As Java names what a newer schema may know.
        None => format!("UNKNOWN_ENUM_VALUE_{name}_{number}"),
    })
}

fn simple(ty: Type, wire: Wire<'_>) -> Option<Value> {
    Some(match (ty, wire) {
        (Type::Int32, Wire::Varint(value)) | (Type::Enum(_), Wire::Varint(value)) => {
            Value::Int32(value as i32)
        }
        (Type::Sint32, Wire::Varint(value)) => Value::Int32(unzigzag(value & 0xffff_ffff) as i32),
        (Type::Int64 | Type::Uint64, Wire::Varint(value)) => Value::Int64(value as i64),
        (Type::Uint32, Wire::Varint(value)) => Value::Int64((value as u32).into()),
        (Type::Sint64, Wire::Varint(value)) => Value::Int64(unzigzag(value)),
        (Type::Bool, Wire::Varint(value)) => Value::Boolean(value != 0),
        (Type::Fixed32, Wire::Fixed32(value)) => Value::Int64(value.into()),
        (Type::Sfixed32, Wire::Fixed32(value)) => Value::Int32(value as i32),
        (Type::Float, Wire::Fixed32(value)) => Value::Float32(f32::from_bits(value)),
        (Type::Fixed64 | Type::Sfixed64, Wire::Fixed64(value)) => Value::Int64(value as i64),
        (Type::Double, Wire::Fixed64(value)) => Value::Float64(f64::from_bits(value)),
        (Type::String, Wire::Bytes(text)) => Value::String(utf8_lossy(text)),
        (Type::Bytes, Wire::Bytes(bytes)) => Value::Bytes(Bytes::copy_from_slice(bytes)),
        _ => return None,
    })
}

fn default_of(ty: Type) -> Value {
    match ty {
        Type::Double => Value::Float64(0.0),
        Type::Float => Value::Float32(0.0),
        Type::Int32 | Type::Sint32 | Type::Sfixed32 | Type::Enum(_) => Value::Int32(0),
        Type::Bool => Value::Boolean(false),
        Type::String => Value::String(String::new()),
        Type::Bytes => Value::Bytes(Bytes::new()),
        Type::Message(_) => Value::Null,
        _ => Value::Int64(0),
    }
}
