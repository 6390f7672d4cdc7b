//! The stock converters, transforms, predicates and config providers: those of Kafka Connect, under Java's class
//! names, and a few of Millrace's own.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod condition;
mod config_providers;
mod converters;
mod predicates;
mod registry;
mod steps;
mod transforms;
mod values;

pub use config_providers::{
    ConfigProviderPlugin, DirectoryConfigProvider, EnvVarConfigProvider, FileConfigProvider,
    config_providers,
};
pub use converters::{
    BooleanConverter, ByteArrayConverter, JsonConverter, Number, NumberConverter,
    SimpleHeaderConverter, StringConverter,
};
pub use registry::{
    ConverterPlugin, HeaderConverterPlugin, converter, converters, header_converter,
    header_converters,
};
pub use steps::{PredicatePlugin, TransformPlugin, predicates, transforms};
