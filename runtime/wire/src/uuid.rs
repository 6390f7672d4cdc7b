//! Kafka's UUIDs: 16 raw bytes on the wire, 22 characters of unpadded base64url as text.

use std::fmt;
use std::io;
use std::str::FromStr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_LEN: usize = 22;

/// A topic, cluster or directory id. All zeros means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that stands for "no id".
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// The id that Kafka reserves for its metadata topic.
    pub const ONE: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// A random (version 4) id from the operating system's generator. As in Kafka its text never starts
    /// with a dash, so that it can be given to command line tools.
    ///
    /// # Errors
    /// Where the operating system gives no random bytes.
    pub fn random() -> io::Result<Uuid> {
        loop {
            let id = Uuid::version_4(random_bytes()?);
            if !id.to_string().starts_with('-') {
                return Ok(id);
            }
        }
    }

    fn version_4(mut bytes: [u8; 16]) -> Uuid {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }

    /// The id in the hyphenated hexadecimal form, as Java's `UUID.toString` prints it.
    pub fn to_hyphenated(&self) -> String {
        let mut text = String::with_capacity(36);
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        text
    }
}

fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for index in 0..TEXT_LEN {
            // 22 characters hold 132 bits: the id is shifted up by four so that the last one is padded with zeros.
            let shift = 128 - 6 * (index as i32 + 1);
            let six = if shift >= 0 {
                bits >> shift
            } else {
                bits << -shift
            };
            write!(f, "{}", char::from(ALPHABET[(six & 63) as usize]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 22 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a base64url id of 22 characters: {0:?}")]
pub struct ParseUuidError(String);

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let error = || ParseUuidError(text.chars().take(64).collect());
        let text_bytes = text.trim_end_matches('=').as_bytes();
        if text_bytes.len() != TEXT_LEN {
            return Err(error());
        }
        let mut bits: u128 = 0;
        for (index, character) in text_bytes.iter().enumerate() {
            let six = ALPHABET
                .iter()
                .position(|c| c == character)
                .ok_or_else(error)? as u128;
            bits = if index + 1 < TEXT_LEN {
                (bits << 6) | six
            } else {
                (bits << 2) | (six >> 4)
            };
        }
        Ok(Uuid(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_base64url_and_reads_back() {
        let table = [
            (Uuid::ZERO, "AAAAAAAAAAAAAAAAAAAAAA"),
            (Uuid::ONE, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (Uuid([0xff; 16]), "_____________________w"),
        ];
        for (id, text) in table {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse::<Uuid>().unwrap(), id);
        }
    }

    #[test]
    fn random_ids_differ_and_read_back() {
        let a = Uuid::random().unwrap();
        let b = Uuid::random().unwrap();
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse::<Uuid>().unwrap(), a);
        assert_eq!(a.to_hyphenated().len(), 36);
        assert_eq!(&a.to_hyphenated()[14..15], "4");
    }

    #[test]
    fn bad_text_is_refused() {
        for text in [
            "",
            "short",
            "AAAAAAAAAAAAAAAAAAAAA!",
            "AAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
