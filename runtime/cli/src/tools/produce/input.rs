//! Standard input in chunks of whole lines. A thread of its own reads, because such a read cannot be called off.

use std::{
    io::{self, Read as _},
    thread,
};

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;

/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// Reads ahead of the producer.
const AHEAD: usize = 4;

/// What is read, and the part of a line that has no end yet.
#[derive(Debug)]
pub(super) struct Input {
    reads: mpsc::Receiver<io::Result<Vec<u8>>>,
    rest: Vec<u8>,
    line_bytes_max: usize,
    lines: u64,
    ended: bool,
}

/// Whole lines.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    first_line: u64,
}

impl Chunk {
    /// The lines with their numbers, from 1, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let body = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let lines = body.split(|&byte| byte == b'\n');
        let without_return = |line| <[u8]>::strip_suffix(line, b"\r").unwrap_or(line);
        (self.first_line..).zip(lines.map(without_return))
    }
}

impl Input {
    /// Starts to read. A line of more than `line_bytes_max` bytes can be no record.
    pub(super) fn start(line_bytes_max: usize) -> anyhow::Result<Self> {
        let (sender, reads) = mpsc::channel(AHEAD);
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(&sender))
            .context("cannot start a thread that reads standard input")?;
        Ok(Self::new(reads, line_bytes_max))
    }

    fn new(reads: mpsc::Receiver<io::Result<Vec<u8>>>, line_bytes_max: usize) -> Self {
        Self {
            reads,
            rest: Vec::new(),
            line_bytes_max,
            lines: 0,
            ended: false,
        }
    }

    /// The next lines; none at the end. The last line counts even without its end.
    pub(super) async fn lines(&mut self) -> anyhow::Result<Option<Chunk>> {
        while !self.ended {
            let Some(read) = self.reads.recv().await else {
                self.ended = true;
                break;
            };
            let read = read.context("cannot read standard input")?;
            let end = memchr::memrchr(b'\n', &read).map(|at| at + 1);
            let whole = end.unwrap_or(0);
            if whole == 0 && self.rest.len() + read.len() > self.line_bytes_max {
                bail!(
                    "line {} is larger than max.request.size ({} bytes)",
                    self.lines + 1,
                    self.line_bytes_max
                );
            }
            if whole == 0 {
                self.rest.extend_from_slice(&read);
                continue;
            }
            let mut bytes = std::mem::replace(&mut self.rest, read[whole..].to_vec());
            bytes.extend_from_slice(&read[..whole]);
            return Ok(Some(self.chunk(bytes)));
        }
        let rest = std::mem::take(&mut self.rest);
        Ok((!rest.is_empty()).then(|| self.chunk(rest)))
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let first_line = self.lines + 1;
        self.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Chunk { bytes, first_line }
    }
}

fn read_all(sender: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut bytes = vec![0; READ_BYTES];
        let read = match input.read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => {
                bytes.truncate(count);
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if sender.blocking_send(read).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::Input;

    async fn lines(reads: &[&str], limit: usize) -> Result<Vec<(u64, String)>, String> {
        let (sender, receiver) = mpsc::channel(reads.len().max(1));
        for read in reads {
            sender.send(Ok(read.as_bytes().to_vec())).await.unwrap();
        }
        drop(sender);
        let mut input = Input::new(receiver, limit);
        let mut found = Vec::new();
        while let Some(chunk) = input.lines().await.map_err(|error| error.to_string())? {
            let text = |(number, line)| (number, String::from_utf8_lossy(line).into_owned());
            found.extend(chunk.lines().map(text));
        }
        Ok(found)
    }

    #[tokio::test]
    async fn lines_are_cut_wherever_reads_end() {
        let found = lines(&["a\nb", "c\r\n", "\n", "last"], 100).await.unwrap();
        let expected = [(1, "a"), (2, "bc"), (3, ""), (4, "last")];
        assert_eq!(
            found,
            expected.map(|(number, line)| (number, line.to_owned()))
        );
        assert_eq!(lines(&[], 100).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_line_without_an_end_does_not_fill_the_memory() {
        let error = lines(&["a\n", "bbbb", "cccc"], 6).await.unwrap_err();
        assert!(error.starts_with("line 2 is larger"), "{error}");
    }
}
