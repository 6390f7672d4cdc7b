//! One file a transform. Those that work on a key or a value are made for one [`Side`](millrace_api::Side), and have a
//! class name for each.

mod cast;
mod dates;
mod drop_headers;
mod explode;
mod extract_field;
mod extract_topic;
mod filter;
mod filter_by_condition;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod insert_trace_headers;
mod mask_field;
mod message_timestamp_router;
mod parse_json;
mod parse_text;
mod regex_router;
mod replace_field;
mod set_schema_metadata;
mod support;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

#[cfg(test)]
mod tests;

pub(crate) use cast::{Cast, CastConfig};
pub(crate) use drop_headers::{DropHeaders, DropHeadersConfig};
pub(crate) use explode::{Explode, ExplodeConfig};
pub(crate) use extract_field::{ExtractField, ExtractFieldConfig};
pub(crate) use extract_topic::{ExtractTopic, ExtractTopicConfig, Place};
pub(crate) use filter::Filter;
pub(crate) use filter_by_condition::{FilterByCondition, FilterByConditionConfig};
pub(crate) use flatten::{Flatten, FlattenConfig};
pub(crate) use header_from::{HeaderFrom, HeaderFromConfig};
pub(crate) use hoist_field::{HoistField, HoistFieldConfig};
pub(crate) use insert_field::{InsertField, InsertFieldConfig};
pub(crate) use insert_header::{InsertHeader, InsertHeaderConfig};
pub(crate) use insert_trace_headers::{InsertTraceHeaders, InsertTraceHeadersConfig};
pub(crate) use mask_field::{MaskField, MaskFieldConfig};
pub(crate) use message_timestamp_router::{MessageTimestampRouter, MessageTimestampRouterConfig};
pub(crate) use parse_json::{ParseJson, ParseJsonConfig};
pub(crate) use parse_text::{ParseText, Syntax};
pub(crate) use regex_router::{RegexRouter, RegexRouterConfig};
pub(crate) use replace_field::{ReplaceField, ReplaceFieldConfig};
pub(crate) use set_schema_metadata::{SetSchemaMetadata, SetSchemaMetadataConfig};
pub(crate) use support::{JavaRegex, class_of, type_name, valid_regex};
pub(crate) use timestamp_converter::{TimestampConverter, TimestampConverterConfig};
pub(crate) use timestamp_router::{TimestampRouter, TimestampRouterConfig};
pub(crate) use value_to_key::{ValueToKey, ValueToKeyConfig};
