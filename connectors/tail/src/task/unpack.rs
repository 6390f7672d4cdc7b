//! Opening compressed files, one at a time, and what comes at their ends.
//!
//! A compressed file that was closed is unpacked from its start again, and what unpacks it may take memory: so it stays open
//! until it was read to its end, and the others wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use millrace_api::ConnectError;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::Running;
use crate::book;
use crate::identity::FileId;
use crate::lines::Cutter;
use crate::open::{Opening, Request, Unpack, open};
use crate::packed::End;
use crate::state::BLOCK;
use crate::turn::Flush;

/// A compressed file that was opened.
#[derive(Debug)]
pub(super) struct OpenedArchive {
    id: FileId,
    /// When it was made, where that is known.
    born: Option<SystemTime>,
    opening: Opening,
}

/// The compressed file that is being read.
#[derive(Debug)]
pub(super) struct Unpacking {
    /// It is being opened, on the blocking pool.
    pub(super) opening: Option<JoinHandle<OpenedArchive>>,
    /// It was opened, which is not taken in yet.
    pub(super) opened: Option<OpenedArchive>,
    /// It is open, if it still is.
    open: Option<FileId>,
    /// Bytes that may be read again.
    room: usize,
    cancelled: Arc<AtomicBool>,
}

impl Unpacking {
    pub(super) fn new(cutter: Cutter) -> Self {
        Self {
            opening: None,
            opened: None,
            open: None,
            room: cutter.max.max(BLOCK) + BLOCK,
            cancelled: Arc::default(),
        }
    }
}

impl Drop for Unpacking {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// What has come of opening a compressed file.
pub(super) fn opened(
    opening: Result<OpenedArchive, JoinError>,
) -> Result<OpenedArchive, ConnectError> {
    opening.map_err(|error| {
        ConnectError::connect("cannot unpack a file on the blocking pool").caused_by(error)
    })
}

impl Running {
    /// Opens the next compressed file, once the one before was read to its end.
    pub(super) async fn open_archive(&mut self) -> Result<(), ConnectError> {
        let opening = &mut self.unpacking.opening;
        if let Some(opening) = opening.take_if(|opening| opening.is_finished()) {
            self.unpacking.opened = Some(opened(opening.await)?);
        }
        if let Some(opened) = self.unpacking.opened.take() {
            self.take_in_archive(opened);
        }
        let open = self.unpacking.open.and_then(|id| self.files.get(id));
        let is_open = open.is_some_and(|entry| entry.archive.is_some() && entry.open.is_some());
        if self.unpacking.opening.is_some() || is_open {
            return Ok(());
        }
        if let Some(id) = self.files.next_packed() {
            self.unpacking.opening = self.spawn_opening(id);
        }
        Ok(())
    }

    fn spawn_opening(&self, id: FileId) -> Option<JoinHandle<OpenedArchive>> {
        let entry = self.files.get(id)?;
        let archive = entry.archive?;
        let request = Request {
            id,
            path: Arc::clone(&entry.path),
            position: entry.state.position(),
            expected: None,
            born: entry.born,
            encoding: self.encoding,
            unpack: Some(Unpack {
                packing: archive.packing,
                room: self.unpacking.room,
                tail: entry.copied.clone(),
                cancelled: Arc::clone(&self.unpacking.cancelled),
            }),
        };
        Some(spawn_blocking(move || OpenedArchive {
            id,
            born: request.born,
            opening: open(&request),
        }))
    }

    fn take_in_archive(&mut self, OpenedArchive { id, born, opening }: OpenedArchive) {
        // Meanwhile another file may have got its inode.
        let entry = self.files.get_mut(id);
        let Some(entry) = entry.filter(|entry| entry.archive.is_some() && entry.born == born)
        else {
            return;
        };
        match opening {
            Opening::Opened(opened) => {
                let begins_so = opened.is_expected && entry.book.matches(&opened.head);
                if begins_so {
                    entry.copied.clear();
                    entry.book.remember(&opened.head, entry.state.position());
                    self.files.opened(id, opened.file);
                    self.unpacking.open = Some(id);
                    return;
                }
                log::info!(
                    "{} does not unpack to what was read before; reading it from its start",
                    entry.path.display()
                );
                entry.copied.clear();
                entry.book.begin_generation();
                entry.state.restart(self.started.elapsed());
                self.files.after_turn(id, false);
                self.files.make_ready(id);
            }
            Opening::Moved => {
                self.files.put_off(id);
                self.pace.hurry();
            }
            Opening::Failed(error) if is_damage(&error) => self.damaged(id, &error),
            Opening::Failed(error) => {
                if !std::mem::replace(&mut entry.failed, true) {
                    let path = entry.path.display();
                    log::warn!("cannot open {path} and will try again: {error}");
                }
                self.files.failed(id);
            }
        }
    }

    /// A turn has found nothing more in a compressed file.
    pub(super) fn unpacked_to_its_end(&mut self, id: FileId) {
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        let begun = entry.state.begun() > 0 && entry.flush != Flush::Line;
        let Some(unpacked) = entry.open.as_ref().and_then(|file| file.unpacked()) else {
            return;
        };
        let (has_ended, damage) = (
            unpacked.end().is_some(),
            unpacked.end().and_then(End::damage),
        );
        let len = unpacked.packed_len();
        drop(unpacked);
        if let Some(damage) = damage {
            self.damaged(id, &damage);
        } else if has_ended && !begun {
            self.settle(id, len);
        } else {
            if has_ended {
                // Nobody goes on writing to it: the last line counts.
                entry.flush = Flush::Line;
            }
            self.files.after_turn(id, true);
        }
    }

    /// All of a compressed file that had `len` bytes was handed out.
    fn settle(&mut self, id: FileId, len: u64) {
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        entry.flush = Flush::Nothing;
        entry.state.caught_up();
        entry.len = entry.state.position();
        let settled = entry.archive.as_mut().is_some_and(|archive| {
            archive.settled = archive.len == len;
            archive.settled
        });
        // What is stored of nothing would fit any file that has the inode later.
        if settled && entry.state.position() > 0 {
            let offset = entry.book.offset_at_end(len);
            self.context.commit_offset(book::partition_map(id), offset);
        }
        let released = entry.release;
        self.close_archive(id);
        if released {
            self.files.remove(id);
            return;
        }
        self.files.let_follow(id);
        self.files.make_ready(id);
    }

    /// The rest of a compressed file cannot be unpacked, or is not there yet.
    fn damaged(&mut self, id: FileId, error: &io::Error) {
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        let told = entry.archive.is_some_and(|archive| archive.told);
        // Somebody may be writing it right now.
        let level = match error.kind() {
            io::ErrorKind::UnexpectedEof => log::Level::Info,
            _ => log::Level::Warn,
        };
        log::log!(
            if told { log::Level::Debug } else { level },
            "cannot unpack {} behind byte {} of what it unpacks to, and will try again once it has changed: {error}",
            entry.path.display(),
            entry.state.position()
        );
        entry.flush = Flush::Nothing;
        if let Some(archive) = &mut entry.archive {
            archive.settled = true;
            archive.told = true;
        }
        self.close_archive(id);
        self.files.let_follow(id);
    }

    fn close_archive(&mut self, id: FileId) {
        self.files.after_turn(id, false);
        if let Some(file) = self.files.close(id) {
            spawn_blocking(move || drop(file));
        }
        self.unpacking.open = None;
    }
}

/// Whether it is what stands in the file that cannot be unpacked.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Other
    )
}
