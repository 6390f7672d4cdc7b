//! DescribeConfigs (32): every key of topics and of the node, with the values it could have.

use millrace_config::Type;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::config_resource::{
    BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC,
};
use millrace_wire::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

use super::config_target::check_node_id;
use crate::call::Ctx;
use crate::config::{self, ConfigEntry, ConfigSource};
use crate::topics;

/// What Apache Kafka calls the logger above all others.
const ROOT_LOGGER: &str = "root";

/// Why a resource is not described: a code, and words where the code does not say it all.
type NotDescribed = (ErrorCode, Option<String>);

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request
        .resources
        .iter()
        .map(|resource| describe(ctx, &request, resource))
        .collect();
    DescribeConfigsResponse {
        throttle_time_ms: 0,
        results,
    }
}

fn describe(
    ctx: &Ctx<'_>,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> DescribeConfigsResult {
    let (error_code, error_message, entries) = match entries(ctx, resource) {
        Ok(entries) => (ErrorCode::NONE, None, entries),
        Err((error_code, message)) => (error_code, message, Vec::new()),
    };
    let is_asked = |entry: &ConfigEntry| match &resource.configuration_keys {
        Some(keys) => keys.contains(&entry.name),
        None => true,
    };
    DescribeConfigsResult {
        error_code,
        error_message,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        configs: entries
            .into_iter()
            .filter(is_asked)
            .map(|entry| shown(request, entry))
            .collect(),
    }
}

fn entries(
    ctx: &Ctx<'_>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<ConfigEntry>, NotDescribed> {
    let name = resource.resource_name.as_str();
    let in_words = |(error_code, message): config::Refused| (error_code, Some(message));
    match resource.resource_type {
        TOPIC => {
            topics::check_name(name).map_err(in_words)?;
            let topic = ctx.core.topics.get(name);
            topic
                .map(|topic| topic.config.entries())
                .ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None))
        }
        BROKER => {
            let layers = ctx.core.broker_configs.layers();
            if name.is_empty() {
                return Ok(config::of_cluster(&layers));
            }
            check_node_id(ctx, name).map_err(in_words)?;
            Ok(config::of_node(&layers, ctx.core.config.node_id))
        }
        BROKER_LOGGER => {
            check_node_id(ctx, name).map_err(in_words)?;
            Ok(vec![root_logger()])
        }
        // They have nothing to configure here.
        CLIENT_METRICS | GROUP => Ok(Vec::new()),
        _ => Err((ErrorCode::INVALID_REQUEST, None)),
    }
}

fn root_logger() -> ConfigEntry {
    ConfigEntry {
        name: ROOT_LOGGER.to_owned(),
        value: Some(log::max_level().as_str().to_owned()),
        is_read_only: true,
        is_secret: false,
        source: ConfigSource::DynamicBrokerLogger,
        synonyms: Vec::new(),
        kind: None,
        documentation: None,
    }
}

fn shown(request: &DescribeConfigsRequest, entry: ConfigEntry) -> DescribeConfigsResourceResult {
    let synonyms = entry
        .synonyms
        .into_iter()
        .filter(|_| request.include_synonyms)
        .map(|synonym| DescribeConfigsSynonym {
            name: synonym.name,
            value: synonym.value,
            source: synonym.source as i8,
        });
    DescribeConfigsResourceResult {
        synonyms: synonyms.collect(),
        name: entry.name,
        value: entry.value,
        read_only: entry.is_read_only,
        config_source: entry.source as i8,
        is_sensitive: entry.is_secret,
        config_type: type_code(entry.kind),
        documentation: entry
            .documentation
            .filter(|_| request.include_documentation),
    }
}

/// The code of a type; 0 for one that is not known.
fn type_code(kind: Option<Type>) -> i8 {
    match kind {
        None => 0,
        Some(Type::Boolean) => 1,
        Some(Type::String) => 2,
        Some(Type::Int) => 3,
        Some(Type::Short) => 4,
        Some(Type::Long) => 5,
        Some(Type::Double) => 6,
        Some(Type::List) => 7,
        Some(Type::Class) => 8,
        Some(Type::Password) => 9,
    }
}
