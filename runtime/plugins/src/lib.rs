//! The stock converters, as Kafka Connect has them, under Java's class names.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod converters;
mod registry;
mod values;

pub use converters::{
    BooleanConverter, ByteArrayConverter, JsonConverter, Number, NumberConverter,
    SimpleHeaderConverter, StringConverter,
};
pub use registry::{
    ConverterPlugin, HeaderConverterPlugin, converter, converters, header_converter,
    header_converters,
};
