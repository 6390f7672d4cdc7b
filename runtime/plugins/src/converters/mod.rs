//! One file a converter.

mod avro;
mod boolean;
mod byte_array;
mod charset;
mod json;
mod json_schema;
mod number;
mod protobuf;
mod registry;
mod simple_header;
mod string;

pub(crate) use avro::{Avro, definition as avro_definition};
pub use boolean::BooleanConverter;
pub use byte_array::ByteArrayConverter;
pub use json::JsonConverter;
pub(crate) use json::{JsonConverterConfig, parse_json};
pub(crate) use json_schema::{JsonSchema, definition as json_schema_definition};
pub use number::{Number, NumberConverter};
pub(crate) use protobuf::{Protobuf, definition as protobuf_definition};
pub(crate) use registry::RegistryConverter;
pub use simple_header::SimpleHeaderConverter;
pub use string::StringConverter;
pub(crate) use string::StringConverterConfig;

use millrace_api::ConnectError;
use millrace_api::Properties;
use millrace_api::config::{Config, ConfigErrors};

/// The typed settings below a plugin's prefix.
pub(crate) fn parse<C: Config>(settings: &Properties) -> Result<C, ConnectError> {
    C::parse(settings).map_err(|errors: ConfigErrors| ConnectError::config(errors.to_string()))
}
