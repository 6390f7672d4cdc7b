//! AlterConfigs (33): replaces the whole configuration of topics and of the node.

use millrace_config::Properties;
use millrace_wire::messages::{AlterConfigsRequest, AlterConfigsResource, AlterConfigsResponse};

use super::config_target::{Target, refuse_repeated, repeated, row};
use crate::call::Ctx;
use crate::config::{self, Refused};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let resources = request.resources;
    let repeated = repeated(
        resources
            .iter()
            .map(|resource| (resource.resource_type, resource.resource_name.as_str())),
    );
    let mut responses = Vec::with_capacity(resources.len());
    for resource in resources {
        let (kind, name) = (resource.resource_type, resource.resource_name.clone());
        let outcome = if repeated.contains(&(kind, name.clone())) {
            Err(refuse_repeated())
        } else {
            alter(ctx, resource, request.validate_only).await
        };
        responses.push(row(kind, name, outcome));
    }
    AlterConfigsResponse {
        throttle_time_ms: 0,
        responses,
    }
}

async fn alter(
    ctx: &Ctx<'_>,
    resource: AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refused> {
    let keys = resource.configs.iter();
    config::check_names(keys.map(|key| (key.name.as_str(), key.value.is_none())))?;
    let first_key = resource.configs.first().map_or("", |key| key.name.as_str());
    let target = Target::of(
        ctx,
        resource.resource_type,
        &resource.resource_name,
        first_key,
    )?;
    let replaced: Properties = resource
        .configs
        .into_iter()
        .filter_map(|key| Some((key.name, key.value?)))
        .collect();
    target.change(ctx, validate_only, |_| Ok(replaced)).await
}
