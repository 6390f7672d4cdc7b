//! The lock that keeps a second broker, Millrace or Apache Kafka, out of a data directory.
//!
//! Java locks a file by fcntl, which does not keep out another user within the same process; flock
//! does. Both are held on `.lock`.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock, flock};

use crate::error::{IoContext, StorageError};
use crate::names;

#[derive(Debug)]
pub(super) struct DirLock(#[expect(dead_code, reason = "held for its descriptor")] File);

impl DirLock {
    #[expect(
        clippy::disallowed_methods,
        reason = "part of opening a data directory, which may block"
    )]
    pub(super) fn acquire(dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(names::LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .during("open", &path)?;
        let action = "lock, for which no other broker may use the directory,";
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(Into::into)
            .during(action, &path)?;
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(Into::into)
            .during(action, &path)?;
        Ok(Self(file))
    }
}
