//! ListConfigResources (74): what has a configuration: topics, and the node with its log levels.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::config_resource::{
    BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC,
};
use millrace_wire::messages::{
    ListConfigResourcesRequest, ListConfigResourcesResponse, ListedConfigResource,
};

use crate::call::Ctx;

const ALL: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let kinds = match version {
        0 => vec![CLIENT_METRICS],
        _ if request.resource_types.is_empty() => ALL.to_vec(),
        _ => request.resource_types,
    };
    if kinds.iter().any(|kind| !ALL.contains(kind)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            ..Default::default()
        };
    }
    let node = ctx.core.config.node_id.to_string();
    let mut config_resources = Vec::new();
    for kind in kinds {
        let names = match kind {
            TOPIC => {
                let topics = ctx.core.topics.all();
                topics.iter().map(|topic| topic.name.to_string()).collect()
            }
            BROKER | BROKER_LOGGER => vec![node.clone()],
            // They have nothing to configure here.
            _ => Vec::new(),
        };
        config_resources.extend(names.into_iter().map(|resource_name| ListedConfigResource {
            resource_name,
            resource_type: kind,
        }));
    }
    ListConfigResourcesResponse {
        config_resources,
        ..Default::default()
    }
}
