//! The converters by class name.

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{Converter, HeaderConverter};

use crate::converters::{
    ByteArrayConverter, JsonConverter, JsonConverterConfig, SimpleHeaderConverter, StringConverter,
    StringConverterConfig,
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

const BYTE_ARRAY: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

static CONVERTERS: [ConverterPlugin; 3] = [
    ConverterPlugin {
        class: BYTE_ARRAY,
        definition: ConfigDef::new,
        create: || Box::new(ByteArrayConverter),
    },
    ConverterPlugin {
        class: JSON,
        definition: JsonConverterConfig::definition,
        create: || Box::new(JsonConverter::default()),
    },
    ConverterPlugin {
        class: STRING,
        definition: StringConverterConfig::definition,
        create: || Box::new(StringConverter),
    },
];

static HEADER_CONVERTERS: [HeaderConverterPlugin; 4] = [
    HeaderConverterPlugin {
        class: BYTE_ARRAY,
        definition: ConfigDef::new,
        create: || Box::new(ByteArrayConverter),
    },
    HeaderConverterPlugin {
        class: JSON,
        definition: JsonConverterConfig::definition,
        create: || Box::new(JsonConverter::default()),
    },
    HeaderConverterPlugin {
        class: SIMPLE,
        definition: ConfigDef::new,
        create: || Box::new(SimpleHeaderConverter),
    },
    HeaderConverterPlugin {
        class: STRING,
        definition: StringConverterConfig::definition,
        create: || Box::new(StringConverter),
    },
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
        assert!(converter("SimpleHeaderConverter").is_none());
        assert!(converter("").is_none());
    }
}
