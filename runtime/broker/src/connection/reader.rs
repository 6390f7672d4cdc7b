//! Cuts requests out of a socket: a signed 32-bit size, then that many bytes.
//!
//! The size is checked before anything is read for it, and the buffer of a large request grows with what
//! arrives: a peer's word allocates nothing. Small requests are read ahead together.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use millrace_wire::pool::{Pool, PooledBuf};
use tokio::net::TcpStream;

use super::activity::Activity;

const READ_AHEAD_BYTES: usize = 4 * 1024;
const SIZE_BYTES: usize = 4;
/// A request up to this size gets its buffer at once; a larger one earns it by sending.
const TRUSTED_BYTES: usize = 1024 * 1024;

/// Why no request could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("request of {size} bytes, at most {max} are taken (socket.request.max.bytes)")]
    Size { size: i32, max: usize },
    #[error("closed within a request")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads requests; a call of [`RequestReader::next`] that is dropped loses nothing.
#[derive(Debug)]
pub(super) struct RequestReader {
    ahead: BytesMut,
    body: Option<Body>,
    max_bytes: usize,
}

#[derive(Debug)]
struct Body {
    buffer: PooledBuf,
    size: usize,
}

impl RequestReader {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            ahead: BytesMut::new(),
            body: None,
            max_bytes,
        }
    }

    /// The next request; `None` when the peer closed between two.
    pub(super) async fn next(
        &mut self,
        stream: &TcpStream,
        activity: &Activity,
    ) -> Result<Option<Bytes>, ReadError> {
        loop {
            if let Some(request) = self.take()? {
                return Ok(Some(request));
            }
            stream.readable().await?;
            match self.fill(stream) {
                Ok(0) if self.body.is_none() && self.ahead.is_empty() => return Ok(None),
                Ok(0) => return Err(ReadError::Cut),
                Ok(_) => activity.progress(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A request that is whole; starts the body of one whose size has come.
    fn take(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.body.is_none() {
            let Some(prefix) = self.ahead.first_chunk::<SIZE_BYTES>() else {
                return Ok(None);
            };
            let size = i32::from_be_bytes(*prefix);
            let wanted = usize::try_from(size)
                .ok()
                .filter(|wanted| *wanted <= self.max_bytes);
            let wanted = wanted.ok_or(ReadError::Size {
                size,
                max: self.max_bytes,
            })?;
            self.ahead.advance(SIZE_BYTES);
            if self.ahead.len() >= wanted {
                let request = Bytes::copy_from_slice(&self.ahead[..wanted]);
                self.ahead.advance(wanted);
                return Ok(Some(request));
            }
            let mut buffer = Pool::global().take(wanted.min(TRUSTED_BYTES));
            buffer.extend_from_slice(&self.ahead);
            self.ahead.clear();
            self.body = Some(Body {
                buffer,
                size: wanted,
            });
        }
        match self.body.take_if(|body| body.buffer.len() == body.size) {
            Some(body) => Ok(Some(body.buffer.freeze())),
            None => Ok(None),
        }
    }

    fn fill(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let Some(body) = &mut self.body else {
            self.ahead.reserve(READ_AHEAD_BYTES);
            return stream.try_read_buf(&mut self.ahead);
        };
        let missing = body.size - body.buffer.len();
        if body.buffer.spare().is_empty() {
            body.buffer.reserve(missing.min(body.buffer.len()));
        }
        let spare = body.buffer.spare();
        let room = spare.len().min(missing);
        let count = stream.try_read(&mut spare[..room])?;
        body.buffer.advance(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn requests_are_cut_wherever_they_were_split() {
        let (mut client, server) = connected().await;
        let large = vec![7; 3 * TRUSTED_BYTES];
        let requests: [&[u8]; 4] = [b"one", b"", &large, b"four"];
        let mut stream = Vec::new();
        for request in requests {
            stream.extend_from_slice(&(request.len() as i32).to_be_bytes());
            stream.extend_from_slice(request);
        }
        let sending = tokio::spawn(async move {
            for piece in stream.chunks(100_003) {
                client.write_all(piece).await.unwrap();
            }
        });
        let mut reader = RequestReader::new(large.len());
        let activity = Activity::new(None);
        for request in requests {
            let read = reader.next(&server, &activity).await.unwrap().unwrap();
            assert_eq!(read, request);
        }
        sending.await.unwrap();
        assert!(reader.next(&server, &activity).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_claim_of_two_gigabytes_gets_a_small_buffer() {
        let (mut client, server) = connected().await;
        client.write_all(&i32::MAX.to_be_bytes()).await.unwrap();
        client.write_all(&[0; 1000]).await.unwrap();
        drop(client);
        let mut reader = RequestReader::new(usize::MAX);
        let end = reader.next(&server, &Activity::new(None)).await;
        assert!(matches!(end, Err(ReadError::Cut)));
        let capacity = reader.body.unwrap().buffer.capacity();
        assert!(capacity <= TRUSTED_BYTES, "{capacity}");
    }
}
