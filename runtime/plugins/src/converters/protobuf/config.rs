//! What ProtobufConverter's own keys say.

use millrace_api::Schema;
use millrace_api::config::Config;

use super::super::registry::RegistryConfig;

/// The keys of ProtobufConverter.
#[derive(Debug, Clone, Config)]
pub(crate) struct ProtobufConfig {
    #[config(flatten)]
    pub(crate) registry: RegistryConfig,
    /// Whether the packages of messages are part of their names in Connect.
    #[config(
        name = "enhanced.protobuf.schema.support",
        default = false,
        group = "Protobuf"
    )]
    pub(crate) enhanced: bool,
    /// Whether names that Protobuf does not allow are changed into ones that it does.
    #[config(name = "scrub.invalid.names", default = false)]
    pub(crate) scrub: bool,
    /// Whether enums are numbers, and not the names of these.
    #[config(name = "int.for.enums", default = false)]
    pub(crate) int_for_enums: bool,
    /// Whether optional fields are those that say `optional`.
    #[config(name = "optional.for.nullables", default = false)]
    pub(crate) optional_for_nullables: bool,
    /// Whether fields of proto2 that say `optional` and are not there are null.
    #[config(name = "optional.for.proto2", default = true)]
    pub(crate) optional_for_proto2: bool,
    /// Whether optional fields are the messages of google/protobuf/wrappers.proto.
    #[config(name = "wrapper.for.nullables", default = false)]
    pub(crate) wrapper_for_nullables: bool,
    /// Whether such a message, where it is a whole key or value, is the value that it holds.
    #[config(name = "wrapper.for.raw.primitives", default = true)]
    pub(crate) wrapper_for_raw: bool,
    /// Whether messages that are not there are structs of default values.
    #[config(name = "generate.struct.for.nulls", default = false)]
    pub(crate) struct_for_nulls: bool,
    /// Whether the field of a oneof has the oneof's number in its name.
    #[config(name = "generate.index.for.unions", default = true)]
    pub(crate) index_for_unions: bool,
    /// Whether the members of a oneof are fields of their message.
    #[config(name = "flatten.unions", default = false)]
    pub(crate) flatten_unions: bool,
    /// Whether enums and unions of all formats have the same form in Connect.
    #[config(name = "generalized.sum.type.support", default = false)]
    pub(crate) generalized: bool,
    /// Whether a null in an optional field that has a default stays null.
    #[config(name = "ignore.default.for.nullables", default = false)]
    pub(crate) ignore_default: bool,
}

/// What Confluent's parameters and types are called.
pub(super) mod props {
    pub(crate) const ENUM: &str = "io.confluent.connect.protobuf.Enum";
    pub(crate) const UNION: &str = "io.confluent.connect.protobuf.Union";
    pub(crate) const UNION_PREFIX: &str = "io.confluent.connect.protobuf.Union.";
    pub(crate) const TAG: &str = "io.confluent.connect.protobuf.Tag";
    pub(crate) const TYPE: &str = "io.confluent.connect.protobuf.Type";
    pub(crate) const WRAPPER: &str = "io.confluent.connect.protobuf.Wrapper";
    pub(crate) const GENERAL_UNION: &str = "org.apache.kafka.connect.data.Union";
    pub(crate) const GENERAL_ENUM: &str = "org.apache.kafka.connect.data.Enum";
    pub(crate) const CONNECT_TYPE: &str = "connect.type";
    pub(crate) const CONNECT_PRECISION: &str = "connect.decimal.precision";
    pub(crate) const PRECISION: &str = "precision";
    pub(crate) const SCALE: &str = "scale";
    pub(crate) const DEFAULT_NAME: &str = "ConnectDefault";
    pub(crate) const DECIMAL: &str = "confluent.type.Decimal";
    pub(crate) const DATE: &str = "google.type.Date";
    pub(crate) const TIME: &str = "google.type.TimeOfDay";
    pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";
}

impl ProtobufConfig {
    /// The parameter that says which enum a value is one of.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized {
            props::GENERAL_ENUM
        } else {
            props::ENUM
        }
    }

    /// Whether values of a field's schema are wrapped into a message; those of a oneof only where they were before.
    pub(super) fn wraps(&self, schema: &Schema, in_oneof: bool) -> bool {
        let was_wrapped = || {
            schema
                .parameters
                .get(props::WRAPPER)
                .is_some_and(|text| text == "true")
        };
        self.wrapper_for_nullables && schema.optional && (!in_oneof || was_wrapped())
    }
}

/// Whether a struct is one of the members of a oneof.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema
        .name
        .as_deref()
        .is_some_and(|name| name.starts_with(props::UNION))
        || schema.parameters.contains_key(props::GENERAL_UNION)
}

/// Whether a text or number is one of an enum.
pub(super) fn is_enum(schema: &Schema) -> bool {
    schema.parameters.contains_key(props::ENUM)
        || schema.parameters.contains_key(props::GENERAL_ENUM)
}
