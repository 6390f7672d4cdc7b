//! The one entry to the broker: a request frame comes in, an answer goes out.
//!
//! The TCP listener and the in-memory link are thin callers of [`Broker::call`]. A frame that cannot be read,
//! a key that is not served or a version that is not spoken ends the connection without an answer, as in Apache
//! Kafka; the exception is ApiVersions, which answers every version.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use millrace_wire::codec::{DecodeError, Decoder, EncodeError};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::frame::Frame;
use millrace_wire::messages::{
    ApiKey, Request, RequestHeader, UnknownApiKey, decode_request_header, encode_response,
};

use crate::Broker;
use crate::apis;
use crate::config::Endpoint;
use crate::core::Core;

/// What stands for the address of a caller in the broker's own process.
pub(crate) const IN_PROCESS: &str = "/in-process";

/// What the broker knows of who calls.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Where clients of this connection's listener are told to connect.
    pub(crate) advertised: Endpoint,
    /// The client's address as Kafka shows it: a slash and the address.
    pub(crate) client_host: String,
}

/// What a call comes to.
pub enum Answer {
    /// Send this.
    Reply(Frame),
    /// Send what this gives, after the answers before it; the connection's next request may be called meanwhile.
    Later(BoxFuture<'static, Frame>),
    /// Send nothing.
    Silent,
    /// Close the connection.
    Close,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Reply(_) => "Reply",
            Answer::Later(_) => "Later",
            Answer::Silent => "Silent",
            Answer::Close => "Close",
        })
    }
}

/// Why a call ends its connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    UnknownKey(#[from] UnknownApiKey),
    #[error("{0:?} is not served in version {1}")]
    UnsupportedVersion(ApiKey, i16),
    #[error("malformed request: {0}")]
    Malformed(#[from] DecodeError),
    #[error("cannot encode the answer: {0}")]
    Answer(#[from] EncodeError),
}

impl CallError {
    /// Kafka's code for it, which nobody is told but those who read the metrics.
    fn code(&self) -> ErrorCode {
        match self {
            CallError::UnknownKey(_) | CallError::Malformed(_) => ErrorCode::INVALID_REQUEST,
            CallError::UnsupportedVersion(..) => ErrorCode::UNSUPPORTED_VERSION,
            CallError::Answer(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
        }
    }
}

/// What a handler is given beside its request.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) connection: &'a Connection,
    pub(crate) header: &'a RequestHeader,
}

impl Ctx<'_> {
    /// The client's name for itself, empty where it has none.
    pub(crate) fn client_id(&self) -> &str {
        self.header.client_id.as_deref().unwrap_or_default()
    }

    /// Encodes the answer to a request of type `R`.
    pub(crate) fn encode<R: Request>(
        &self,
        version: i16,
        response: &R::Response,
    ) -> Result<Frame, EncodeError> {
        self.core.metrics.requests.of(R::KEY).answered(response);
        encode_response(R::KEY, version, self.header.correlation_id, response)
    }
}

impl Broker {
    /// Serves one request.
    ///
    /// What a request does to a log is done when the future is first polled, so requests take effect in the order
    /// of their first polls.
    pub async fn call(&self, connection: &Connection, request: Frame) -> Answer {
        match serve(&self.core, connection, request).await {
            Ok(answer) => answer,
            Err(error) => {
                log::debug!(
                    "closing the connection of {}: {error}",
                    connection.client_host
                );
                Answer::Close
            }
        }
    }
}

async fn serve(
    core: &Arc<Core>,
    connection: &Connection,
    request: Frame,
) -> Result<Answer, CallError> {
    let arrived = core.clock.monotonic();
    let mut body = Decoder::from_frame(request)?;
    let header = decode_request_header(&mut body)?;
    let key = ApiKey::try_from(header.api_key)?;
    let ctx = Ctx {
        core,
        connection,
        header: &header,
    };
    match apis::dispatch(&ctx, key, body).await {
        Ok(answer) => Ok(timed(core, key, arrived, answer)),
        Err(error) => {
            core.metrics.requests.of(key).failed(error.code());
            Err(error)
        }
    }
}

/// Has the answer's time counted: now, or when it is there.
fn timed(core: &Arc<Core>, key: ApiKey, arrived: Duration, answer: Answer) -> Answer {
    let core = Arc::clone(core);
    let finish = move || {
        let took = core.clock.monotonic().saturating_sub(arrived);
        core.metrics.requests.of(key).finished(took);
    };
    let Answer::Later(frame) = answer else {
        finish();
        return answer;
    };
    Answer::Later(Box::pin(async move {
        let frame = frame.await;
        finish();
        frame
    }))
}
