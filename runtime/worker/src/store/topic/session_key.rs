//! The key by which workers of a group sign what they say to each other (KIP-507): an HMAC over the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// An algorithm, by Java's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// All of them.
    const ALL: [Self; 4] = [Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm of a name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name.trim()))
    }

    /// Java's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha224 => "HmacSHA224",
            Self::Sha256 => "HmacSHA256",
            Self::Sha384 => "HmacSHA384",
            Self::Sha512 => "HmacSHA512",
        }
    }

    /// The length of its output, and of its keys where no other is asked for, in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn mac(self, key: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        fn one<M: Mac + KeyInit>(key: &[u8], body: &[u8]) -> Option<Vec<u8>> {
            let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
            mac.update(body);
            Some(mac.finalize().into_bytes().to_vec())
        }
        match self {
            Self::Sha224 => one::<Hmac<Sha224>>(key, body),
            Self::Sha256 => one::<Hmac<Sha256>>(key, body),
            Self::Sha384 => one::<Hmac<Sha384>>(key, body),
            Self::Sha512 => one::<Hmac<Sha512>>(key, body),
        }
    }
}

/// A key of the group.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionKey {
    pub(crate) bytes: Vec<u8>,
    /// The algorithm that it was made for, as its record names it.
    pub(crate) algorithm: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(crate) created_ms: i64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey")
            .field("algorithm", &self.algorithm)
            .field("created_ms", &self.created_ms)
            .finish_non_exhaustive()
    }
}

impl SessionKey {
    /// A new random key of `len` bytes.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn random(
        algorithm: Algorithm,
        len: usize,
        created_ms: i64,
    ) -> std::io::Result<Self> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            filled += rustix::rand::getrandom(
                &mut bytes[filled..],
                rustix::rand::GetRandomFlags::empty(),
            )?;
        }
        Ok(Self {
            bytes,
            algorithm: algorithm.name().to_owned(),
            created_ms,
        })
    }

    /// The signature of a body, as the header carries it.
    pub(crate) fn sign(&self, algorithm: Algorithm, body: &[u8]) -> String {
        let mac = algorithm.mac(&self.bytes, body).unwrap_or_default();
        STANDARD.encode(mac)
    }

    /// Whether `signature` is that of the body; takes as long whether it is or not.
    pub(crate) fn verifies(&self, algorithm: Algorithm, body: &[u8], signature: &[u8]) -> bool {
        let Some(mac) = algorithm.mac(&self.bytes, body) else {
            return false;
        };
        let differing = mac
            .iter()
            .zip(signature)
            .fold(0, |all, (one, other)| all | (one ^ other));
        mac.len() == signature.len() && differing == 0
    }
}

/// Bytes of a header or a record.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

/// Bytes as a record has them.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, SessionKey, from_base64};

    /// The vectors were made by the Java classes.
    #[test]
    fn signatures_are_those_of_kafka_connect() {
        let key = SessionKey {
            bytes: (0..32).collect(),
            algorithm: "HmacSHA256".to_owned(),
            created_ms: 0,
        };
        for (body, expected) in [
            (
                &br#"[{"k":"v"}]"#[..],
                "ah4TWWC//lk+uyxOX8Igc5ECqRJ0Dwmj2K0s5a452dE=",
            ),
            (b"", "04tCCW2A9F+Ca0Sp1WB95ySWpBXT9KGoyI47udqNwcs="),
        ] {
            assert_eq!(key.sign(Algorithm::Sha256, body), expected);
            let mut signature = from_base64(expected).unwrap();
            assert!(key.verifies(Algorithm::Sha256, body, &signature));
            assert!(!key.verifies(Algorithm::Sha256, b"other", &signature));
            assert!(!key.verifies(Algorithm::Sha512, body, &signature));
            signature.pop();
            assert!(!key.verifies(Algorithm::Sha256, body, &signature));
        }
        let one = SessionKey::random(Algorithm::Sha256, 32, 1).unwrap();
        let other = SessionKey::random(Algorithm::Sha256, 32, 1).unwrap();
        assert!(one.bytes.len() == 32 && one != other);
        assert_eq!(Algorithm::named("hmacsha256"), Some(Algorithm::Sha256));
    }
}
