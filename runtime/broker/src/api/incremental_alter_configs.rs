//! IncrementalAlterConfigs (44): changes single keys of topics and of the node.

use millrace_wire::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource,
    IncrementalAlterConfigsResponse,
};

use super::config_target::{Target, refuse_repeated, repeated, row};
use crate::call::Ctx;
use crate::config::{self, Refused, Scope};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let resources = request.resources;
    let repeated = repeated(
        resources
            .iter()
            .map(|resource| (resource.resource_type, resource.resource_name.as_str())),
    );
    let mut responses = Vec::with_capacity(resources.len());
    for resource in resources {
        let outcome =
            if repeated.contains(&(resource.resource_type, resource.resource_name.clone())) {
                Err(refuse_repeated())
            } else {
                alter(ctx, &resource, request.validate_only).await
            };
        responses.push(row(resource.resource_type, resource.resource_name, outcome));
    }
    IncrementalAlterConfigsResponse {
        throttle_time_ms: 0,
        responses,
    }
}

async fn alter(
    ctx: &Ctx<'_>,
    resource: &IncrementalAlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refused> {
    let first_key = resource.configs.first().map_or("", |key| key.name.as_str());
    let target = Target::of(
        ctx,
        resource.resource_type,
        &resource.resource_name,
        first_key,
    )?;
    let scope = match target {
        Target::Topic(_) => Scope::Topic,
        Target::Broker(_) => Scope::Broker,
    };
    target
        .change(ctx, validate_only, |current| {
            config::apply(scope, current, &resource.configs)
        })
        .await
}
