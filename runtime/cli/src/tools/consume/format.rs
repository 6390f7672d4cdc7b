//! The formats by name: Millrace's short names, and the class names that Kafka's tools take.

use millrace_config::Properties;

use super::{
    json::Json,
    offsets::{Kind, Offsets},
    reading::Record,
    text::Text,
};
use crate::tools::{
    decode::{Decode, Undecodable},
    run::Usage,
};

/// How a record is printed.
pub(super) trait Format: Send {
    /// Appends the record, with its end; nothing for one that this format leaves out.
    ///
    /// # Errors
    /// A key, value or header that is not what it is said to be; what was appended of the record is of no use then.
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Undecodable>;
}

/// Prints nothing.
#[derive(Debug)]
struct Nothing;

impl Format for Nothing {
    fn append(&mut self, _: &Record<'_>, _: &mut Vec<u8>) -> Result<(), Undecodable> {
        Ok(())
    }
}

/// The format of a name, set up by its properties.
pub(super) fn named(name: &str, properties: &Properties) -> Result<Box<dyn Format>, Usage> {
    // Old names end in the same words: kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter.
    let class = name.rsplit(['.', '$']).next().unwrap_or(name);
    Ok(match class {
        "default" | "DefaultMessageFormatter" | "LoggingMessageFormatter" => {
            Box::new(Text::from_properties(properties)?)
        }
        "json" => Box::new(Json {
            key: decode("key.deserializer", properties)?,
            value: decode("value.deserializer", properties)?,
            headers: decode("headers.deserializer", properties)?,
        }),
        "offsets" | "OffsetsMessageFormatter" => Box::new(Offsets(Kind::Offsets)),
        "group-metadata" | "GroupMetadataMessageFormatter" => Box::new(Offsets(Kind::Groups)),
        "none" | "NoOpMessageFormatter" => Box::new(Nothing),
        _ => {
            return Err(Usage::new(format!(
                "--formatter {name} is not known: there are default, json, offsets, group-metadata and none"
            )));
        }
    })
}

/// The deserializer that a property names; without it bytes are shown as they are.
pub(super) fn decode(key: &str, properties: &Properties) -> Result<Decode, Usage> {
    properties
        .get(key)
        .map_or(Ok(Decode::Raw), |name| Decode::named(name))
}
