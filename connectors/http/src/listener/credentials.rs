//! Who may send: basic and bearer credentials, compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use super::config::{AuthType, ListenerConfig};

/// What senders must show.
#[derive(Debug)]
pub(super) struct Credentials {
    kind: AuthType,
    /// Digest of what stands behind the scheme.
    expected: [u8; 32],
}

impl Credentials {
    pub(super) fn new(config: &ListenerConfig) -> Self {
        let secret = match config.auth_type {
            AuthType::None => String::new(),
            AuthType::Basic => format!(
                "{}:{}",
                config.user.as_deref().unwrap_or_default(),
                config
                    .password
                    .as_ref()
                    .map_or("", |secret| secret.expose())
            ),
            AuthType::Bearer => config
                .bearer_token
                .as_ref()
                .map_or("", |secret| secret.expose())
                .to_owned(),
        };
        Self {
            kind: config.auth_type,
            expected: digest(secret.as_bytes()),
        }
    }

    /// Whether the request shows them; otherwise what to ask for (`WWW-Authenticate`).
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let (scheme, challenge) = match self.kind {
            AuthType::None => return Ok(()),
            AuthType::Basic => ("basic", "Basic realm=\"millrace\", charset=\"UTF-8\""),
            AuthType::Bearer => ("bearer", "Bearer realm=\"millrace\""),
        };
        let shown = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split_once(' '))
            .filter(|(shown, _)| shown.eq_ignore_ascii_case(scheme))
            .map(|(_, secret)| secret.trim());
        let shown = match self.kind {
            AuthType::Basic => shown.and_then(|text| STANDARD.decode(text).ok()),
            _ => shown.map(|text| text.as_bytes().to_vec()),
        };
        match shown {
            Some(shown) if same(&digest(&shown), &self.expected) => Ok(()),
            _ => Err(challenge),
        }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Digests are compared to their end: how much of them is equal tells nothing, but it costs nothing either.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differing = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;

    use super::*;

    fn check(pairs: &[(&str, &str)], header: Option<&str>) -> bool {
        let properties = properties([("port", "0"), ("topic", "t")].iter().chain(pairs));
        let credentials = Credentials::new(&ListenerConfig::parse(&properties).unwrap());
        let headers = header
            .map(|value| (AUTHORIZATION, value.parse().unwrap()))
            .into_iter()
            .collect();
        credentials.check(&headers).is_ok()
    }

    #[test]
    fn basic_and_bearer() {
        let basic = [
            ("auth.type", "basic"),
            ("connection.user", "ann"),
            ("connection.password", "s3:cret"),
        ];
        let right = format!("Basic {}", STANDARD.encode("ann:s3:cret"));
        assert!(check(&basic, Some(&right)));
        assert!(check(&basic, Some(&right.replace("Basic", "bAsIc"))));
        for wrong in ["Basic", "Basic !", "Basic YW5uOg==", "Bearer ann:s3:cret"] {
            assert!(!check(&basic, Some(wrong)), "{wrong}");
        }
        assert!(!check(&basic, None));
        let bearer = [("auth.type", "bearer"), ("bearer.token", "abc")];
        assert!(check(&bearer, Some("Bearer abc")));
        assert!(!check(&bearer, Some("Bearer abcd")));
        assert!(!check(&bearer, Some("Bearer ")));
        assert!(check(&[], None));
    }
}
