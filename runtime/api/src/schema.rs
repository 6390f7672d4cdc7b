//! Schemas: the types of Connect's data model (contract connectors-transforms, section 1.1).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::{ConnectError, ErrorKind, Value};

/// Names and versions of the logical types that every converter knows.
pub mod logical {
    /// A decimal: BYTES, with the parameter `scale`.
    pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
    /// Days since 1970-01-01: INT32.
    pub const DATE: &str = "org.apache.kafka.connect.data.Date";
    /// Milliseconds of the day: INT32.
    pub const TIME: &str = "org.apache.kafka.connect.data.Time";
    /// Milliseconds since the epoch: INT64.
    pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
}

/// The type of a schema, with what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaType {
    /// 8-bit signed integer.
    Int8,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// IEEE-754 single.
    Float32,
    /// IEEE-754 double.
    Float64,
    /// Truth value.
    Boolean,
    /// Unicode text.
    String,
    /// Bytes.
    Bytes,
    /// A list; none where the elements have no common schema.
    Array(Option<Arc<Schema>>),
    /// A map from keys to values; none where they have no common schema.
    Map(Option<Arc<Schema>>, Option<Arc<Schema>>),
    /// Ordered named fields.
    Struct(Vec<Field>),
}

/// A named field of a struct; its index is its place in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The field's name, never empty.
    pub name: String,
    /// The field's schema.
    pub schema: Arc<Schema>,
}

/// A type with its attributes. Equality compares all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The type.
    pub ty: SchemaType,
    /// Whether null is allowed.
    pub optional: bool,
    /// The default value, if set; null means none.
    pub default: Option<Value>,
    /// The name, of a struct or a logical type.
    pub name: Option<String>,
    /// The version.
    pub version: Option<i32>,
    /// Documentation.
    pub doc: Option<String>,
    /// Free parameters; an empty map is the same as none.
    pub parameters: BTreeMap<String, String>,
}

impl Schema {
    /// A required schema of `ty` without further attributes.
    pub fn new(ty: SchemaType) -> Self {
        Self {
            ty,
            optional: false,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: BTreeMap::new(),
        }
    }

    /// The same schema, allowing null.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The same schema under a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same schema with a version.
    #[must_use]
    pub fn versioned(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    /// The same schema with a default value.
    #[must_use]
    pub fn with_default(mut self, value: Value) -> Self {
        self.default = Some(value);
        self
    }

    /// The same schema with a parameter.
    #[must_use]
    pub fn with_parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    /// A struct schema of `fields`.
    ///
    /// # Errors
    /// When a name is empty or stands twice.
    pub fn structure(fields: Vec<Field>) -> Result<Self, ConnectError> {
        for (index, field) in fields.iter().enumerate() {
            if field.name.is_empty() {
                return Err(ConnectError::new(
                    ErrorKind::Schema,
                    "fieldName cannot be null.",
                ));
            }
            if fields[..index]
                .iter()
                .any(|earlier| earlier.name == field.name)
            {
                let text = format!(
                    "Cannot create field because of field name duplication {}",
                    field.name
                );
                return Err(ConnectError::new(ErrorKind::Schema, text));
            }
        }
        Ok(Self::new(SchemaType::Struct(fields)))
    }

    /// The fields of a struct schema, none for other types.
    pub fn fields(&self) -> &[Field] {
        match &self.ty {
            SchemaType::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// The field called `name` and its index.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields()
            .iter()
            .enumerate()
            .find(|(_, field)| field.name == name)
    }

    /// Decimal with `scale`, version 1.
    pub fn decimal(scale: i64) -> Self {
        Self::new(SchemaType::Bytes)
            .named(logical::DECIMAL)
            .versioned(1)
            .with_parameter("scale", scale.to_string())
    }

    /// Date, version 1.
    pub fn date() -> Self {
        Self::new(SchemaType::Int32)
            .named(logical::DATE)
            .versioned(1)
    }

    /// Time of day, version 1.
    pub fn time() -> Self {
        Self::new(SchemaType::Int32)
            .named(logical::TIME)
            .versioned(1)
    }

    /// Timestamp, version 1.
    pub fn timestamp() -> Self {
        Self::new(SchemaType::Int64)
            .named(logical::TIMESTAMP)
            .versioned(1)
    }

    /// The shared required STRING schema.
    pub fn string() -> Arc<Self> {
        static STRING: LazyLock<Arc<Schema>> =
            LazyLock::new(|| Arc::new(Schema::new(SchemaType::String)));
        Arc::clone(&STRING)
    }

    /// The shared optional STRING schema.
    pub fn optional_string() -> Arc<Self> {
        static STRING: LazyLock<Arc<Schema>> =
            LazyLock::new(|| Arc::new(Schema::new(SchemaType::String).optional()));
        Arc::clone(&STRING)
    }

    /// The shared optional BYTES schema.
    pub fn optional_bytes() -> Arc<Self> {
        static BYTES: LazyLock<Arc<Schema>> =
            LazyLock::new(|| Arc::new(Schema::new(SchemaType::Bytes).optional()));
        Arc::clone(&BYTES)
    }
}
