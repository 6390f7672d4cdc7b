//! Messages as Connect schemas, with the steps that read them.
//!
//! Facts: Confluent's documentation of ProtobufConverter, and what its converter makes of Protobuf schemas.

use std::sync::Arc;

use millrace_api::{ConnectError, Field, Schema, SchemaType};

use super::super::registry::full_name_parts;
use super::config::{ProtobufConfig, props};
use super::logical::Logical;
use super::model::{self, Model, Type};
use super::read::{FieldRead, Kind, MessageRead, Place, Shape};

/// A schema that unfolds to more types than this is a mistake or malice.
const TYPES_MAX: usize = 100_000;

/// The Connect schema of a message, and how its values are read.
pub(super) fn connect_schema(
    config: &ProtobufConfig,
    model: &Model,
    message: usize,
    version: Option<i32>,
) -> Result<Root, ConnectError> {
    let mut builder = Builder {
        config,
        model,
        open: Vec::new(),
        types: 0,
    };
    if config.wrapper_for_raw
        && let Some((mut schema, kind)) = wrapped(&model.messages[message].full_name)
    {
        schema.version = version;
        return Ok(Root::Wrapped(Arc::new(schema), kind));
    }
    builder.message(message, version).map(Root::Message)
}

/// What a whole key or value is.
#[derive(Debug)]
pub(super) enum Root {
    Message(MessageRead),
    /// A message that holds one simple value stands for this value.
    Wrapped(Arc<Schema>, Kind),
}

/// The simple value that a message of `google/protobuf/wrappers.proto` holds.
pub(super) fn wrapped(full_name: &str) -> Option<(Schema, Kind)> {
    let (ty, kind) = match full_name.strip_prefix("google.protobuf.")? {
        "DoubleValue" => (SchemaType::Float64, Kind::Simple(Type::Double)),
        "FloatValue" => (SchemaType::Float32, Kind::Simple(Type::Float)),
        "Int64Value" => (SchemaType::Int64, Kind::Simple(Type::Int64)),
        "UInt64Value" => (SchemaType::Int64, Kind::Simple(Type::Uint64)),
        "Int32Value" => (SchemaType::Int32, Kind::Simple(Type::Int32)),
        "UInt32Value" => (SchemaType::Int64, Kind::Simple(Type::Uint32)),
        "BoolValue" => (SchemaType::Boolean, Kind::Simple(Type::Bool)),
        "StringValue" => (SchemaType::String, Kind::Simple(Type::String)),
        "BytesValue" => (SchemaType::Bytes, Kind::Simple(Type::Bytes)),
        _ => return None,
    };
    Some((Schema::new(ty), kind))
}

/// The message that holds a simple value of a type.
pub(super) fn wrapper_of(ty: &SchemaType) -> Option<&'static str> {
    Some(match ty {
        SchemaType::Float64 => "google.protobuf.DoubleValue",
        SchemaType::Float32 => "google.protobuf.FloatValue",
        SchemaType::Int64 => "google.protobuf.Int64Value",
        SchemaType::Int8 | SchemaType::Int16 | SchemaType::Int32 => "google.protobuf.Int32Value",
        SchemaType::Boolean => "google.protobuf.BoolValue",
        SchemaType::String => "google.protobuf.StringValue",
        SchemaType::Bytes => "google.protobuf.BytesValue",
        _ => return None,
    })
}

/// The logical value that a message stands for.
pub(super) fn logical(full_name: &str) -> Option<Logical> {
    Some(match full_name {
        props::DATE => Logical::Date,
        props::TIME => Logical::Time,
        props::TIMESTAMP => Logical::Timestamp,
        props::DECIMAL => Logical::Decimal,
        _ => return None,
    })
}

struct Builder<'a> {
    config: &'a ProtobufConfig,
    model: &'a Model,
    /// The messages that are being described.
    open: Vec<usize>,
    types: usize,
}

impl<'a> Builder<'a> {
    fn message(&mut self, place: usize, version: Option<i32>) -> Result<MessageRead, ConnectError> {
        let message = &self.model.messages[place];
        if self.open.contains(&place) {
            return Err(ConnectError::data(format!(
                "the Protobuf message {} holds itself, and a Connect schema here cannot; use ByteArrayConverter to pass such records on",
                message.full_name
            )));
        }
        self.open.push(place);
        let mut fields = Vec::new();
        let mut reads = Vec::new();
        self.oneofs(message, &mut fields, &mut reads)?;
        for field in message.fields.iter().filter(|field| field.oneof.is_none()) {
            let (schema, shape) = self.field(field, false)?;
            reads.push(self.read(field, shape, fields.len(), None));
            fields.push(Field {
                name: field.name.clone(),
                schema,
            });
        }
        self.open.pop();
        let mut schema = Schema::structure(fields)?.named(match self.config.enhanced {
            true => message.full_name.clone(),
            false => message.name.clone(),
        });
        schema.version = version;
        reads.sort_by_key(|read| read.number);
        Ok(MessageRead {
            schema: Arc::new(schema),
            fields: reads,
        })
    }

    /// The fields of oneofs, which come first: a struct for each oneof, or its members.
    fn oneofs(
        &mut self,
        message: &'a model::Message,
        fields: &mut Vec<Field>,
        reads: &mut Vec<FieldRead>,
    ) -> Result<(), ConnectError> {
        for (index, oneof) in message.oneofs.iter().enumerate() {
            let members = message
                .fields
                .iter()
                .filter(|field| field.oneof == Some(index));
            let mut union = Vec::new();
            let mut of_union = Vec::new();
            for field in members {
                let (schema, shape) = self.field(field, true)?;
                let schema = Field {
                    name: field.name.clone(),
                    schema,
                };
                if self.config.flatten_unions {
                    reads.push(self.read(field, shape, fields.len(), None));
                    fields.push(schema);
                } else {
                    of_union.push((field, shape, union.len()));
                    union.push(schema);
                }
            }
            if self.config.flatten_unions {
                continue;
            }
            let schema = Arc::new(self.union(message, oneof, union)?);
            for (field, shape, member) in of_union {
                let member = Some((member, Arc::clone(&schema)));
                reads.push(self.read(field, shape, fields.len(), member));
            }
            let name = match self.config.index_for_unions {
                true => format!("{oneof}_{index}"),
                false => oneof.clone(),
            };
            fields.push(Field { name, schema });
        }
        Ok(())
    }

    fn union(
        &self,
        message: &model::Message,
        oneof: &str,
        members: Vec<Field>,
    ) -> Result<Schema, ConnectError> {
        let schema = Schema::structure(members)?.optional();
        Ok(match (self.config.generalized, self.config.enhanced) {
            (true, _) => schema
                .named(oneof)
                .with_parameter(props::GENERAL_UNION, oneof),
            (false, true) => schema.named(format!(
                "{}{}.{oneof}",
                props::UNION_PREFIX,
                message.full_name
            )),
            (false, false) => schema.named(format!("{}{oneof}", props::UNION_PREFIX)),
        })
    }

    fn read(
        &self,
        field: &model::Field,
        shape: Shape,
        slot: usize,
        member: Option<(usize, Arc<Schema>)>,
    ) -> FieldRead {
        let is_message = matches!(field.ty, Type::Message(_)) && !field.repeated;
        let may_be_absent = member.is_some()
            || field.oneof.is_some()
            || (field.optional && (!field.proto2 || self.config.optional_for_proto2))
            || (is_message && !self.config.struct_for_nulls);
        FieldRead {
            number: field.number,
            place: Place { slot, member },
            shape,
            has_default: !may_be_absent,
        }
    }

    fn field(
        &mut self,
        field: &'a model::Field,
        in_oneof: bool,
    ) -> Result<(Arc<Schema>, Shape), ConnectError> {
        self.types += 1;
        if self.types > TYPES_MAX {
            return Err(ConnectError::data(
                "the Protobuf schema unfolds to too many types",
            ));
        }
        let (mut schema, mut shape) = match field.key {
            Some(key) => self.map(field, key)?,
            None => {
                let (schema, kind) = self.kind(field)?;
                match field.repeated {
                    true => {
                        let element = Some(Arc::new(schema.optional()));
                        (
                            Schema::new(SchemaType::Array(element)).optional(),
                            Shape::List(kind),
                        )
                    }
                    false => (schema, Shape::One(kind)),
                }
            }
        };
        let config = self.config;
        if in_oneof {
            schema.optional = true;
            let is_wrapper = match field.ty {
                Type::Message(place) => wrapped(&self.model.messages[place].full_name).is_some(),
                _ => false,
            };
            if config.wrapper_for_nullables && is_wrapper {
                schema = schema.with_parameter(props::WRAPPER, "true");
            }
        } else if config.optional_for_nullables {
            schema.optional |= field.optional;
        } else if !config.wrapper_for_nullables {
            schema.optional = true;
        }
        let schema = Arc::new(schema.with_parameter(props::TAG, field.number.to_string()));
        give_schema(&mut shape, &schema);
        Ok((schema, shape))
    }

    fn map(&mut self, field: &'a model::Field, key: Type) -> Result<(Schema, Shape), ConnectError> {
        let (key_schema, key_kind) = simple(key);
        let (value_schema, value_kind) = self.kind(field)?;
        let part = |schema: Schema, tag: &str| {
            let optional =
                !self.config.optional_for_nullables && !self.config.wrapper_for_nullables;
            let schema = if optional { schema.optional() } else { schema };
            Some(Arc::new(schema.with_parameter(props::TAG, tag)))
        };
        let ty = SchemaType::Map(part(key_schema, "1"), part(value_schema, "2"));
        let schema = Schema::new(ty).named(field.name.clone()).optional();
        Ok((schema, Shape::Map(Box::new((key_kind, value_kind)))))
    }

    fn kind(&mut self, field: &'a model::Field) -> Result<(Schema, Kind), ConnectError> {
        match field.ty {
            Type::Enum(place) => Ok(self.enumeration(place)),
            Type::Message(place) => {
                let name = &self.model.messages[place].full_name;
                if let Some(logical) = logical(name) {
                    return Ok((
                        logical_schema(logical, field).optional(),
                        Kind::Logical(logical),
                    ));
                }
                if self.config.wrapper_for_nullables
                    && let Some((schema, kind)) = wrapped(name)
                {
                    return Ok((schema.optional(), Kind::Wrapped(Box::new(kind))));
                }
                let read = self.message(place, None)?;
                let schema = Schema::clone(&read.schema).optional();
                Ok((schema, Kind::Message(Box::new(read))))
            }
            Type::Int32 => Ok(
                match field.params.get(props::CONNECT_TYPE).map(String::as_str) {
                    Some("int8") => (Schema::new(SchemaType::Int8), Kind::Int8),
                    Some("int16") => (Schema::new(SchemaType::Int16), Kind::Int16),
                    _ => simple(Type::Int32),
                },
            ),
            ty => Ok(simple(ty)),
        }
    }

    fn enumeration(&self, place: usize) -> (Schema, Kind) {
        let enumeration = &self.model.enums[place];
        let ty = match self.config.int_for_enums {
            true => SchemaType::Int32,
            false => SchemaType::String,
        };
        let parameter = self.config.enum_parameter();
        let mut schema = Schema::new(ty)
            .optional()
            .with_parameter(parameter, &*enumeration.name);
        schema.name = Some(match self.config.enhanced {
            true => enumeration.full_name.clone(),
            false => enumeration.name.clone(),
        });
        for (name, number) in &enumeration.values {
            schema = schema.with_parameter(format!("{parameter}.{name}"), number.to_string());
        }
        let kind = match self.config.int_for_enums {
            true => Kind::Simple(Type::Int32),
            false => Kind::Enum(enumeration.name.clone(), enumeration.values.clone()),
        };
        (schema, kind)
    }
}

/// Gives the structs within a field the schema that the field has, of lists and maps that of their elements.
fn give_schema(shape: &mut Shape, schema: &Arc<Schema>) {
    let (kind, schema) = match (shape, &schema.ty) {
        (Shape::One(kind), _) => (kind, schema),
        (Shape::List(kind), SchemaType::Array(Some(element))) => (kind, element),
        (Shape::Map(kinds), SchemaType::Map(_, Some(value))) => (&mut kinds.1, value),
        _ => return,
    };
    if let Kind::Message(read) = kind {
        read.schema = Arc::clone(schema);
    }
}

fn simple(ty: Type) -> (Schema, Kind) {
    let schema = Schema::new(match ty {
        Type::Double => SchemaType::Float64,
        Type::Float => SchemaType::Float32,
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => SchemaType::Int32,
        Type::Bool => SchemaType::Boolean,
        Type::String => SchemaType::String,
        Type::Bytes => SchemaType::Bytes,
        _ => SchemaType::Int64,
    });
    let schema = match ty.special_name() {
        Some(name) => schema.with_parameter(props::TYPE, name),
        None => schema,
    };
    (schema, Kind::Simple(ty))
}

fn logical_schema(logical: Logical, field: &model::Field) -> Schema {
    match logical {
        Logical::Date => Schema::date(),
        Logical::Time => Schema::time(),
        Logical::Timestamp => Schema::timestamp(),
        Logical::Decimal => {
            let number = |key: &str| {
                field
                    .params
                    .get(key)
                    .and_then(|text| text.parse::<i64>().ok())
            };
            let schema = Schema::decimal(number(props::SCALE).unwrap_or(0));
            match number(props::PRECISION) {
                Some(precision) => {
                    schema.with_parameter(props::CONNECT_PRECISION, precision.to_string())
                }
                None => schema,
            }
        }
    }
}

/// The simple name of a message's Connect schema.
pub(super) fn simple_name(name: &str) -> &str {
    full_name_parts(name).1
}
