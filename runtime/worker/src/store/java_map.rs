//! The offsets file of Kafka Connect's standalone mode: a `HashMap<byte[], byte[]>` in Java's serialised form
//! (contract connect-internals, section 1.6).
//!
//! ```text
//! ac ed 00 05                                  the stream
//! 73 72 0011 "java.util.HashMap" <serial> 03   an object of the class, which writes data of its own
//!    0002 46 000a "loadFactor" 49 0009 "threshold" 78 70
//!    <f32> <i32>                               its fields, which say nothing that matters
//!    77 08 <i32 capacity> <i32 size>
//!    size times a key and a value
//! 78
//! ```
//!
//! A key or value is null (`70`), an array of bytes (`75`, its class, its length, the bytes), or the array of a handle
//! that an earlier one was given (`71`).

/// How every stream begins.
pub(super) const MAGIC: &[u8] = &[0xac, 0xed, 0x00, 0x05];

/// The class of the map, from its tag to the end of its description.
const MAP_CLASS: &[u8] =
    b"\x73\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\x0aloadFactorI\x00\x09threshold\x78\x70";
/// The fields before the map's own data.
const FIELDS_LEN: usize = 8;
/// The tag and length of the map's own data.
const BLOCK: &[u8] = &[0x77, 0x08];
/// The class of byte arrays where it is described.
const BYTES_CLASS: &[u8] = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";

const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const ARRAY: u8 = 0x75;
const END: u8 = 0x78;

/// The class of the map and the map itself have the first two handles; the class of byte arrays gets the next.
const BYTES_CLASS_HANDLE: u32 = 0x007e_0002;

/// An entry; each side may be null.
pub(super) type Entry<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The entries of a stream.
///
/// # Errors
/// Says what is there in place of such a map, and where.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    let mut reader = Reader {
        bytes,
        at: 0,
        arrays: Vec::new(),
    };
    reader.expect(MAGIC, "a stream of Java objects")?;
    reader.expect(MAP_CLASS, "a java.util.HashMap")?;
    reader.take(FIELDS_LEN)?;
    reader.expect(BLOCK, "the size of the map")?;
    reader.int()?;
    let size = reader.int()?;
    let mut entries = Vec::new();
    for _ in 0..size {
        entries.push((reader.element()?, reader.element()?));
    }
    reader.expect(&[END], "the end of the map")?;
    Ok(entries)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Arrays in the order of their handles.
    arrays: Vec<&'a [u8]>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let taken = rest
            .get(..len)
            .ok_or_else(|| format!("it ends at byte {} inside a Java object", self.bytes.len()))?;
        self.at += len;
        Ok(taken)
    }

    fn expect(&mut self, expected: &[u8], what: &str) -> Result<(), String> {
        let at = self.at;
        match self.take(expected.len())? == expected {
            true => Ok(()),
            false => Err(format!("byte {at} does not begin {what}")),
        }
    }

    fn int(&mut self) -> Result<u32, String> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_be_bytes(bytes))
    }

    fn element(&mut self) -> Result<Option<&'a [u8]>, String> {
        let at = self.at;
        match self.take(1)?[0] {
            NULL => Ok(None),
            REFERENCE => {
                let array = self.int()?.checked_sub(BYTES_CLASS_HANDLE + 1);
                let array = array.and_then(|index| self.arrays.get(index as usize));
                array
                    .copied()
                    .map(Some)
                    .ok_or_else(|| format!("byte {at} refers to an object that is not there"))
            }
            ARRAY => self.array().map(Some),
            tag => Err(format!(
                "byte {at} is the tag {tag:#04x}, of neither null nor an array of bytes"
            )),
        }
    }

    fn array(&mut self) -> Result<&'a [u8], String> {
        if self.bytes[self.at..].first() == Some(&REFERENCE) {
            self.take(1)?;
            if self.int()? != BYTES_CLASS_HANDLE {
                return Err(format!("byte {} does not name the class byte[]", self.at));
            }
        } else {
            self.expect(BYTES_CLASS, "the class byte[]")?;
        }
        let len = self.int()? as usize;
        let array = self.take(len)?;
        self.arrays.push(array);
        Ok(array)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream as Java writes it.
    pub(crate) fn stream(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut bytes = [MAGIC, MAP_CLASS, &[0x3f, 0x40, 0, 0, 0, 0, 0, 12], BLOCK].concat();
        bytes.extend([0, 0, 0, 16]);
        bytes.extend((entries.len() as u32).to_be_bytes());
        let mut is_first = true;
        let mut element = |side: Option<&[u8]>| {
            let Some(array) = side else {
                bytes.push(NULL);
                return;
            };
            bytes.push(ARRAY);
            if std::mem::take(&mut is_first) {
                bytes.extend(BYTES_CLASS);
            } else {
                bytes.push(REFERENCE);
                bytes.extend(BYTES_CLASS_HANDLE.to_be_bytes());
            }
            bytes.extend((array.len() as u32).to_be_bytes());
            bytes.extend(array);
        };
        for (key, value) in entries {
            element(*key);
            element(*value);
        }
        bytes.push(END);
        bytes
    }

    #[test]
    fn maps_are_read_as_written() {
        let written: [Entry<'_>; 3] = [
            (Some(b"k"), Some(b"v")),
            (Some(b"gone"), None),
            (None, Some(b"")),
        ];
        let bytes = stream(&written);
        assert_eq!(entries(&bytes).unwrap(), written);
        assert_eq!(entries(&stream(&[])).unwrap(), []);
    }

    #[test]
    fn arrays_may_be_referred_to() {
        let mut bytes = stream(&[(Some(b"a"), Some(b"b")), (Some(b"c"), None)]);
        bytes.truncate(bytes.len() - 2);
        bytes.extend([REFERENCE, 0x00, 0x7e, 0x00, 0x04, END]);
        let read = entries(&bytes).unwrap();
        assert_eq!(read[1], (Some(&b"c"[..]), Some(&b"b"[..])));
    }

    #[test]
    fn everything_else_is_said() {
        let whole = stream(&[(Some(b"a"), Some(b"b"))]);
        for len in 0..whole.len() {
            assert!(entries(&whole[..len]).is_err(), "{len}");
        }
        let error = entries(b"\xac\xed\x00\x05\x73\x72\x00\x13java.util.ArrayList0123456789012345678901234567890123456789").unwrap_err();
        assert_eq!(error, "byte 4 does not begin a java.util.HashMap");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..90) {
            let mut bytes = stream(&[(Some(b"a"), Some(b"b"))]);
            bytes.truncate(cut);
            bytes.extend(tail);
            drop(entries(&bytes));
        }
    }
}
