//! TLS as it was configured, and the loading of certificates and keys for it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use millrace_config::Secret;
use millrace_wire::link::Tls;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use thiserror::Error;

use super::pem::{self, Block};
use super::verifier::Verifier;

/// All authorities of an operating system take a few hundred kilobytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Where certificates and keys are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Pem {
    /// In a file, by the key that names it.
    File { key: &'static str, path: String },
    /// In the configuration, by the key that holds it.
    Text { key: &'static str, text: Secret },
}

/// The settings of `ssl.*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TlsSettings {
    /// Whom to believe; nothing for the authorities of the operating system.
    pub(super) trust: Option<Pem>,
    /// The client's own certificates and key: one place, or one each.
    pub(super) identity: Vec<Pem>,
    /// Whether a certificate must be for the host that was dialled.
    pub(super) checks_hostname: bool,
    /// Whether TLS 1.2 and 1.3 are spoken.
    pub(super) versions: (bool, bool),
    /// The cipher suites by their names of IANA; all if empty.
    pub(super) cipher_suites: Vec<String>,
}

/// Why certificates or keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecurityError {
    /// A file cannot be read.
    #[error("cannot read {key}={path}: {reason}")]
    Read {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// It is not PEM, or lacks what it is to hold.
    #[error("cannot use {place}: {reason}")]
    Content {
        /// The key, and the file where there is one.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The operating system's authorities cannot be had.
    #[error("cannot find the system's certificate authorities ({0}); set ssl.truststore.location")]
    SystemAuthorities(String),
    /// They do not fit each other.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

/// A chain of certificates and the key of the first.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What tells whether a file has changed: the path, when it was written, and its size.
pub(super) type Stamp = (String, Option<SystemTime>, u64);

impl TlsSettings {
    /// The files as they are now. Blocks.
    pub(super) fn stamps(&self) -> Vec<Stamp> {
        let files = self.trust.iter().chain(&self.identity);
        files
            .filter_map(|pem| match pem {
                Pem::File { path, .. } => Some(path),
                Pem::Text { .. } => None,
            })
            .map(|path| {
                let found = std::fs::metadata(path).ok();
                let written = found.as_ref().and_then(|found| found.modified().ok());
                (path.clone(), written, found.map_or(0, |found| found.len()))
            })
            .collect()
    }

    /// Reads certificates and keys. Blocks.
    pub(super) fn load(&self) -> Result<Tls, SecurityError> {
        let setup = |error: rustls::Error| SecurityError::Setup(error.to_string());
        let provider = Arc::new(self.provider()?);
        let (roots, trusted) = self.roots()?;
        let verifier = Verifier {
            roots,
            trusted,
            checks_hostname: self.checks_hostname,
            provider: Arc::clone(&provider),
        };
        let versions: &[&SupportedProtocolVersion] = match self.versions {
            (true, true) => &[&TLS12, &TLS13],
            (true, false) => &[&TLS12],
            (false, _) => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match self.identity()? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| self.unsuitable(&error))?,
            None => builder.with_no_client_auth(),
        };
        Ok(Tls::new(config))
    }

    /// All that is wrong as the files are now. Blocks.
    pub(super) fn faults(&self) -> Vec<SecurityError> {
        let trust = self.trust.as_ref().and_then(|_| self.roots().err());
        let each = [self.provider().err(), trust, self.identity().err()];
        let faults: Vec<_> = each.into_iter().flatten().collect();
        match faults.is_empty() {
            true => self.load().err().into_iter().collect(),
            false => faults,
        }
    }

    fn provider(&self) -> Result<CryptoProvider, SecurityError> {
        let mut provider = ring::default_provider();
        if !self.cipher_suites.is_empty() {
            let is_wanted = |name: &str| self.cipher_suites.iter().any(|wanted| wanted == name);
            provider
                .cipher_suites
                .retain(|suite| is_wanted(&suite_name(suite)));
        }
        if provider.cipher_suites.is_empty() {
            let all = ring::default_provider().cipher_suites;
            let all: Vec<String> = all.iter().map(suite_name).collect();
            return Err(SecurityError::Content {
                place: "ssl.cipher.suites".to_owned(),
                reason: format!("none of them is known; there are {}", all.join(", ")),
            });
        }
        Ok(provider)
    }

    fn roots(&self) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), SecurityError> {
        let mut roots = RootCertStore::empty();
        let Some(trust) = &self.trust else {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let reason = found.errors.first().map(ToString::to_string);
                let reason = reason.unwrap_or_else(|| "there are none".to_owned());
                return Err(SecurityError::SystemAuthorities(reason));
            }
            return Ok((roots, Vec::new()));
        };
        let text = trust.read()?;
        let certificates = certificates(&trust.blocks(text.expose())?);
        if certificates.is_empty() {
            return Err(trust.wrong("it holds no certificate"));
        }
        for certificate in &certificates {
            roots
                .add(certificate.clone())
                .map_err(|error| trust.wrong(&format!("a certificate is damaged: {error}")))?;
        }
        Ok((roots, certificates))
    }

    /// Why certificates and key, which can be read, cannot be shown together.
    fn unsuitable(&self, error: &rustls::Error) -> SecurityError {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => {
                "its private key is not that of the first certificate; put the key there that this was made with"
                    .to_owned()
            }
            other => format!("it cannot be shown to brokers: {other}"),
        };
        match self.identity.last() {
            Some(last) => last.wrong(&reason),
            None => SecurityError::Setup(reason),
        }
    }

    fn identity(&self) -> Result<Option<Identity>, SecurityError> {
        let Some(last) = self.identity.last() else {
            return Ok(None);
        };
        let (mut chain, mut private) = (Vec::new(), None);
        for pem in &self.identity {
            let text = pem.read()?;
            let blocks = pem.blocks(text.expose())?;
            chain.extend(certificates(&blocks));
            for block in &blocks {
                if let Some(found) = private_key(block) {
                    private = Some(found.map_err(|reason| pem.wrong(reason))?);
                }
            }
        }
        match private {
            None => Err(last.wrong("it holds no private key")),
            Some(_) if chain.is_empty() => Err(last.wrong("it holds no certificate")),
            Some(private) => Ok(Some((chain, private))),
        }
    }
}

fn suite_name(suite: &rustls::SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

fn certificates(blocks: &[Block<'_>]) -> Vec<CertificateDer<'static>> {
    let certificates = blocks
        .iter()
        .filter(|block| matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE"));
    certificates
        .map(|block| CertificateDer::from(block.bytes.clone()))
        .collect()
}

/// The private key of a block, if it is one.
fn private_key(block: &Block<'_>) -> Option<Result<PrivateKeyDer<'static>, &'static str>> {
    if block.encrypted {
        return Some(Err(
            "its private key is protected by a password, which cannot be taken off here; decrypt it with \
             `openssl pkey -in KEY -out DECRYPTED` into a file that only this user can read, and leave \
             ssl.key.password out",
        ));
    }
    let bytes = || block.bytes.clone();
    Some(Ok(match block.label {
        "PRIVATE KEY" => PrivatePkcs8KeyDer::from(bytes()).into(),
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(bytes()).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(bytes()).into(),
        _ => return None,
    }))
}

impl Pem {
    fn read(&self) -> Result<Secret, SecurityError> {
        let (key, path) = match self {
            Self::Text { text, .. } => return Ok(text.clone()),
            Self::File { key, path } => (*key, path),
        };
        let failed = |reason: String| SecurityError::Read {
            key,
            path: path.clone(),
            reason,
        };
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
        let opened = std::fs::File::open(Path::new(path));
        opened
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(failed(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.first() == Some(&0x30) {
            return Err(self.wrong(
                "it is a Java or PKCS12 keystore, and only PEM is read; convert it with `keytool -importkeystore \
                 -srckeystore STORE -destkeystore STORE.p12 -deststoretype PKCS12` (a JKS), then `openssl pkcs12 \
                 -in STORE.p12 -out STORE.pem -nodes`, and set the type to PEM",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| self.wrong("it is no PEM text"))?;
        Ok(Secret::new(text))
    }

    fn blocks<'a>(&self, text: &'a str) -> Result<Vec<Block<'a>>, SecurityError> {
        pem::blocks(text).map_err(|reason| self.wrong(&reason))
    }

    fn wrong(&self, reason: &str) -> SecurityError {
        let place = match self {
            Self::File { key, path } => format!("{key}={path}"),
            Self::Text { key, .. } => (*key).to_owned(),
        };
        SecurityError::Content {
            place,
            reason: reason.to_owned(),
        }
    }
}
