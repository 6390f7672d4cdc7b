//! One client's connection: requests in, answers out in the order of their requests.
//!
//! At any time there is at most one request being called, and a queue of answers. The socket is read only while
//! nothing is being called and the queue has room, so a pipelining client is held back by the socket. A Produce
//! leaves its place at once with an answer that comes later (after the sync); the next request is then called while
//! that answer waits in the queue.

mod activity;
mod reader;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use millrace_wire::frame::Frame;
use tokio::net::TcpStream;

use crate::Broker;
use crate::call::{Answer, Connection};
use activity::Activity;
use reader::{ReadError, RequestReader};

/// Request bytes whose answers may wait; above it the socket is not read.
const WAITING_REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Requests whose answers may wait.
const WAITING_REQUESTS_MAX: usize = 1024;

/// How long a stopping broker waits for a request under way: a join may be parked for minutes.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Serves a connection until the peer leaves, misbehaves or falls silent, or the broker stops.
pub(crate) async fn serve(broker: Broker, connection: Connection, stream: TcpStream) {
    let host = connection.client_host.clone();
    let mut session = Session::new(broker, connection);
    match session.run(&stream).await {
        Ok(()) => log::debug!("connection of {host} ended"),
        Err(End::Read(error @ ReadError::Size { .. })) => {
            log::warn!("closing the connection of {host}: {error}")
        }
        Err(error) => log::debug!("closing the connection of {host}: {error}"),
    }
}

/// Why a connection ends without the peer's closing it between two requests.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot send: {0}")]
    Write(#[from] io::Error),
    #[error("idle for longer than connections.max.idle.ms")]
    Idle,
    #[error("the broker stops")]
    Stopped,
    #[error("the request is refused")]
    Refused,
}

struct Session {
    broker: Broker,
    connection: Arc<Connection>,
    reader: RequestReader,
    calling: Option<Calling>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    activity: Activity,
    leaving: bool,
}

/// The request being called, and its size.
struct Calling {
    call: BoxFuture<'static, Answer>,
    request_bytes: usize,
}

/// An answer in the queue, and the size of its request.
struct Waiting {
    answer: BoxFuture<'static, Frame>,
    request_bytes: usize,
}

enum Event {
    Called(Answer),
    Ready(Frame),
    Request(Option<Bytes>),
    Stop,
}

impl Session {
    fn new(broker: Broker, connection: Connection) -> Self {
        let config = broker.config();
        Self {
            reader: RequestReader::new(config.request_max_bytes),
            connection: Arc::new(connection),
            calling: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            activity: Activity::new(config.connection_idle_max),
            leaving: false,
            broker,
        }
    }

    async fn run(&mut self, stream: &TcpStream) -> Result<(), End> {
        loop {
            match self.next_event(stream).await? {
                Event::Called(answer) => self.called(answer)?,
                Event::Ready(frame) => self.send(stream, frame).await?,
                Event::Request(Some(request)) => self.call(request),
                Event::Request(None) | Event::Stop => self.leaving = true,
            }
            if self.leaving && self.calling.is_none() && self.waiting.is_empty() {
                return Ok(());
            }
        }
    }

    /// Waits for whatever comes first; nothing is lost of the others.
    async fn next_event(&mut self, stream: &TcpStream) -> Result<Event, End> {
        let may_read = !self.leaving
            && self.calling.is_none()
            && self.waiting.len() < WAITING_REQUESTS_MAX
            && self.waiting_bytes < WAITING_REQUEST_BYTES_MAX;
        let is_idle = self.calling.is_none() && self.waiting.is_empty();
        tokio::select! {
            biased;
            frame = front(&mut self.waiting), if !self.waiting.is_empty() => Ok(Event::Ready(frame)),
            answer = called(&mut self.calling), if self.calling.is_some() => Ok(Event::Called(answer)),
            request = self.reader.next(stream, &self.activity), if may_read => Ok(Event::Request(request?)),
            () = self.broker.stopping().cancelled(), if !self.leaving => Ok(Event::Stop),
            () = self.activity.silence(), if is_idle => Err(End::Idle),
            () = tokio::time::sleep(STOP_GRACE), if self.broker.is_stopping() => Err(End::Stopped),
        }
    }

    fn call(&mut self, request: Bytes) {
        let broker = self.broker.clone();
        let connection = Arc::clone(&self.connection);
        let request_bytes = request.len();
        let call = Box::pin(async move { broker.call(&connection, Frame::from(request)).await });
        self.calling = Some(Calling {
            call,
            request_bytes,
        });
    }

    fn called(&mut self, answer: Answer) -> Result<(), End> {
        let request_bytes = self
            .calling
            .take()
            .map_or(0, |calling| calling.request_bytes);
        let answer: BoxFuture<'static, Frame> = match answer {
            Answer::Reply(frame) => Box::pin(std::future::ready(frame)),
            Answer::Later(answer) => answer,
            Answer::Silent => return Ok(()),
            Answer::Close => return Err(End::Refused),
        };
        self.waiting_bytes += request_bytes;
        self.waiting.push_back(Waiting {
            answer,
            request_bytes,
        });
        Ok(())
    }

    async fn send(&mut self, stream: &TcpStream, frame: Frame) -> Result<(), End> {
        if let Some(sent) = self.waiting.pop_front() {
            self.waiting_bytes -= sent.request_bytes;
        }
        self.activity.progress();
        tokio::select! {
            biased;
            result = writer::write_frame(stream, &frame, &self.activity) => Ok(result?),
            () = self.activity.silence() => Err(End::Idle),
        }
    }
}

async fn front(waiting: &mut VecDeque<Waiting>) -> Frame {
    match waiting.front_mut() {
        Some(front) => (&mut front.answer).await,
        None => std::future::pending().await,
    }
}

async fn called(calling: &mut Option<Calling>) -> Answer {
    match calling {
        Some(calling) => (&mut calling.call).await,
        None => std::future::pending().await,
    }
}
