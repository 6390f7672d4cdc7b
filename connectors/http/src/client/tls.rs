//! Trusted authorities and the client's own certificate, from PEM files or texts.

use millrace_api::ConnectError;
use millrace_api::config::refused;
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::ring;

use super::config::ClientConfig;

const TRUSTSTORE: &str = "https.ssl.truststore.location";
const AUTHORITIES: &str = "https.ssl.truststore.certificates";
const KEYSTORE: &str = "https.ssl.keystore.location";
const CHAIN: &str = "https.ssl.keystore.certificate.chain";
/// What is shown of a value that is a long text.
const TEXT: &str = "[PEM]";
/// Bytes of a file at most; all authorities of an operating system take a few hundred kilobytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Whom to believe, and how to show oneself.
#[derive(Debug, Default)]
struct Stores {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

/// Puts the TLS settings into `builder`. A client that calls no `https` server does without the system's authorities,
/// which not every machine has.
///
/// # Errors
/// When files cannot be read or hold no usable certificate or key: all of them, a line each.
pub(super) async fn configure(
    builder: ClientBuilder,
    config: &ClientConfig,
    https: bool,
) -> Result<ClientBuilder, ConnectError> {
    let builder = builder.tls_danger_accept_invalid_hostnames(!config.checks_hostnames());
    let stores = Stores::load(config).await.map_err(|wrong| {
        let why: Vec<_> = wrong.into_iter().map(|(_, why)| why).collect();
        ConnectError::config(why.join("\n"))
    })?;
    let builder = match config.names_authorities() || !https {
        true => builder.tls_certs_only(stores.authorities),
        false => builder,
    };
    Ok(match stores.identity {
        Some(identity) => builder.identity(identity),
        None => builder,
    })
}

/// What is wrong with the files and texts as they are now: each key with a message.
pub(crate) async fn faults(config: &ClientConfig) -> Vec<(String, String)> {
    Stores::load(config).await.err().unwrap_or_default()
}

impl Stores {
    async fn load(config: &ClientConfig) -> Result<Self, Vec<(String, String)>> {
        // The process has one provider; whoever came first has chosen it.
        let _chosen = ring::default_provider().install_default().is_ok();
        let mut stores = Self::default();
        let mut wrong = Vec::new();
        if let Some(path) = named(config.truststore_location.as_deref()) {
            match read(path).await.and_then(|pem| certificates(&pem)) {
                Ok(found) => stores.authorities.extend(found),
                Err(why) => wrong.push(refused(TRUSTSTORE, path, &why)),
            }
        }
        if let Some(text) = named(config.truststore_certificates.as_deref()) {
            match certificates(text.as_bytes()) {
                Ok(found) => stores.authorities.extend(found),
                Err(why) => wrong.push(refused(AUTHORITIES, TEXT, &why)),
            }
        }
        match identity(config).await {
            Ok(found) => stores.identity = found,
            Err(refused) => wrong.push(refused),
        }
        match wrong.is_empty() {
            true => Ok(stores),
            false => Err(wrong),
        }
    }
}

fn named(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

async fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let found = std::fs::metadata(&file)?;
        if !found.is_file() || found.len() > FILE_BYTES_MAX {
            return Err(std::io::Error::other("it is no file of certificates"));
        }
        #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
        std::fs::read(file)
    });
    let failed = |error: &dyn std::error::Error| {
        format!("cannot read the file: {error}; name a PEM file that this process may read")
    };
    read.await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let found = Certificate::from_pem_bundle(pem).unwrap_or_default();
    match found.is_empty() {
        false => Ok(found),
        true => Err(
            "there is no certificate in PEM form in it; a Java keystore must be converted to PEM first"
                .to_owned(),
        ),
    }
}

/// The client's certificate and key, if they are configured.
async fn identity(config: &ClientConfig) -> Result<Option<Identity>, (String, String)> {
    let mut pem = Vec::new();
    let (mut key, mut value) = (CHAIN, TEXT);
    if let Some(path) = named(config.keystore_location.as_deref()) {
        let read = read(path).await;
        pem.extend(read.map_err(|why| refused(KEYSTORE, path, &why))?);
        (key, value) = (KEYSTORE, path);
    }
    if let (Some(chain), Some(private)) = (
        named(config.keystore_certificate_chain.as_deref()),
        &config.keystore_key,
    ) {
        pem.extend_from_slice(private.expose().as_bytes());
        pem.push(b'\n');
        pem.extend_from_slice(chain.as_bytes());
    }
    if key == CHAIN && pem.is_empty() {
        return Ok(None);
    }
    let identity = Identity::from_pem(&pem).map_err(|_| {
        let why =
            "it must hold a certificate chain and a private key that is not encrypted, in PEM form";
        refused(key, value, why)
    })?;
    // Whether key and certificate go together shows when a client is made of them.
    let trial = reqwest::Client::builder()
        .tls_certs_only([])
        .identity(identity.clone());
    match trial.build() {
        Ok(_) => Ok(Some(identity)),
        Err(_) => {
            let why = "its private key is not that of its first certificate, or one of them is damaged; put both there as they were made";
            Err(refused(key, value, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config;

    use super::*;

    #[tokio::test]
    async fn each_store_that_cannot_be_used_is_told_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write(
            "one.pem",
            &(one.cert.pem() + &one.signing_key.serialize_pem()),
        );
        write(
            "mixed.pem",
            &(one.cert.pem() + &other.signing_key.serialize_pem()),
        );
        write("certificate.pem", &one.cert.pem());
        write("empty.pem", "");
        for (trust, identity, expected) in [
            ("certificate.pem", "one.pem", &[][..]),
            (
                "gone.pem",
                "one.pem",
                &[(TRUSTSTORE, "cannot read the file")],
            ),
            (".", "", &[(TRUSTSTORE, "no file of certificates")]),
            ("empty.pem", "", &[(TRUSTSTORE, "no certificate")]),
            ("", "gone.pem", &[(KEYSTORE, "cannot read the file")]),
            ("", "empty.pem", &[(KEYSTORE, "it must hold")]),
            ("", "certificate.pem", &[(KEYSTORE, "it must hold")]),
            (
                "",
                "mixed.pem",
                &[(KEYSTORE, "not that of its first certificate")],
            ),
            (
                "empty.pem",
                "gone.pem",
                &[(TRUSTSTORE, "no certificate"), (KEYSTORE, "cannot read")],
            ),
        ] {
            let keys = [(TRUSTSTORE, trust), (KEYSTORE, identity)];
            let keys = keys.into_iter().filter(|(_, name)| !name.is_empty());
            let keys = keys.map(|(key, name)| {
                let path = folder.path().join(name);
                (key.to_owned(), path.display().to_string())
            });
            let config = ClientConfig::parse(&keys.collect()).unwrap();
            let told = faults(&config).await;
            assert_eq!(told.len(), expected.len(), "{trust} {identity}: {told:?}");
            for ((key, why), (expected, mention)) in told.iter().zip(expected) {
                assert_eq!(key, expected);
                assert!(why.contains(mention) && why.contains(key.as_str()), "{why}");
            }
        }
    }
}
