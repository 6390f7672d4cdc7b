//! Cutting answers out of a byte stream: a signed 32-bit size, then that many bytes.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::pool::{Pool, PooledBuf};

/// Small answers share one read of this size; a large one gets all but its beginning where it is to be. An idle link keeps
/// it, and there are thousands of those.
const READ_AHEAD: usize = 4 << 10;
const SIZE_LEN: usize = 4;

/// Why no more answers come.
#[derive(Debug)]
pub(super) enum ReceiveError {
    /// The peer closed the stream, between answers or within one.
    Closed,
    /// Reading failed.
    Io(io::Error),
    /// The announced size is negative or above the limit.
    Size(i32),
}

/// Reads answers from `stream`.
pub(super) struct Receiver<R> {
    stream: R,
    pool: Pool,
    limit: usize,
    ahead: PooledBuf,
    /// Bytes at the start of `ahead` that were given out already.
    taken: usize,
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// A receiver that refuses answers of more than `limit` bytes.
    pub(super) fn new(stream: R, pool: Pool, limit: usize) -> Self {
        let ahead = pool.take(READ_AHEAD);
        Self {
            stream,
            pool,
            limit,
            ahead,
            taken: 0,
        }
    }

    /// The next whole answer, without its size. Not to be cancelled half way.
    pub(super) async fn next(&mut self) -> Result<Bytes, ReceiveError> {
        while self.ahead.len() - self.taken < SIZE_LEN {
            self.read_ahead().await?;
        }
        let size = self.ahead[self.taken..]
            .first_chunk()
            .map_or(0, |size| i32::from_be_bytes(*size));
        self.taken += SIZE_LEN;
        let len = usize::try_from(size)
            .ok()
            .filter(|&len| len <= self.limit)
            .ok_or(ReceiveError::Size(size))?;
        // Memory of the announced size is asked for at once; it costs nothing until bytes come.
        let mut answer = self.pool.take(len);
        let at_hand = len.min(self.ahead.len() - self.taken);
        answer.extend_from_slice(&self.ahead[self.taken..self.taken + at_hand]);
        self.taken += at_hand;
        self.read_rest(&mut answer, len).await?;
        Ok(answer.freeze())
    }

    async fn read_ahead(&mut self) -> Result<(), ReceiveError> {
        let (taken, len) = (self.taken, self.ahead.len());
        self.ahead.copy_within(taken..len, 0);
        self.ahead.truncate(len - taken);
        self.taken = 0;
        let read = self
            .stream
            .read(self.ahead.spare())
            .await
            .map_err(ReceiveError::Io)?;
        self.ahead.advance(read);
        if read == 0 {
            Err(ReceiveError::Closed)
        } else {
            Ok(())
        }
    }

    async fn read_rest(&mut self, answer: &mut PooledBuf, len: usize) -> Result<(), ReceiveError> {
        while answer.len() < len {
            let missing = len - answer.len();
            let read = self
                .stream
                .read(&mut answer.spare()[..missing])
                .await
                .map_err(ReceiveError::Io)?;
            if read == 0 {
                return Err(ReceiveError::Closed);
            }
            answer.advance(read);
        }
        Ok(())
    }
}
