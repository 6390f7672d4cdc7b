//! Hands out producer ids, none of them twice, over restarts too.
//!
//! Ids are reserved on disk in blocks of 1000 (`millrace-producer-ids` holds the first one not reserved), so that
//! one sync serves a thousand producers and a crash wastes a block at most.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::durable_file;

const FILE_NAME: &str = "millrace-producer-ids";
const BLOCK: i64 = 1000;
/// A client may write any id; one that leaves no room for more is none that a broker gave.
const ID_MAX: i64 = i64::MAX / 2;

#[derive(Debug)]
pub(crate) struct ProducerIds {
    path: PathBuf,
    /// The next id, and the end of the reserved block.
    range: Mutex<(i64, i64)>,
}

impl ProducerIds {
    /// Reads how far ids are reserved; waits for the disk. `largest_known` is the largest id that a log
    /// remembers: a directory that another broker filled has no file of reserved ids.
    pub(crate) fn load(data_dir: &Path, largest_known: Option<i64>) -> io::Result<ProducerIds> {
        let path = data_dir.join(FILE_NAME);
        let next: i64 = match durable_file::read(&path)? {
            None => 0,
            Some(text) => text.trim().parse().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} holds no number", path.display()),
                )
            })?,
        };
        let next = largest_known
            .filter(|id| *id < ID_MAX)
            .map_or(next, |id| next.max(id + 1));
        Ok(ProducerIds {
            path,
            range: Mutex::new((next, next)),
        })
    }

    /// An id that nobody had before.
    pub(crate) async fn next(self: &Arc<Self>) -> io::Result<i64> {
        if let Some(id) = self.take_reserved() {
            return Ok(id);
        }
        let ids = Arc::clone(self);
        tokio::task::spawn_blocking(move || ids.reserve_and_take())
            .await
            .map_err(io::Error::other)?
    }

    fn take_reserved(&self) -> Option<i64> {
        let mut range = self.range.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, end) = *range;
        (next < end).then(|| {
            range.0 += 1;
            next
        })
    }

    fn reserve_and_take(&self) -> io::Result<i64> {
        let mut range = self.range.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, end) = *range;
        if next == end {
            durable_file::replace(&self.path, &format!("{}\n", end + BLOCK))?;
            range.1 = end + BLOCK;
        }
        range.0 = next + 1;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ids_are_new_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let ids = Arc::new(ProducerIds::load(dir.path(), None).unwrap());
        assert_eq!(
            (ids.next().await.unwrap(), ids.next().await.unwrap()),
            (0, 1)
        );
        let ids = Arc::new(ProducerIds::load(dir.path(), None).unwrap());
        assert_eq!(ids.next().await.unwrap(), BLOCK);
        for _ in 1..BLOCK {
            ids.next().await.unwrap();
        }
        assert_eq!(ids.next().await.unwrap(), 2 * BLOCK);
        let ids = Arc::new(ProducerIds::load(dir.path(), Some(12_345)).unwrap());
        assert_eq!(ids.next().await.unwrap(), 12_346);
        let ids = Arc::new(ProducerIds::load(dir.path(), Some(i64::MAX)).unwrap());
        assert_eq!(ids.next().await.unwrap(), 12_346 + BLOCK);
    }
}
