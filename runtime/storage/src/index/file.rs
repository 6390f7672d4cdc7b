//! A file of equal entries in ascending order: append, binary search, cut.

use std::io::IoSlice;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{IoContext, StorageError};
use crate::files::FileSlot;

/// The count of a file that was not looked at yet.
const UNKNOWN: u32 = u32::MAX;
/// A range of entries this small is read at once instead of being halved further.
const CHUNK: u32 = 64;
/// Bytes of the largest entry.
const MAX_ENTRY: usize = 12;

/// A fixed-size entry.
pub(crate) trait Entry: Copy {
    /// Bytes on disk.
    const SIZE: usize;

    /// Reads an entry; offsets are relative to `base_offset` on disk. `None` is the zero entry.
    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self>;

    /// Writes the entry into `bytes[..SIZE]`.
    fn encode(self, bytes: &mut [u8], base_offset: i64);
}

/// The entries of one index file. Appends come from one writer at a time; searches may run beside it.
#[derive(Debug)]
pub(crate) struct IndexFile<E> {
    slot: FileSlot,
    base_offset: i64,
    count: AtomicU32,
    entry: PhantomData<E>,
}

impl<E: Entry> IndexFile<E> {
    pub(crate) fn new(slot: FileSlot, base_offset: i64) -> Self {
        Self {
            slot,
            base_offset,
            count: AtomicU32::new(UNKNOWN),
            entry: PhantomData,
        }
    }

    pub(crate) fn slot(&self) -> &FileSlot {
        &self.slot
    }

    /// Creates the file, empty.
    pub(crate) fn create(&self) -> Result<(), StorageError> {
        self.slot.create()?;
        self.count.store(0, Ordering::Release);
        Ok(())
    }

    /// The number of entries; looks at the file the first time.
    pub(crate) fn count(&self) -> Result<u32, StorageError> {
        match self.count.load(Ordering::Acquire) {
            UNKNOWN => {
                let count = self.count_in_file()?;
                // A writer that appended meanwhile knows better.
                let stored = self.count.compare_exchange(
                    UNKNOWN,
                    count,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                Ok(stored.map_or_else(|known| known, |_| count))
            }
            count => Ok(count),
        }
    }

    pub(crate) fn last(&self) -> Result<Option<E>, StorageError> {
        match self.count()? {
            0 => Ok(None),
            count => self.read(count - 1),
        }
    }

    pub(crate) fn append(&self, entry: E) -> Result<(), StorageError> {
        let count = self.count()?;
        let mut bytes = [0; MAX_ENTRY];
        entry.encode(&mut bytes, self.base_offset);
        let at = u64::from(count) * E::SIZE as u64;
        let path = || self.slot.path();
        self.slot
            .get()?
            .write_at(&mut [IoSlice::new(&bytes[..E::SIZE])], at)
            .map_err(|source| StorageError::io("append to", &path(), source))?;
        self.count.store(count + 1, Ordering::Release);
        Ok(())
    }

    /// The last entry for which `below` holds; `below` must hold for a prefix of the entries.
    pub(crate) fn last_where(&self, below: impl Fn(&E) -> bool) -> Result<Option<E>, StorageError> {
        let mut low = 0;
        let mut high = self.count()?;
        while high - low > CHUNK {
            let middle = low + (high - low) / 2;
            match self.read(middle)? {
                Some(entry) if below(&entry) => low = middle,
                _ => high = middle,
            }
        }
        self.last_in_chunk(low, high, below)
    }

    fn last_in_chunk(
        &self,
        low: u32,
        high: u32,
        below: impl Fn(&E) -> bool,
    ) -> Result<Option<E>, StorageError> {
        let mut bytes = [0; CHUNK as usize * MAX_ENTRY];
        let bytes = &mut bytes[..(high - low) as usize * E::SIZE];
        self.read_at(bytes, low)?;
        let entries = bytes
            .chunks_exact(E::SIZE)
            .map_while(|entry| E::decode(entry, self.base_offset));
        Ok(entries.take_while(below).last())
    }

    /// Keeps the first `count` entries and zeroes the rest of the file.
    pub(crate) fn truncate(&self, count: u32, capacity: u32) -> Result<(), StorageError> {
        self.count.store(count, Ordering::Release);
        self.set_len(count)?;
        self.set_len(capacity.max(count))
    }

    /// Keeps the entries for which `below` holds.
    pub(crate) fn truncate_where(
        &self,
        capacity: u32,
        below: impl Fn(&E) -> bool,
    ) -> Result<(), StorageError> {
        let (mut low, mut high) = (0, self.count()?);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.read(middle)? {
                Some(entry) if below(&entry) => low = middle + 1,
                _ => high = middle,
            }
        }
        self.truncate(low, capacity)
    }

    /// Extends the file to hold `capacity` entries.
    pub(crate) fn preallocate(&self, capacity: u32) -> Result<(), StorageError> {
        let count = self.count()?;
        self.set_len(capacity.max(count))
    }

    /// Cuts the file to its entries.
    pub(crate) fn trim(&self) -> Result<(), StorageError> {
        self.set_len(self.count()?)
    }

    fn set_len(&self, entries: u32) -> Result<(), StorageError> {
        let len = u64::from(entries) * E::SIZE as u64;
        self.slot
            .get()?
            .set_len(len)
            .map_err(|source| StorageError::io("resize", &self.slot.path(), source))
    }

    fn read(&self, index: u32) -> Result<Option<E>, StorageError> {
        let mut bytes = [0; MAX_ENTRY];
        let bytes = &mut bytes[..E::SIZE];
        self.read_at(bytes, index)?;
        Ok(E::decode(bytes, self.base_offset))
    }

    fn read_at(&self, bytes: &mut [u8], index: u32) -> Result<(), StorageError> {
        let at = u64::from(index) * E::SIZE as u64;
        let file = self.slot.get()?;
        file.file()
            .read_exact_at(bytes, at)
            .map_err(|source| StorageError::io("read", &self.slot.path(), source))
    }

    /// Entries up to the first zero one: a file that was not trimmed ends in zeros.
    fn count_in_file(&self) -> Result<u32, StorageError> {
        let len = self
            .slot
            .get()?
            .file()
            .metadata()
            .during("look at", &self.slot.path())?
            .len();
        let entries = u32::try_from(len / E::SIZE as u64).unwrap_or(u32::MAX - 1);
        let (mut low, mut high) = (0, entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.read(middle)?.is_some() {
                low = middle + 1
            } else {
                high = middle
            }
        }
        Ok(low)
    }
}
