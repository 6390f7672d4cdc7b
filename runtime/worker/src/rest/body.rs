//! Reading request bodies: bounded in bytes each and all together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::answer::Answer;

/// How long a refused body is read and thrown away, so that a client that only listens when it has sent everything
/// gets the refusal.
const DISCARD_WITHIN: Duration = Duration::from_secs(20);
/// How much of a refused body is thrown away at most.
const DISCARD_MAX: u64 = 1 << 30;
/// How long a client may take to send a body.
const RECEIVE_WITHIN: Duration = Duration::from_secs(90);

/// The bounds of bodies.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    max: usize,
    /// KiB that bodies in progress may hold together.
    budget: Arc<Semaphore>,
}

impl Bodies {
    /// Bodies of at most `max` bytes; two of the largest at a time.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            budget: Arc::new(Semaphore::new(2 * kibibytes(max) as usize)),
        }
    }

    /// Reads a body whole.
    ///
    /// # Errors
    /// The answer to a body that is too large, too slow or breaks off.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Answer> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.max as u64) {
            return Err(self.refuse(headers, body, 0).await);
        }
        let needed = announced.map_or(self.max, |length| length as usize);
        let _held = self.budget.acquire_many(kibibytes(needed)).await;
        match tokio::time::timeout(
            RECEIVE_WITHIN,
            self.collect(headers, body, needed.min(64 * 1024)),
        )
        .await
        {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(Answer::error(
                StatusCode::REQUEST_TIMEOUT,
                "the request body did not arrive within 90 s",
            )),
        }
    }

    async fn collect(
        &self,
        headers: &HeaderMap,
        mut body: Body,
        capacity: usize,
    ) -> Result<Vec<u8>, Answer> {
        let mut bytes = Vec::with_capacity(capacity);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Answer::error(
                    StatusCode::BAD_REQUEST,
                    &format!("the request body broke off: {error}"),
                )
            })?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if bytes.len() + data.len() > self.max {
                let read = (bytes.len() + data.len()) as u64;
                drop(bytes);
                return Err(self.refuse(headers, body, read).await);
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    /// The refusal of a body that is too large. A client that waits for leave to send gets it at once, any other
    /// when what it sends was thrown away.
    async fn refuse(&self, headers: &HeaderMap, mut body: Body, already_read: u64) -> Answer {
        let discard = async {
            let mut discarded = already_read;
            while let Some(Ok(frame)) = body.frame().await {
                discarded += frame.data_ref().map_or(0, |data| data.len() as u64);
                if discarded > DISCARD_MAX {
                    return;
                }
            }
        };
        if !headers.contains_key(header::EXPECT) {
            // When the time is over the client hears the refusal, or finds the connection closed.
            drop(tokio::time::timeout(DISCARD_WITHIN, discard).await);
        }
        let text = format!(
            "the request body is larger than {} bytes; rest.request.max.bytes of the worker sets that limit",
            self.max
        );
        Answer::error(StatusCode::PAYLOAD_TOO_LARGE, &text).with(header::CONNECTION, "close")
    }
}

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
