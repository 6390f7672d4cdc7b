//! Whose configuration a request means: what DescribeConfigs, AlterConfigs and IncrementalAlterConfigs share.

use std::sync::Arc;

use millrace_config::Properties;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::AlterConfigsResourceResponse;
use millrace_wire::messages::config_resource::{
    BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC,
};

use crate::broker_configs::Layer;
use crate::call::Ctx;
use crate::config::Refused;
use crate::topics::{self, Topic, TopicError};

/// A configuration that can change.
pub(super) enum Target {
    Topic(Arc<Topic>),
    Broker(Layer),
}

impl Target {
    /// What a resource of a change stands for; `first_key` is a key that is to change.
    pub(super) fn of(
        ctx: &Ctx<'_>,
        resource_type: i8,
        name: &str,
        first_key: &str,
    ) -> Result<Target, Refused> {
        match resource_type {
            TOPIC => topic(ctx, name).map(Target::Topic),
            BROKER if name.is_empty() => Ok(Target::Broker(Layer::Cluster)),
            BROKER => check_node_id(ctx, name).map(|()| Target::Broker(Layer::Node)),
            BROKER_LOGGER => {
                check_node_id(ctx, name)?;
                Err(invalid_request(
                    "The log levels of this broker are set by its logging configuration, or by the worker's REST API \
                     (/admin/loggers).",
                ))
            }
            CLIENT_METRICS => Err(invalid_request(format!(
                "Unknown client metrics configuration: {first_key}"
            ))),
            GROUP => Err((
                ErrorCode::INVALID_CONFIG,
                format!("Unknown group config name: {first_key}"),
            )),
            _ => Err(invalid_request(format!(
                "Unknown resource type {resource_type}"
            ))),
        }
    }

    /// Puts in place what `change` makes of the configuration, or only checks it.
    pub(super) async fn change(
        self,
        ctx: &Ctx<'_>,
        validate_only: bool,
        change: impl FnOnce(&Properties) -> Result<Properties, Refused>,
    ) -> Result<(), Refused> {
        match self {
            Target::Topic(topic) => {
                let _configuring = ctx.core.topics.configuring.lock().await;
                // Somebody may have changed or deleted it since it was found.
                let topic = self::topic(ctx, &topic.name)?;
                let overrides = change(topic.config.overrides())?;
                configure(ctx, &topic, overrides, validate_only)
                    .await
                    .map_err(|error| (error.code(), error.to_string()))
            }
            Target::Broker(layer) => {
                ctx.core
                    .broker_configs
                    .change(&ctx.core.topics, layer, validate_only, change)
                    .await
            }
        }
    }
}

async fn configure(
    ctx: &Ctx<'_>,
    topic: &Topic,
    overrides: Properties,
    validate_only: bool,
) -> Result<(), TopicError> {
    if !validate_only {
        return ctx.core.topics.configure(&topic.name, overrides).await;
    }
    let own = overrides
        .iter()
        .map(|(key, value)| (key.as_str(), Some(value.as_str())));
    ctx.core.topics.defaults().with_overrides(own)?;
    Ok(())
}

fn topic(ctx: &Ctx<'_>, name: &str) -> Result<Arc<Topic>, Refused> {
    if name.is_empty() {
        return Err(invalid_request("Default topic resources are not allowed."));
    }
    topics::check_name(name)?;
    ctx.core.topics.get(name).ok_or_else(|| {
        (
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            format!("The topic '{name}' does not exist."),
        )
    })
}

/// Refuses the name of a node that is not this one.
pub(super) fn check_node_id(ctx: &Ctx<'_>, name: &str) -> Result<(), Refused> {
    let node_id = ctx.core.config.node_id;
    match name.parse::<i32>() {
        Ok(id) if id == node_id => Ok(()),
        Ok(_) => Err(invalid_request(format!(
            "Unexpected broker id, expected {node_id}, but received {name}"
        ))),
        Err(_) => Err(invalid_request(format!(
            "Node id must be an integer, but it is: {name}"
        ))),
    }
}

pub(super) fn invalid_request(message: impl Into<String>) -> Refused {
    (ErrorCode::INVALID_REQUEST, message.into())
}

/// The row that tells what became of a resource.
pub(super) fn row(
    resource_type: i8,
    resource_name: String,
    outcome: Result<(), Refused>,
) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((error_code, message)) => (error_code, Some(message)),
    };
    AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type,
        resource_name,
    }
}

/// The resources that a request names more than once.
pub(super) fn repeated<'a>(resources: impl Iterator<Item = (i8, &'a str)>) -> Vec<(i8, String)> {
    let mut seen = std::collections::HashSet::new();
    resources
        .filter(|resource| !seen.insert(*resource))
        .map(|(resource_type, name)| (resource_type, name.to_owned()))
        .collect()
}

/// What is said of a resource that is named more than once.
pub(super) fn refuse_repeated() -> Refused {
    invalid_request("Each resource must appear at most once.")
}
