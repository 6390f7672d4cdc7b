//! The HTTP client of a registry: whom it trusts, who it is, and its way there.

use std::time::Duration;

use millrace_api::config::Secret;
use reqwest::{Certificate, Client, Identity, Proxy};

use super::super::config::AccessConfig;
use super::error::CallError;

/// A client by the settings. Runs on the thread of the registries: it reads files.
pub(super) fn client(access: &AccessConfig, secure: bool) -> Result<Client, CallError> {
    let connect = Duration::from_millis(u64::try_from(access.connect_timeout_ms).unwrap_or(1));
    let mut builder = Client::builder()
        .user_agent(concat!("millrace/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .no_proxy();
    if let Some(host) = &access.proxy_host {
        let proxy =
            Proxy::all(format!("http://{host}:{}", access.proxy_port)).map_err(|error| {
                settings(format!(
                    "proxy.host and proxy.port hold no address: {error}"
                ))
            })?;
        builder = builder.proxy(proxy);
    }
    let own_trust = trusted(access)?;
    if !secure {
        // Nothing is encrypted, and the system's certificates need not be there.
        builder = builder.tls_certs_only([]);
    } else if let Some(certificates) = own_trust {
        builder = builder.tls_certs_only(certificates);
    }
    if let Some(identity) = identity(access)? {
        builder = builder.identity(identity);
    }
    if access.identification.is_empty() {
        builder = builder.tls_danger_accept_invalid_hostnames(true);
    }
    builder.build().map_err(|error| {
        settings(format!(
            "cannot prepare connections to the schema registry: {}",
            super::transport::chain(&error)
        ))
    })
}

fn trusted(access: &AccessConfig) -> Result<Option<Vec<Certificate>>, CallError> {
    let (key, pem) = match (&access.truststore_text, &access.truststore) {
        (Some(text), _) => (
            "schema.registry.ssl.truststore.certificates",
            text.expose().as_bytes().to_vec(),
        ),
        (None, Some(path)) => {
            let key = "schema.registry.ssl.truststore.location";
            (key, read(key, path)?)
        }
        (None, None) => return Ok(None),
    };
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| settings(format!("{key} holds no certificates in PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(settings(format!(
            "{key} holds no certificates in {}; convert the store with keytool -exportcert -rfc, or with openssl pkcs12",
            access.truststore_type
        )));
    }
    Ok(Some(certificates))
}

fn identity(access: &AccessConfig) -> Result<Option<Identity>, CallError> {
    let expose = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let pem = match (
        expose(&access.keystore_key),
        expose(&access.keystore_chain),
        &access.keystore,
    ) {
        (Some(key), Some(chain), _) => format!("{key}\n{chain}\n").into_bytes(),
        (Some(_), None, _) | (None, Some(_), _) => {
            return Err(settings(
                "schema.registry.ssl.keystore.key and schema.registry.ssl.keystore.certificate.chain belong together".to_owned(),
            ));
        }
        (None, None, Some(path)) => read("schema.registry.ssl.keystore.location", path)?,
        (None, None, None) => return Ok(None),
    };
    Identity::from_pem(&pem).map(Some).map_err(|error| {
        settings(format!(
            "schema.registry.ssl.keystore holds no key with certificates in {}: {error}",
            access.keystore_type
        ))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "runs on the thread of the registries, once a converter"
)]
fn read(key: &str, path: &str) -> Result<Vec<u8>, CallError> {
    std::fs::read(path).map_err(|error| settings(format!("cannot read {path} ({key}): {error}")))
}

fn settings(text: String) -> CallError {
    CallError::Settings(text)
}

#[cfg(test)]
mod tests {
    use millrace_api::Properties;
    use millrace_api::config::Config;

    use super::*;

    fn built(settings: &[(&str, &str)]) -> Result<Client, CallError> {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let settings: Properties = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        client(&AccessConfig::parse(&settings).unwrap(), true)
    }

    #[test]
    fn stores_that_cannot_be_used_are_named() {
        for (key, value, expected) in [
            (
                "schema.registry.ssl.truststore.location",
                "/no/such/file",
                "cannot read /no/such/file",
            ),
            (
                "schema.registry.ssl.truststore.certificates",
                "junk",
                "no certificates in PEM",
            ),
            (
                "schema.registry.ssl.keystore.key",
                "junk",
                "belong together",
            ),
            (
                "schema.registry.ssl.keystore.location",
                "/dev/null",
                "no key with certificates",
            ),
        ] {
            let text = built(&[(key, value)]).unwrap_err().to_string();
            assert!(text.contains(expected), "{key}: {text}");
        }
    }
}
