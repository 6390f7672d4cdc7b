//! The transforms and predicates by class name.

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{Predicate, Side, Transform};

use crate::predicates::{
    HasHeaderKey, HasHeaderKeyConfig, RecordIsTombstone, TopicNameMatches, TopicNameMatchesConfig,
};
use crate::transforms::{
    Cast, CastConfig, DropHeaders, DropHeadersConfig, ExtractField, ExtractFieldConfig, Filter,
    Flatten, FlattenConfig, HeaderFrom, HeaderFromConfig, HoistField, HoistFieldConfig,
    InsertField, InsertFieldConfig, InsertHeader, InsertHeaderConfig, MaskField, MaskFieldConfig,
    RegexRouter, RegexRouterConfig, ReplaceField, ReplaceFieldConfig, SetSchemaMetadata,
    SetSchemaMetadataConfig, TimestampConverter, TimestampConverterConfig, TimestampRouter,
    TimestampRouterConfig, ValueToKey, ValueToKeyConfig,
};

/// A transform.
#[derive(Debug, Clone, Copy)]
pub struct TransformPlugin {
    /// The full class name; Java's for Kafka's own.
    pub class: &'static str,
    /// The keys below its prefix.
    pub definition: fn() -> ConfigDef,
    /// A new instance, to be configured.
    pub create: fn() -> Box<dyn Transform>,
}

/// A predicate.
#[derive(Debug, Clone, Copy)]
pub struct PredicatePlugin {
    /// The full class name; Java's for Kafka's own.
    pub class: &'static str,
    /// The keys below its prefix.
    pub definition: fn() -> ConfigDef,
    /// A new instance, to be configured.
    pub create: fn() -> Box<dyn Predicate>,
}

macro_rules! kafka {
    ($name:literal) => {
        concat!("org.apache.kafka.connect.transforms.", $name)
    };
}

/// Rows of the tables below.
macro_rules! plugins {
    ($plugin:ident: $($class:expr, $definition:expr, $create:expr;)*) => {
        &[$($plugin { class: $class, definition: $definition, create: || Box::new($create) }),*]
    };
}

static TRANSFORMS: &[TransformPlugin] = plugins![TransformPlugin:
    kafka!("Cast$Key"), CastConfig::definition, Cast::new(Side::Key);
    kafka!("Cast$Value"), CastConfig::definition, Cast::new(Side::Value);
    kafka!("DropHeaders"), DropHeadersConfig::definition, DropHeaders::default();
    kafka!("ExtractField$Key"), ExtractFieldConfig::definition, ExtractField::new(Side::Key);
    kafka!("ExtractField$Value"), ExtractFieldConfig::definition, ExtractField::new(Side::Value);
    kafka!("Filter"), ConfigDef::new, Filter;
    kafka!("Flatten$Key"), FlattenConfig::definition, Flatten::new(Side::Key);
    kafka!("Flatten$Value"), FlattenConfig::definition, Flatten::new(Side::Value);
    kafka!("HeaderFrom$Key"), HeaderFromConfig::definition, HeaderFrom::new(Side::Key);
    kafka!("HeaderFrom$Value"), HeaderFromConfig::definition, HeaderFrom::new(Side::Value);
    kafka!("HoistField$Key"), HoistFieldConfig::definition, HoistField::new(Side::Key);
    kafka!("HoistField$Value"), HoistFieldConfig::definition, HoistField::new(Side::Value);
    kafka!("InsertField$Key"), InsertFieldConfig::definition, InsertField::new(Side::Key);
    kafka!("InsertField$Value"), InsertFieldConfig::definition, InsertField::new(Side::Value);
    kafka!("InsertHeader"), InsertHeaderConfig::definition, InsertHeader::default();
    kafka!("MaskField$Key"), MaskFieldConfig::definition, MaskField::new(Side::Key);
    kafka!("MaskField$Value"), MaskFieldConfig::definition, MaskField::new(Side::Value);
    kafka!("RegexRouter"), RegexRouterConfig::definition, RegexRouter::default();
    kafka!("ReplaceField$Key"), ReplaceFieldConfig::definition, ReplaceField::new(Side::Key);
    kafka!("ReplaceField$Value"), ReplaceFieldConfig::definition, ReplaceField::new(Side::Value);
    kafka!("SetSchemaMetadata$Key"), SetSchemaMetadataConfig::definition, SetSchemaMetadata::new(Side::Key);
    kafka!("SetSchemaMetadata$Value"), SetSchemaMetadataConfig::definition, SetSchemaMetadata::new(Side::Value);
    kafka!("TimestampConverter$Key"), TimestampConverterConfig::definition, TimestampConverter::new(Side::Key);
    kafka!("TimestampConverter$Value"), TimestampConverterConfig::definition, TimestampConverter::new(Side::Value);
    kafka!("TimestampRouter"), TimestampRouterConfig::definition, TimestampRouter::default();
    kafka!("ValueToKey"), ValueToKeyConfig::definition, ValueToKey::default();
];

static PREDICATES: &[PredicatePlugin] = plugins![PredicatePlugin:
    kafka!("predicates.HasHeaderKey"), HasHeaderKeyConfig::definition, HasHeaderKey::default();
    kafka!("predicates.RecordIsTombstone"), ConfigDef::new, RecordIsTombstone;
    kafka!("predicates.TopicNameMatches"), TopicNameMatchesConfig::definition, TopicNameMatches::default();
];

/// All transforms.
pub fn transforms() -> &'static [TransformPlugin] {
    TRANSFORMS
}

/// All predicates.
pub fn predicates() -> &'static [PredicatePlugin] {
    PREDICATES
}
