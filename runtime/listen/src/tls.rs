//! TLS by rustls, with certificates and keys from PEM files.

use std::path::Path;
use std::sync::Arc;

use millrace_api::ConnectError;
use millrace_config::Config;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The keys of a listener's TLS, to be flattened into its own.
#[derive(Debug, Clone, Config)]
pub struct TlsConfig {
    /// A PEM file with the certificate and those that vouch for it; with it, the listener speaks TLS.
    #[config(name = "tls.certificate")]
    pub certificate: Option<String>,
    /// A PEM file with the certificate's private key.
    #[config(name = "tls.key")]
    pub key: Option<String>,
    /// A PEM file with the authorities whose certificates clients must show; without it they need none.
    #[config(name = "tls.client.ca")]
    pub client_ca: Option<String>,
}

/// A key that cannot be as it is beside the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key.
    pub key: &'static str,
    /// Its value; none where it is missing.
    pub value: Option<String>,
    /// What is wrong and what to do.
    pub why: &'static str,
}

impl TlsConfig {
    /// Whether the keys say enough to speak TLS.
    pub fn is_given(&self) -> bool {
        self.certificate.is_some() && self.key.is_some()
    }

    /// What is wrong with the keys together, of which each by itself is right.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let both = "TLS needs both tls.certificate and tls.key: name the other PEM file too";
        let missing = match (&self.certificate, &self.key) {
            (Some(_), None) => Some("tls.key"),
            (None, Some(_)) => Some("tls.certificate"),
            _ => None,
        };
        faults.extend(missing.map(|key| Fault {
            key,
            value: None,
            why: both,
        }));
        if let (Some(path), None) = (&self.client_ca, &self.certificate) {
            faults.push(Fault {
                key: "tls.client.ca",
                value: Some(path.clone()),
                why: "clients show certificates over TLS only: set tls.certificate and tls.key",
            });
        }
        faults
    }

    /// What makes a TLS connection of a socket; none where the keys do not ask for it. `protocol` is the name by which
    /// clients may ask for what is spoken (ALPN), if it has one.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub async fn acceptor(
        &self,
        protocol: Option<&'static str>,
    ) -> Result<Option<TlsAcceptor>, ConnectError> {
        let (Some(certificate), Some(key)) = (self.certificate.clone(), self.key.clone()) else {
            return Ok(None);
        };
        let client_ca = self.client_ca.clone();
        let built =
            tokio::task::spawn_blocking(move || build(&certificate, &key, client_ca.as_deref()));
        let mut config = built.await.map_err(|error| {
            ConnectError::connect("cannot read the TLS files").caused_by(error)
        })??;
        config.alpn_protocols = protocol.map(|name| name.into()).into_iter().collect();
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn build(
    certificate: &str,
    key: &str,
    client_ca: Option<&str>,
) -> Result<ServerConfig, ConnectError> {
    let chain = certificates("tls.certificate", certificate)?;
    let private = PrivateKeyDer::from_pem_file(Path::new(key))
        .map_err(|error| unusable("tls.key", key).caused_by(error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::connect("cannot set up TLS").caused_by(error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let failed = || unusable("tls.client.ca", path);
            let mut roots = RootCertStore::empty();
            for certificate in certificates("tls.client.ca", path)? {
                roots
                    .add(certificate)
                    .map_err(|error| failed().caused_by(error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| failed().caused_by(error))?)
        }
    };
    builder
        .with_single_cert(chain, private)
        .map_err(|error| unusable("tls.certificate", certificate).caused_by(error))
}

fn certificates(key: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read = CertificateDer::pem_file_iter(Path::new(path))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(ConnectError::config(format!(
            "{key}: the file {path} holds no certificate in PEM"
        ))),
        Err(error) => Err(unusable(key, path).caused_by(error)),
    }
}

fn unusable(key: &str, path: &str) -> ConnectError {
    ConnectError::config(format!(
        "{key}: the file {path} cannot be used; it must be PEM, and this process must be able to read it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(certificate: Option<&str>, key: Option<&str>, client_ca: Option<&str>) -> TlsConfig {
        TlsConfig {
            certificate: certificate.map(str::to_owned),
            key: key.map(str::to_owned),
            client_ca: client_ca.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_missing_beside_what_is_given() {
        let keys = |tls: TlsConfig| -> Vec<_> {
            let faults = tls.faults();
            faults.into_iter().map(|fault| fault.key).collect()
        };
        assert_eq!(keys(config(None, None, None)), [""; 0]);
        assert_eq!(keys(config(Some("c"), Some("k"), Some("a"))), [""; 0]);
        assert_eq!(keys(config(Some("c"), None, None)), ["tls.key"]);
        assert_eq!(
            keys(config(None, Some("k"), Some("a"))),
            ["tls.certificate", "tls.client.ca"]
        );
    }

    #[tokio::test]
    async fn files_that_cannot_be_used_are_named() {
        let gone = config(Some("/gone.pem"), Some("/gone.pem"), None);
        let error = gone.acceptor(None).await.err().unwrap().to_string();
        assert!(
            error.contains("tls.certificate: the file /gone.pem"),
            "{error}"
        );
        let none = config(None, None, None).acceptor(None).await;
        assert!(none.is_ok_and(|acceptor| acceptor.is_none()));
    }
}
