//! What JsonSchemaConverter's own keys say.

use millrace_api::Schema;
use millrace_api::config::Config;

use super::super::json::DecimalFormat;
use super::super::registry::RegistryConfig;

/// The keys of JsonSchemaConverter.
#[derive(Debug, Clone, Config)]
pub(crate) struct JsonSchemaConfig {
    #[config(flatten)]
    pub(crate) registry: RegistryConfig,
    /// Whether objects may have properties that their schema does not name.
    #[config(
        name = "object.additional.properties",
        default = true,
        group = "JSON Schema"
    )]
    pub(crate) additional: bool,
    /// Whether properties that are not required are optional fields.
    #[config(name = "use.optional.for.nonrequired", default = false)]
    pub(crate) optional_nonrequired: bool,
    /// How decimals are written: BASE64 or NUMERIC.
    #[config(name = "decimal.format", default = "BASE64", importance = low)]
    pub(crate) decimal_format: DecimalFormat,
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
    pub(crate) const NAMESPACE: &str = "io.confluent.connect.json";
    pub(crate) const ENUM: &str = "io.confluent.connect.json.Enum";
    pub(crate) const ONE_OF: &str = "io.confluent.connect.json.OneOf";
    pub(crate) const GENERAL_UNION: &str = "org.apache.kafka.connect.data.Union";
    pub(crate) const GENERAL_ENUM: &str = "org.apache.kafka.connect.data.Enum";
    pub(crate) const CONNECT_TYPE: &str = "connect.type";
    pub(crate) const CONNECT_VERSION: &str = "connect.version";
    pub(crate) const CONNECT_PARAMETERS: &str = "connect.parameters";
    pub(crate) const CONNECT_INDEX: &str = "connect.index";
    /// What stands for null among the symbols of an enum.
    pub(crate) const NULL: &str = "<NULL>";
}

impl JsonSchemaConfig {
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
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.name.as_deref() == Some(props::ONE_OF)
        || schema.parameters.contains_key(props::GENERAL_UNION)
}
