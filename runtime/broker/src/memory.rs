//! The in-memory link: a client in the same process calls the broker in its own task, without sockets.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::pool::Pool;
use tokio_util::sync::CancellationToken;

use crate::Broker;
use crate::call::{Answer, Connection};
use crate::metrics::OpenConnection;

/// What metrics call the connections of the same process, which come in by no listener.
const LISTENER: &str = "IN_PROCESS";

/// Opens in-memory links to one broker, whatever host and port it is asked for.
#[derive(Debug, Clone)]
pub struct MemoryDial {
    broker: Broker,
}

impl MemoryDial {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker }
    }
}

#[async_trait]
impl Dial for MemoryDial {
    async fn dial(&self, _host: &str, _port: u16) -> Result<Arc<dyn Link>, LinkError> {
        if self.broker.is_stopping() {
            return Err(closed_error());
        }
        let counts = &self.broker.core.metrics.connections;
        let link = MemoryLink {
            _open: counts.of(LISTENER).open(),
            connection: Arc::new(self.broker.memory_connection()),
            closed: self.broker.stopping().child_token(),
            broker: self.broker.clone(),
        };
        Ok(Arc::new(link))
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct MemoryLink {
    _open: OpenConnection,
    broker: Broker,
    connection: Arc<Connection>,
    closed: CancellationToken,
}

impl Link for MemoryLink {
    fn call(&self, request: Frame, reply: Reply) -> CallFuture {
        let broker = self.broker.clone();
        let connection = Arc::clone(&self.connection);
        let closed = self.closed.clone();
        Box::pin(async move {
            if closed.is_cancelled() {
                return Err(closed_error());
            }
            let answer = async {
                match broker.call(&connection, request).await {
                    Answer::Reply(frame) => Some(frame),
                    Answer::Later(frame) => Some(frame.await),
                    Answer::Silent if reply == Reply::None => Some(Frame::new()),
                    Answer::Silent | Answer::Close => None,
                }
            };
            let frame = tokio::select! {
                biased;
                frame = answer => frame,
                () = closed.cancelled() => None,
            };
            let Some(frame) = frame else {
                closed.cancel();
                return Err(closed_error());
            };
            match reply {
                Reply::None => Ok(None),
                Reply::Expected => {
                    let answer = frame.into_contiguous(Pool::global());
                    answer
                        .map(Some)
                        .map_err(|error| LinkError::FileRange(error.to_string()))
                }
            }
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn close(&self) {
        self.closed.cancel();
    }
}

fn closed_error() -> LinkError {
    LinkError::Closed {
        address: "the included broker".to_owned(),
    }
}
