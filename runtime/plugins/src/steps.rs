//! The transforms and predicates by class name.

use millrace_api::config::{Config, ConfigDef};
use millrace_api::{Predicate, Side, Transform};

use crate::predicates::{
    HasHeaderKey, HasHeaderKeyConfig, MeetsCondition, MeetsConditionConfig, RecordIsTombstone,
    TopicNameMatches, TopicNameMatchesConfig,
};
use crate::transforms::{
    Cast, CastConfig, DropHeaders, DropHeadersConfig, Explode, ExplodeConfig, ExtractField,
    ExtractFieldConfig, ExtractTopic, ExtractTopicConfig, Filter, FilterByCondition,
    FilterByConditionConfig, Flatten, FlattenConfig, HeaderFrom, HeaderFromConfig, HoistField,
    HoistFieldConfig, InsertField, InsertFieldConfig, InsertHeader, InsertHeaderConfig,
    InsertTraceHeaders, InsertTraceHeadersConfig, MaskField, MaskFieldConfig,
    MessageTimestampRouter, MessageTimestampRouterConfig, ParseJson, ParseJsonConfig, ParseText,
    Place, RegexRouter, RegexRouterConfig, ReplaceField, ReplaceFieldConfig, SetSchemaMetadata,
    SetSchemaMetadataConfig, Syntax, TimestampConverter, TimestampConverterConfig, TimestampRouter,
    TimestampRouterConfig, ValueToKey, ValueToKeyConfig,
};

/// A transform.
#[derive(Debug, Clone, Copy)]
pub struct TransformPlugin {
    /// The full class name; Java's for Kafka's own.
    pub class: &'static str,
    /// Classes of others whose keys it understands.
    pub aliases: &'static [&'static str],
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
    /// Classes of others whose keys it understands.
    pub aliases: &'static [&'static str],
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

macro_rules! ours {
    ($name:literal) => {
        concat!("millrace.transforms.", $name)
    };
}

/// Rows of the tables below.
macro_rules! plugins {
    ($plugin:ident: $($class:expr $(=> $aliases:expr)?, $definition:expr, $create:expr;)*) => {
        &[$($plugin {
            class: $class,
            aliases: plugins!(@aliases $($aliases)?),
            definition: $definition,
            create: || Box::new($create),
        }),*]
    };
    (@aliases) => { &[] };
    (@aliases $aliases:expr) => { &$aliases };
}

/// ExtractTopic elsewhere, by the same keys.
macro_rules! extract_topic {
    ($form:literal) => {
        [
            concat!("io.confluent.connect.transforms.ExtractTopic$", $form),
            concat!("io.aiven.kafka.connect.transforms.ExtractTopic$", $form),
        ]
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
    ours!("Explode$Key"), ExplodeConfig::definition, Explode::new(Side::Key);
    ours!("Explode$Value"), ExplodeConfig::definition, Explode::new(Side::Value);
    ours!("ExtractTopic$Header") => ["io.confluent.connect.transforms.ExtractTopic$Header"], ExtractTopicConfig::definition, ExtractTopic::new(Place::Header);
    ours!("ExtractTopic$Key") => extract_topic!("Key"), ExtractTopicConfig::definition, ExtractTopic::new(Place::Side(Side::Key));
    ours!("ExtractTopic$Value") => extract_topic!("Value"), ExtractTopicConfig::definition, ExtractTopic::new(Place::Side(Side::Value));
    ours!("FilterByCondition"), FilterByConditionConfig::definition, FilterByCondition::default();
    ours!("InsertTraceHeaders"), InsertTraceHeadersConfig::definition, InsertTraceHeaders::default();
    ours!("MessageTimestampRouter") => ["io.confluent.connect.transforms.MessageTimestampRouter"], MessageTimestampRouterConfig::definition, MessageTimestampRouter::default();
    ours!("ParseGrok$Key"), || Syntax::Grok.definition(), ParseText::new(Syntax::Grok, Side::Key);
    ours!("ParseGrok$Value"), || Syntax::Grok.definition(), ParseText::new(Syntax::Grok, Side::Value);
    ours!("ParseJson$Key"), ParseJsonConfig::definition, ParseJson::new(Side::Key);
    ours!("ParseJson$Value"), ParseJsonConfig::definition, ParseJson::new(Side::Value);
    ours!("ParseRegex$Key"), || Syntax::Regex.definition(), ParseText::new(Syntax::Regex, Side::Key);
    ours!("ParseRegex$Value"), || Syntax::Regex.definition(), ParseText::new(Syntax::Regex, Side::Value);
];

static PREDICATES: &[PredicatePlugin] = plugins![PredicatePlugin:
    kafka!("predicates.HasHeaderKey"), HasHeaderKeyConfig::definition, HasHeaderKey::default();
    kafka!("predicates.RecordIsTombstone"), ConfigDef::new, RecordIsTombstone;
    kafka!("predicates.TopicNameMatches"), TopicNameMatchesConfig::definition, TopicNameMatches::default();
    ours!("predicates.MeetsCondition"), MeetsConditionConfig::definition, MeetsCondition::default();
];

/// All transforms.
pub fn transforms() -> &'static [TransformPlugin] {
    TRANSFORMS
}

/// All predicates.
pub fn predicates() -> &'static [PredicatePlugin] {
    PREDICATES
}
