//! Trusted authorities and the client's own certificate, from PEM files or texts.

use millrace_api::ConnectError;
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::ring;

use super::config::ClientConfig;

/// Puts the TLS settings into `builder`. A client that calls no `https` server does without the system's authorities,
/// which not every machine has.
///
/// # Errors
/// When a file cannot be read or holds no usable certificate or key.
pub(super) async fn configure(
    builder: ClientBuilder,
    config: &ClientConfig,
    https: bool,
) -> Result<ClientBuilder, ConnectError> {
    // The process has one provider; whoever came first has chosen it.
    let _chosen = ring::default_provider().install_default().is_ok();
    let mut builder = builder.tls_danger_accept_invalid_hostnames(!config.checks_hostnames());
    let mut authorities = Vec::new();
    if let Some(path) = named(config.truststore_location.as_deref()) {
        authorities.extend(certificates(
            "https.ssl.truststore.location",
            path,
            &read(path).await?,
        )?);
    }
    if let Some(text) = named(config.truststore_certificates.as_deref()) {
        let key = "https.ssl.truststore.certificates";
        authorities.extend(certificates(key, "the text", text.as_bytes())?);
    }
    if config.names_authorities() || !https {
        builder = builder.tls_certs_only(authorities);
    }
    Ok(match identity(config).await? {
        Some(identity) => builder.identity(identity),
        None => builder,
    })
}

fn named(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

async fn read(path: &str) -> Result<Vec<u8>, ConnectError> {
    let file = path.to_owned();
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
    let failed = || ConnectError::config(format!("cannot read the PEM file {path}"));
    read.map_err(|error| failed().caused_by(error))?
        .map_err(|error| failed().caused_by(error))
}

fn certificates(key: &str, place: &str, pem: &[u8]) -> Result<Vec<Certificate>, ConnectError> {
    let found = Certificate::from_pem_bundle(pem).unwrap_or_default();
    if found.is_empty() {
        return Err(ConnectError::config(format!(
            "cannot use {key}: {place} has no certificate in PEM form; a Java keystore must be converted to PEM first"
        )));
    }
    Ok(found)
}

async fn identity(config: &ClientConfig) -> Result<Option<Identity>, ConnectError> {
    let mut pem = Vec::new();
    let mut key = "https.ssl.keystore.certificate.chain";
    if let Some(path) = named(config.keystore_location.as_deref()) {
        pem.extend(read(path).await?);
        key = "https.ssl.keystore.location";
    }
    if let (Some(chain), Some(private)) = (
        named(config.keystore_certificate_chain.as_deref()),
        &config.keystore_key,
    ) {
        pem.extend_from_slice(private.expose().as_bytes());
        pem.push(b'\n');
        pem.extend_from_slice(chain.as_bytes());
    }
    if pem.is_empty() {
        return Ok(None);
    }
    match Identity::from_pem(&pem) {
        Ok(identity) => Ok(Some(identity)),
        Err(error) => Err(ConnectError::config(format!(
            "cannot use {key}: it must hold a certificate chain and a private key that is not encrypted, in PEM form"
        ))
        .caused_by(error)),
    }
}
