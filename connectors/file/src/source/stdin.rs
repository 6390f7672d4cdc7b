//! Standard input: one thread of the process reads it, because such a read cannot be called off.
//!
//! What the thread has read waits for whichever task runs next, so that restarting a task loses no input.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// Bytes of one read.
const CHUNK: usize = 64 << 10;
/// Chunks read ahead.
const AHEAD: usize = 2;

static INPUT: OnceLock<Arc<Mutex<Shared>>> = OnceLock::new();

/// What the thread has read and no task has taken.
#[derive(Debug)]
struct Shared {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    taken: usize,
}

/// The right to read standard input; another task waits until it is dropped.
#[derive(Debug)]
pub(crate) struct Stdin {
    shared: OwnedMutexGuard<Shared>,
}

impl Stdin {
    /// Waits for the right to read.
    pub(crate) async fn acquire() -> Self {
        let shared = Arc::clone(INPUT.get_or_init(start));
        Self {
            shared: shared.lock_owned().await,
        }
    }

    /// Takes what has been read, without waiting.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> usize {
        let shared = &mut *self.shared;
        let rest = &shared.chunk[shared.taken..];
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        shared.taken += count;
        count
    }

    /// Waits for more; false at the end of the input.
    pub(crate) async fn readable(&mut self) -> io::Result<bool> {
        let shared = &mut *self.shared;
        if shared.taken < shared.chunk.len() {
            return Ok(true);
        }
        let Some(chunk) = shared.chunks.recv().await else {
            return Ok(false);
        };
        shared.chunk = chunk?;
        shared.taken = 0;
        Ok(true)
    }
}

fn start() -> Arc<Mutex<Shared>> {
    let (sender, chunks) = mpsc::channel(AHEAD);
    let report = sender.clone();
    if let Err(error) = thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read_all(&sender))
    {
        // The channel is new and has room.
        drop(report.try_send(Err(error)));
    }
    Arc::new(Mutex::new(Shared {
        chunks,
        chunk: Vec::new(),
        taken: 0,
    }))
}

fn read_all(sender: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut chunk = vec![0; CHUNK];
        let message = match input.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = message.is_err();
        if sender.blocking_send(message).is_err() || failed {
            return;
        }
    }
}
