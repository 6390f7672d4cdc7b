//! TLS by rustls, with certificates and keys from PEM files.

use std::path::Path;
use std::sync::Arc;

use millrace_api::ConnectError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::config::ListenerConfig;

/// What makes a TLS connection of a socket; none where the listener is to speak plain HTTP.
///
/// # Errors
/// Which file cannot be used, and why.
pub(super) async fn acceptor(config: &ListenerConfig) -> Result<Option<TlsAcceptor>, ConnectError> {
    let (Some(certificate), Some(key)) = (&config.tls_certificate, &config.tls_key) else {
        return Ok(None);
    };
    let (certificate, key) = (certificate.clone(), key.clone());
    let client_ca = config.tls_client_ca.clone();
    let built =
        tokio::task::spawn_blocking(move || build(&certificate, &key, client_ca.as_deref()));
    let config = built
        .await
        .map_err(|error| ConnectError::connect("cannot read the TLS files").caused_by(error))??;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
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
    let mut config = builder
        .with_single_cert(chain, private)
        .map_err(|error| unusable("tls.certificate", certificate).caused_by(error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
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
