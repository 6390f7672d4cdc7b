//! Signatures of bodies: HMAC-SHA-256 with a shared secret, in the forms of GitHub and of Stripe.
//!
//! ```text
//! X-Hub-Signature-256: sha256=<hex of HMAC(secret, body)>
//! Stripe-Signature: t=<seconds>,v1=<hex of HMAC(secret, "<seconds>." body)>[,v1=…]
//! ```
//!
//! Compared in constant time. The body is taken as it was sent, before it is unpacked.

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::Sha256;

use super::config::{ListenerConfig, SignatureType};

/// Signatures in one header at most: more than any sender has secrets.
const SIGNATURES_MAX: usize = 8;

/// Checks signatures.
#[derive(Debug)]
pub(super) struct Signatures {
    kind: SignatureType,
    header: String,
    secrets: Vec<Vec<u8>>,
    tolerance_seconds: i64,
}

impl Signatures {
    pub(super) fn new(config: &ListenerConfig) -> Self {
        let usual = match config.signature_type {
            SignatureType::Stripe => "stripe-signature",
            SignatureType::None | SignatureType::Github => "x-hub-signature-256",
        };
        let secrets = [&config.signature_secret, &config.signature_secret_previous];
        Self {
            kind: config.signature_type,
            header: config
                .signature_header
                .as_deref()
                .unwrap_or(usual)
                .to_ascii_lowercase(),
            secrets: secrets
                .into_iter()
                .flatten()
                .map(|secret| secret.expose().as_bytes().to_vec())
                .filter(|secret| !secret.is_empty())
                .collect(),
            tolerance_seconds: config.signature_tolerance_seconds.into(),
        }
    }

    /// Whether the body was signed with one of the secrets; `now_ms` is the time.
    ///
    /// # Errors
    /// What is wrong, in words that help the sender and nobody else.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), String> {
        if self.kind == SignatureType::None {
            return Ok(());
        }
        let text = headers
            .get(&self.header)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| format!("the header {} is missing", self.header))?;
        let wrong = || format!("the signature in {} does not fit the body", self.header);
        match self.kind {
            SignatureType::None => Ok(()),
            SignatureType::Github => {
                let hex = text.strip_prefix("sha256=").ok_or_else(wrong)?;
                self.any_fits(&[hex], &[body])
                    .then_some(())
                    .ok_or_else(wrong)
            }
            SignatureType::Stripe => {
                let (time, signatures) = stripe(text).ok_or_else(wrong)?;
                let off = (now_ms / 1000).abs_diff(time.parse().map_err(|_| wrong())?);
                if self.tolerance_seconds > 0 && off > self.tolerance_seconds.unsigned_abs() {
                    return Err(format!(
                        "the time in {} is more than {} seconds off",
                        self.header, self.tolerance_seconds
                    ));
                }
                let signed = [time.as_bytes(), b".", body];
                self.any_fits(&signatures, &signed)
                    .then_some(())
                    .ok_or_else(wrong)
            }
        }
    }

    fn any_fits(&self, signatures: &[&str], signed: &[&[u8]]) -> bool {
        signatures
            .iter()
            .take(SIGNATURES_MAX)
            .filter_map(|hex| unhex(hex.trim()))
            .any(|signature| {
                self.secrets
                    .iter()
                    .any(|secret| fits(secret, signed, &signature))
            })
    }
}

/// Whether `signature` is that of the concatenated parts, found out in constant time.
fn fits(secret: &[u8], signed: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret) else {
        return false;
    };
    for part in signed {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

/// Time and signatures of Stripe's header.
fn stripe(text: &str) -> Option<(&str, Vec<&str>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in text.split(',') {
        match part.trim().split_once('=')? {
            ("t", value) => time = Some(value),
            ("v1", value) => signatures.push(value),
            _ => {}
        }
    }
    Some((time?, signatures))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;

    use super::*;

    fn signatures(pairs: &[(&str, &str)]) -> Signatures {
        let properties = properties([("port", "0"), ("topic", "t")].iter().chain(pairs));
        Signatures::new(&ListenerConfig::parse(&properties).unwrap())
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(
            hyper::header::HeaderName::from_static(name),
            value.parse().unwrap(),
        )]
        .into_iter()
        .collect()
    }

    /// The example of GitHub's documentation ("Validating webhook deliveries").
    #[test]
    fn github() {
        let checks = signatures(&[
            ("signature.type", "github"),
            ("signature.secret", "It's a Secret to Everybody"),
        ]);
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let name = "x-hub-signature-256";
        assert_eq!(
            checks.check(&headers(name, good), b"Hello, World!", 0),
            Ok(())
        );
        assert!(
            checks
                .check(&headers(name, good), b"Hello, World?", 0)
                .is_err()
        );
        assert!(
            checks
                .check(&headers(name, &good[7..]), b"Hello, World!", 0)
                .is_err()
        );
        assert!(checks.check(&headers(name, "sha256=zz"), b"", 0).is_err());
        assert!(checks.check(&HeaderMap::new(), b"", 0).is_err());
    }

    #[test]
    fn stripe_with_a_tolerance_and_two_secrets() {
        let checks = signatures(&[
            ("signature.type", "stripe"),
            ("signature.secret", "new"),
            ("signature.secret.previous", "old"),
        ]);
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"old").unwrap();
        mac.update(b"1000.{}");
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let header = headers(
            "stripe-signature",
            &format!("t=1000,v0=77,v1=00ff,v1={hex}"),
        );
        assert_eq!(checks.check(&header, b"{}", 1_300_000), Ok(()));
        assert!(checks.check(&header, b"{}", 1_301_000).is_err());
        assert!(checks.check(&header, b"{}", 699_000).is_err());
        assert!(checks.check(&header, b"{ }", 1_000_000).is_err());
        let forged = headers("stripe-signature", &format!("t=1200,v1={hex}"));
        assert!(checks.check(&forged, b"{}", 1_200_000).is_err());
    }
}
