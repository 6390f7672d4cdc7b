//! DeleteTopics (20): by name, and from version 6 by id. A deleted name is free at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use crate::call::Ctx;
use crate::topics::{self, Topic};

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let asked = if version >= 6 {
        request.topics
    } else {
        let by_name = |name| DeleteTopicState {
            name: Some(name),
            ..Default::default()
        };
        request.topic_names.into_iter().map(by_name).collect()
    };
    let mut named: HashMap<DeleteKey, usize> = HashMap::new();
    for topic in &asked {
        *named.entry(key(topic)).or_default() += 1;
    }
    let mut responses = Vec::with_capacity(asked.len());
    for topic in asked {
        // Of a topic that is listed twice one row tells so.
        let outcome = match named.remove(&key(&topic)) {
            None => continue,
            Some(1) => delete(ctx, version, &topic).await,
            Some(_) => Err(ErrorCode::INVALID_REQUEST),
        };
        responses.push(respond(topic, outcome));
    }
    DeleteTopicsResponse {
        throttle_time_ms: 0,
        responses,
    }
}

type DeleteKey = (Option<String>, [u8; 16]);

fn key(topic: &DeleteTopicState) -> DeleteKey {
    (topic.name.clone(), topic.topic_id.0)
}

async fn delete(
    ctx: &Ctx<'_>,
    version: i16,
    asked: &DeleteTopicState,
) -> Result<Arc<Topic>, ErrorCode> {
    if !ctx.core.config.delete_topics {
        return Err(if version < 3 {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        });
    }
    let topics = &ctx.core.topics;
    let topic = match (&asked.name, asked.topic_id.is_zero()) {
        (Some(name), true) => topics
            .get(name)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?,
        (None, false) => topics
            .get_by_id(asked.topic_id)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?,
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    if topics::is_internal(&topic.name) {
        // The groups in use live in it.
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    topics.delete(topic.id).await.map_err(|error| {
        log::warn!("cannot delete topic {}: {error}", topic.name);
        error.code()
    })?;
    ctx.core
        .groups
        .forget_topics(&BTreeSet::from([topic.name.to_string()]));
    Ok(topic)
}

fn respond(
    asked: DeleteTopicState,
    outcome: Result<Arc<Topic>, ErrorCode>,
) -> DeletableTopicResult {
    match outcome {
        Ok(topic) => DeletableTopicResult {
            name: Some(topic.name.to_string()),
            topic_id: topic.id,
            ..Default::default()
        },
        Err(error_code) => DeletableTopicResult {
            name: asked.name,
            topic_id: asked.topic_id,
            error_code,
            // Clients know the code's own words.
            error_message: None,
        },
    }
}
