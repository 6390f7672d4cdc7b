//! Headers that say where a record came from.

use std::path::Path;
use std::sync::Arc;

use millrace_api::config::ConfigEnum;
use millrace_api::{EncodedHeaders, encode_header};

use crate::identity::FileId;

/// A header that records may have. The name of the key is the name of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum HeaderKind {
    /// The file's path.
    Path,
    /// This machine's name.
    Host,
    /// The record's first byte in the file.
    Offset,
    /// The file's inode.
    Inode,
}

/// The headers of one file's records.
#[derive(Debug, Clone)]
pub(crate) struct Headers {
    kinds: Arc<[HeaderKind]>,
    path: Arc<Path>,
    host: Arc<str>,
    inode: u64,
}

impl Headers {
    pub(crate) fn new(
        kinds: Arc<[HeaderKind]>,
        path: Arc<Path>,
        host: Arc<str>,
        id: FileId,
    ) -> Self {
        Self {
            kinds,
            path,
            host,
            inode: id.inode,
        }
    }

    /// The file has another name.
    pub(crate) fn rename(&mut self, path: Arc<Path>) {
        self.path = path;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether records of the file have different headers.
    pub(crate) fn differ(&self) -> bool {
        self.kinds.contains(&HeaderKind::Offset)
    }

    /// Appends the headers of a record that starts at `offset`.
    pub(crate) fn encode(&self, offset: u64, section: &mut Vec<u8>) {
        EncodedHeaders::begin(section, self.kinds.len());
        for kind in self.kinds.iter() {
            match kind {
                HeaderKind::Path => {
                    let path = self.path.to_string_lossy();
                    encode_header(section, b"path", Some(path.as_bytes()));
                }
                HeaderKind::Host => encode_header(section, b"host", Some(self.host.as_bytes())),
                HeaderKind::Offset => {
                    encode_header(section, b"offset", Some(Decimal::of(offset).text()));
                }
                HeaderKind::Inode => {
                    encode_header(section, b"inode", Some(Decimal::of(self.inode).text()));
                }
            }
        }
    }
}

/// A number as text, without an allocation.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn of(mut number: u64) -> Self {
        let mut text = Self {
            digits: [b'0'; 20],
            start: 20,
        };
        loop {
            text.start -= 1;
            text.digits[text.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return text;
            }
        }
    }

    fn text(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

/// This machine's name.
pub(crate) fn host() -> Arc<str> {
    rustix::system::uname().nodename().to_string_lossy().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_record() {
        let id = FileId {
            device: 1,
            inode: 42,
        };
        let kinds = [
            HeaderKind::Path,
            HeaderKind::Offset,
            HeaderKind::Inode,
            HeaderKind::Host,
        ];
        let headers = Headers::new(kinds.into(), Path::new("/a.log").into(), "h".into(), id);
        let mut section = Vec::new();
        headers.encode(u64::MAX, &mut section);
        let read: Vec<_> = EncodedHeaders::new(&section)
            .iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"path", b"/a.log"),
            (b"offset", b"18446744073709551615"),
            (b"inode", b"42"),
            (b"host", b"h"),
        ];
        assert_eq!(read, expected);
    }
}
