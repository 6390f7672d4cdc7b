//! What AvroConverter's own keys say.

use millrace_api::config::Config;

use super::super::registry::RegistryConfig;

/// The keys of AvroConverter.
#[derive(Debug, Clone, Config)]
pub(crate) struct AvroConfig {
    #[config(flatten)]
    pub(crate) registry: RegistryConfig,
    /// Whether Avro's enums and the namespaces of union members survive the way through Connect.
    #[config(name = "enhanced.avro.schema.support", default = false, group = "Avro")]
    pub(crate) enhanced: bool,
    /// Whether what Avro cannot say of a Connect schema is kept in properties of the Avro schema.
    #[config(name = "connect.meta.data", default = true, importance = low)]
    pub(crate) meta_data: bool,
    /// Whether names that Avro does not allow are changed into ones that it does.
    #[config(name = "scrub.invalid.names", default = false)]
    pub(crate) scrub: bool,
    /// Whether maps with optional string keys are Avro's maps.
    #[config(name = "allow.optional.map.keys", default = false, importance = low)]
    pub(crate) optional_map_keys: bool,
    /// Whether the documentation of a field is the documentation of its schema.
    #[config(name = "discard.type.doc.default", default = false, importance = low)]
    pub(crate) discard_type_doc: bool,
    /// Whether a union of one type is that type.
    #[config(name = "flatten.singleton.unions", default = true, importance = low)]
    pub(crate) flatten_singletons: bool,
    /// Whether enums and unions of all formats have the same form in Connect.
    #[config(name = "generalized.sum.type.support", default = false)]
    pub(crate) generalized: bool,
    /// Whether a null in an optional field that has a default stays null.
    #[config(name = "ignore.default.for.nullables", default = false)]
    pub(crate) ignore_default: bool,
}

/// What Confluent's properties and parameters are called.
pub(super) mod props {
    pub(crate) const NAMESPACE: &str = "io.confluent.connect.avro";
    pub(crate) const DEFAULT_NAME: &str = "io.confluent.connect.avro.ConnectDefault";
    pub(crate) const ANYTHING: &str = "io.confluent.connect.avro.Anything";
    pub(crate) const MAP_ENTRY: &str = "MapEntry";
    pub(crate) const UNION: &str = "io.confluent.connect.avro.Union";
    pub(crate) const ENUM: &str = "io.confluent.connect.avro.Enum";
    pub(crate) const GENERAL_UNION: &str = "org.apache.kafka.connect.data.Union";
    pub(crate) const GENERAL_ENUM: &str = "org.apache.kafka.connect.data.Enum";
    pub(crate) const RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
    pub(crate) const ENUM_DOC: &str = "io.confluent.connect.avro.enum.doc.";
    pub(crate) const ENUM_DEFAULT: &str = "io.confluent.connect.avro.enum.default.";
    pub(crate) const FIELD_DOC: &str = "io.confluent.connect.avro.field.doc.";
    pub(crate) const FIELD_DEFAULT: &str = "io.confluent.connect.avro.field.default";
    pub(crate) const CONNECT_NAME: &str = "connect.name";
    pub(crate) const CONNECT_DOC: &str = "connect.doc";
    pub(crate) const CONNECT_RECORD_DOC: &str = "connect.record.doc";
    pub(crate) const CONNECT_ENUM_DOC: &str = "connect.enum.doc";
    pub(crate) const CONNECT_VERSION: &str = "connect.version";
    pub(crate) const CONNECT_DEFAULT: &str = "connect.default";
    pub(crate) const CONNECT_PARAMETERS: &str = "connect.parameters";
    pub(crate) const CONNECT_INTERNAL_TYPE: &str = "connect.internal.type";
    pub(crate) const CONNECT_TYPE: &str = "connect.type";
    pub(crate) const CONNECT_PRECISION: &str = "connect.decimal.precision";
    pub(crate) const CONNECT_FIXED_SIZE: &str = "connect.fixed.size";
    pub(crate) const LOGICAL_TYPE: &str = "logicalType";
    pub(crate) const SCALE: &str = "scale";
    pub(crate) const PRECISION: &str = "precision";
}

/// The precision of a decimal whose schema names none.
pub(super) const PRECISION_DEFAULT: i64 = 64;

impl AvroConfig {
    /// The parameter that says which enum a text is one of.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized {
            props::GENERAL_ENUM
        } else {
            props::ENUM
        }
    }
}

/// Whether a struct is one of the members of a union.
pub(super) fn is_union(schema: &millrace_api::Schema) -> bool {
    schema.name.as_deref() == Some(props::UNION)
        || schema.parameters.contains_key(props::GENERAL_UNION)
}
