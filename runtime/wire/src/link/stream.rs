//! The link over any stream of bytes, plain or encrypted.
//!
//! A request is written in the caller's task, segment by segment without joining them; one task a
//! link reads the answers and hands them to the callers in order.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, watch};

use crate::frame::{Frame, Segment};
use crate::link::receive::{ReceiveError, Receiver};
use crate::link::waiters::Waiters;
use crate::link::{CallFuture, Link, LinkError, Reply, tls};
use crate::pool::Pool;

/// One system call takes at most this much: beyond it writes fall out of the second-level cache.
const WRITE_UNIT: usize = 256 << 10;
/// Segments of a system call; a Produce request has a few a partition.
const SLICES: usize = 64;

/// A link over a stream that is cut into halves.
#[derive(Debug)]
pub(super) struct StreamLink<W> {
    shared: Arc<Shared<W>>,
}

#[derive(Debug)]
struct Shared<W> {
    address: String,
    /// Held while a request is queued and written; tokio's mutex is fair, which makes the order.
    writer: Mutex<W>,
    waiters: Waiters,
    closed: watch::Sender<bool>,
}

impl<W: AsyncWrite + Unpin + Send + fmt::Debug + 'static> StreamLink<W> {
    /// A link to `address` over an open stream; a task of its own reads the answers.
    pub(super) fn start<R>(read: R, write: W, address: String, max_answer_bytes: usize) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        let (closed, watching) = watch::channel(false);
        let shared = Arc::new(Shared {
            address,
            writer: Mutex::new(write),
            waiters: Waiters::default(),
            closed,
        });
        let receiver = Receiver::new(read, Pool::global().clone(), max_answer_bytes);
        tokio::spawn(receive_answers(
            Arc::clone(&shared),
            receiver,
            watching,
            max_answer_bytes,
        ));
        Self { shared }
    }
}

impl<W: AsyncWrite + Unpin + Send + fmt::Debug + 'static> Link for StreamLink<W> {
    fn call(&self, request: Frame, reply: Reply) -> CallFuture {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.call(request, reply).await })
    }

    fn is_closed(&self) -> bool {
        *self.shared.closed.borrow()
    }

    fn close(&self) {
        self.shared.close();
    }
}

impl<W> Drop for StreamLink<W> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<W: AsyncWrite + Unpin> Shared<W> {
    async fn call(
        self: Arc<Self>,
        request: Frame,
        reply: Reply,
    ) -> Result<Option<Bytes>, LinkError> {
        let segments = in_memory(request)?;
        let answer = {
            let mut writer = self.writer.lock().await;
            let answer = match reply {
                Reply::Expected => Some(self.waiters.push()?),
                Reply::None => match self.waiters.failure() {
                    Some(error) => return Err(error),
                    None => None,
                },
            };
            let mut guard = HalfWritten {
                shared: &self,
                whole: false,
            };
            let written = write_all(&mut *writer, segments).await;
            guard.whole = true;
            if let Err(error) = written {
                let error = self.broken(&error);
                self.fail(&error);
                return Err(error);
            }
            answer
        };
        let Some(answer) = answer else {
            return Ok(None);
        };
        match answer.await {
            Ok(answer) => answer.map(Some),
            Err(_) => Err(LinkError::Closed {
                address: self.address.clone(),
            }),
        }
    }
}

impl<W> Shared<W> {
    fn close(&self) {
        self.fail(&LinkError::Closed {
            address: self.address.clone(),
        });
    }

    fn fail(&self, error: &LinkError) {
        self.waiters.fail(error);
        self.closed.send_replace(true);
    }

    fn broken(&self, error: &io::Error) -> LinkError {
        tls::broken(&self.address, error)
    }
}

/// Closes the link if a call is dropped while its request is on the wire in part.
struct HalfWritten<'a, W> {
    shared: &'a Shared<W>,
    whole: bool,
}

impl<W> Drop for HalfWritten<'_, W> {
    fn drop(&mut self) {
        if !self.whole {
            self.shared.close();
        }
    }
}

async fn receive_answers<W, R: AsyncRead + Unpin>(
    shared: Arc<Shared<W>>,
    mut receiver: Receiver<R>,
    mut closed: watch::Receiver<bool>,
    limit: usize,
) {
    let error = loop {
        let next = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => return,
            next = receiver.next() => next,
        };
        let address = || shared.address.clone();
        match next {
            Ok(answer) => {
                if !shared.waiters.answer(answer) {
                    break LinkError::Broken {
                        address: address(),
                        reason: "an answer came that nobody waits for".into(),
                    };
                }
            }
            Err(ReceiveError::Closed) => break LinkError::Closed { address: address() },
            Err(ReceiveError::Io(error)) => break shared.broken(&error),
            Err(ReceiveError::Size(size)) => {
                break LinkError::AnswerSize {
                    address: address(),
                    size,
                    limit,
                };
            }
        }
    };
    shared.fail(&error);
}

/// The size prefix and the frame's bytes; file ranges, which no client sends much of, are read.
fn in_memory(request: Frame) -> Result<Vec<Bytes>, LinkError> {
    let len = i32::try_from(request.len())
        .map_err(|_| LinkError::FileRange("it has 2 GiB or more".into()))?;
    let mut segments = vec![Bytes::copy_from_slice(&len.to_be_bytes())];
    for segment in request.into_segments() {
        segments.push(match segment {
            Segment::Bytes(bytes) => bytes,
            Segment::File(range) => {
                let mut frame = Frame::new();
                frame.push_file(range);
                frame
                    .into_contiguous(Pool::global())
                    .map_err(|error| LinkError::FileRange(error.to_string()))?
            }
        });
    }
    Ok(segments)
}

async fn write_all<W: AsyncWrite + Unpin>(writer: &mut W, segments: Vec<Bytes>) -> io::Result<()> {
    let (mut first, mut offset) = (0, 0);
    while first < segments.len() {
        let written = {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = fill(&mut slices, &segments[first..], offset);
            writer.write_vectored(&slices[..count]).await?
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written;
        while first < segments.len() && offset >= segments[first].len() {
            offset -= segments[first].len();
            first += 1;
        }
    }
    // Nothing over plain TCP; over TLS the last records may still be held back.
    writer.flush().await
}

/// Fills `slices` with at most [`WRITE_UNIT`] bytes of `segments`, of which the first `offset` were
/// written before.
fn fill<'a>(slices: &mut [IoSlice<'a>; SLICES], segments: &'a [Bytes], offset: usize) -> usize {
    let (mut room, mut skip, mut count) = (WRITE_UNIT, offset, 0);
    for (slot, segment) in slices.iter_mut().zip(segments) {
        let rest = &segment[skip..];
        skip = 0;
        let len = rest.len().min(room);
        *slot = IoSlice::new(&rest[..len]);
        count += 1;
        room -= len;
        if room == 0 {
            break;
        }
    }
    count
}
