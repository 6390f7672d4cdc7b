//! The converters by class name.

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{Converter, HeaderConverter};

use crate::converters::{
    Avro, BooleanConverter, ByteArrayConverter, JsonConverter, JsonConverterConfig, JsonSchema,
    Number, NumberConverter, Protobuf, RegistryConverter, SimpleHeaderConverter, StringConverter,
    StringConverterConfig, avro_definition, json_schema_definition, protobuf_definition,
};

/// A converter of keys and values.
#[derive(Debug, Clone, Copy)]
pub struct ConverterPlugin {
    /// Java's full class name.
    pub class: &'static str,
    /// The keys below its prefix.
    pub definition: fn() -> ConfigDef,
    /// A new instance, to be configured.
    pub create: fn() -> Box<dyn Converter>,
}

/// A converter of header values.
#[derive(Debug, Clone, Copy)]
pub struct HeaderConverterPlugin {
    /// Java's full class name.
    pub class: &'static str,
    /// The keys below its prefix.
    pub definition: fn() -> ConfigDef,
    /// A new instance, to be configured.
    pub create: fn() -> Box<dyn HeaderConverter>,
}

const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const BOOLEAN: &str = "org.apache.kafka.connect.converters.BooleanConverter";
const BYTE_ARRAY: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const DOUBLE: &str = "org.apache.kafka.connect.converters.DoubleConverter";
const FLOAT: &str = "org.apache.kafka.connect.converters.FloatConverter";
const INTEGER: &str = "org.apache.kafka.connect.converters.IntegerConverter";
const LONG: &str = "org.apache.kafka.connect.converters.LongConverter";
const SHORT: &str = "org.apache.kafka.connect.converters.ShortConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Rows of one of the tables below: what converts keys and values converts headers too, made the same way.
macro_rules! plugins {
    ($plugin:ident: $($class:ident, $definition:expr, $create:expr;)*) => {
        [$($plugin { class: $class, definition: $definition, create: || Box::new($create) }),*]
    };
}

static CONVERTERS: [ConverterPlugin; 12] = plugins![ConverterPlugin:
    AVRO, avro_definition, RegistryConverter::<Avro>::default();
    JSON_SCHEMA, json_schema_definition, RegistryConverter::<JsonSchema>::default();
    PROTOBUF, protobuf_definition, RegistryConverter::<Protobuf>::default();
    BOOLEAN, ConfigDef::new, BooleanConverter::default();
    BYTE_ARRAY, ConfigDef::new, ByteArrayConverter;
    DOUBLE, ConfigDef::new, NumberConverter::new(Number::Double);
    FLOAT, ConfigDef::new, NumberConverter::new(Number::Float);
    INTEGER, ConfigDef::new, NumberConverter::new(Number::Integer);
    LONG, ConfigDef::new, NumberConverter::new(Number::Long);
    SHORT, ConfigDef::new, NumberConverter::new(Number::Short);
    JSON, JsonConverterConfig::definition, JsonConverter::default();
    STRING, StringConverterConfig::definition, StringConverter::default();
];

static HEADER_CONVERTERS: [HeaderConverterPlugin; 13] = plugins![HeaderConverterPlugin:
    AVRO, avro_definition, RegistryConverter::<Avro>::default();
    JSON_SCHEMA, json_schema_definition, RegistryConverter::<JsonSchema>::default();
    PROTOBUF, protobuf_definition, RegistryConverter::<Protobuf>::default();
    BOOLEAN, ConfigDef::new, BooleanConverter::default();
    BYTE_ARRAY, ConfigDef::new, ByteArrayConverter;
    DOUBLE, ConfigDef::new, NumberConverter::new(Number::Double);
    FLOAT, ConfigDef::new, NumberConverter::new(Number::Float);
    INTEGER, ConfigDef::new, NumberConverter::new(Number::Integer);
    LONG, ConfigDef::new, NumberConverter::new(Number::Long);
    SHORT, ConfigDef::new, NumberConverter::new(Number::Short);
    JSON, JsonConverterConfig::definition, JsonConverter::default();
    SIMPLE, ConfigDef::new, SimpleHeaderConverter;
    STRING, StringConverterConfig::definition, StringConverter::default();
];

/// All converters of keys and values, by class name.
pub fn converters() -> &'static [ConverterPlugin] {
    &CONVERTERS
}

/// All converters of headers, by class name.
pub fn header_converters() -> &'static [HeaderConverterPlugin] {
    &HEADER_CONVERTERS
}

/// The converter that goes by `name`: its class name in full, without the package, or without the package and its
/// kind (`Json`).
pub fn converter(name: &str) -> Option<&'static ConverterPlugin> {
    CONVERTERS
        .iter()
        .find(|plugin| goes_by(plugin.class, name, &["Converter"]))
}

/// The header converter that goes by `name`, as [`converter`] has it.
pub fn header_converter(name: &str) -> Option<&'static HeaderConverterPlugin> {
    HEADER_CONVERTERS
        .iter()
        .find(|plugin| goes_by(plugin.class, name, &["HeaderConverter", "Converter"]))
}

fn goes_by(class: &str, name: &str, kinds: &[&str]) -> bool {
    let simple = class.rsplit('.').next().unwrap_or(class);
    name == class
        || name == simple
        || kinds
            .iter()
            .any(|kind| simple.strip_suffix(kind) == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_several_names() {
        for name in [
            "org.apache.kafka.connect.json.JsonConverter",
            "JsonConverter",
            "Json",
        ] {
            assert_eq!(converter(name).unwrap().class, JSON, "{name}");
        }
        for name in [
            "org.apache.kafka.connect.storage.SimpleHeaderConverter",
            "SimpleHeaderConverter",
            "Simple",
        ] {
            assert_eq!(header_converter(name).unwrap().class, SIMPLE, "{name}");
        }
        assert_eq!(converter("Long").unwrap().class, LONG);
        assert_eq!(header_converter("BooleanConverter").unwrap().class, BOOLEAN);
        assert!(converter("SimpleHeaderConverter").is_none());
        assert!(converter("").is_none());
    }
}
