//! Metadata (3): the node, and the topics asked for; creates topics that are named and missing.

use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};

use super::operations;
use crate::call::Ctx;
use crate::topics::{self, OFFSETS_TOPIC, Topic};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: MetadataRequest,
) -> MetadataResponse {
    let config = &ctx.core.config;
    let endpoint = &ctx.connection.advertised;
    let topics = match &request.topics {
        Some(named) if version > 0 || !named.is_empty() => {
            named_topics(ctx, version, &request, named).await
        }
        _ => ctx
            .core
            .topics
            .all()
            .iter()
            .map(|topic| describe(ctx, topic, &request))
            .collect(),
    };
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: config.node_id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: None,
        }],
        cluster_id: Some(ctx.core.cluster_id.clone()),
        controller_id: config.node_id,
        topics,
        cluster_authorized_operations: operations::of(
            operations::CLUSTER,
            request.include_cluster_authorized_operations,
        ),
        ..Default::default()
    }
}

async fn named_topics(
    ctx: &Ctx<'_>,
    version: i16,
    request: &MetadataRequest,
    named: &[MetadataRequestTopic],
) -> Vec<MetadataResponseTopic> {
    let mut described = Vec::with_capacity(named.len());
    for asked in named {
        described.push(match find(ctx, version, request, asked).await {
            Ok(topic) => describe(ctx, &topic, request),
            Err(error_code) => MetadataResponseTopic {
                error_code,
                // Versions below 12 cannot say null.
                name: asked
                    .name
                    .clone()
                    .or_else(|| (version < 12).then(String::new)),
                topic_id: asked.topic_id,
                is_internal: asked.name.as_deref().is_some_and(topics::is_internal),
                ..Default::default()
            },
        });
    }
    described
}

async fn find(
    ctx: &Ctx<'_>,
    version: i16,
    request: &MetadataRequest,
    asked: &MetadataRequestTopic,
) -> Result<Arc<Topic>, ErrorCode> {
    let Some(name) = &asked.name else {
        if version < 12 {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        return ctx
            .core
            .topics
            .get_by_id(asked.topic_id)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_ID);
    };
    if !asked.topic_id.is_zero() && version < 12 {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if let Some(topic) = ctx.core.topics.get(name) {
        return Ok(topic);
    }
    topics::check_name(name).map_err(|(code, _)| code)?;
    let may_create = request.allow_auto_topic_creation || version < 4;
    if !may_create || !ctx.core.config.auto_create_topics {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    create(ctx, name).await
}

async fn create(ctx: &Ctx<'_>, name: &str) -> Result<Arc<Topic>, ErrorCode> {
    let created = if name == OFFSETS_TOPIC {
        ctx.core.offsets_topic().await
    } else {
        let topics = &ctx.core.topics;
        let config = (*topics.defaults()).clone();
        topics
            .get_or_create(name, ctx.core.config.partitions_default, config)
            .await
    };
    created.map_err(|error| {
        log::warn!("cannot create topic {name}: {error}");
        error.code()
    })
}

fn describe(ctx: &Ctx<'_>, topic: &Topic, request: &MetadataRequest) -> MetadataResponseTopic {
    let node_id = ctx.core.config.node_id;
    let partitions = topic
        .partitions
        .iter()
        .map(|partition| MetadataResponsePartition {
            error_code: ErrorCode::NONE,
            partition_index: partition.index(),
            leader_id: node_id,
            leader_epoch: partition.log.leader_epoch(),
            replica_nodes: vec![node_id],
            isr_nodes: vec![node_id],
            offline_replicas: Vec::new(),
        })
        .collect();
    MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topics::is_internal(&topic.name),
        partitions,
        topic_authorized_operations: operations::of(
            operations::TOPIC,
            request.include_topic_authorized_operations,
        ),
    }
}
