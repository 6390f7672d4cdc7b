//! The PEM files of a listener's TLS: what they hold, and what is wrong with them, each by the key that names it. Blocks.

use std::io::Read as _;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error as TlsError, RootCertStore, ServerConfig};

use super::{CERTIFICATE, CLIENT_CA, Fault, KEY};

/// All authorities of an operating system take a few hundred kilobytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// What PEM calls a private key that is protected by a password, in its two forms.
const ENCRYPTED: [&str; 2] = ["ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// Where the files are; a key that is not given has none.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) client_ca: Option<String>,
}

impl Files {
    /// What makes TLS of a connection, as far as certificate and key are given.
    ///
    /// # Errors
    /// All that is wrong with the files.
    pub(super) fn load(&self) -> Result<Option<ServerConfig>, Vec<Fault>> {
        let provider = Arc::new(ring::default_provider());
        let mut faults = Vec::new();
        let chain = read(CERTIFICATE, &self.certificate, &mut faults, chain);
        let private = read(KEY, &self.key, &mut faults, private);
        let clients = read(CLIENT_CA, &self.client_ca, &mut faults, |path| {
            clients(path, &provider)
        });
        if let (Some(chain), Some(private)) = (chain, private) {
            match config(chain, private, clients, provider) {
                Ok(config) if faults.is_empty() => return Ok(Some(config)),
                Ok(_) => {}
                Err(error) => faults.push(self.mismatch(&error)),
            }
        }
        if faults.is_empty() {
            Ok(None)
        } else {
            Err(faults)
        }
    }

    /// Certificate and key are right by themselves, and do not go together.
    fn mismatch(&self, error: &TlsError) -> Fault {
        let certificate = self.certificate.as_deref().unwrap_or_default();
        match error {
            TlsError::InconsistentKeys(_) => Fault::new(
                KEY,
                &self.key,
                format!(
                    "it is not the key of the certificate in {CERTIFICATE}={certificate}; name the key that this was made with"
                ),
            ),
            other => Fault::new(
                CERTIFICATE,
                &self.certificate,
                format!(
                    "a server cannot show it ({other}); have another one made, with a key of RSA, ECDSA or Ed25519"
                ),
            ),
        }
    }
}

/// What a key's file holds; none where the key is not given, or its file has a fault.
fn read<T>(
    key: &'static str,
    path: &Option<String>,
    faults: &mut Vec<Fault>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let result = read(path.as_deref()?);
    result
        .map_err(|why| faults.push(Fault::new(key, path, why)))
        .ok()
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    builder.with_single_cert(chain, private)
}

fn chain(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = bytes(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.map_err(|error| damaged(&error))?;
    if chain.is_empty() {
        return Err(
            "it holds no certificate; name a PEM file, in which one begins with -----BEGIN CERTIFICATE-----"
                .to_owned(),
        );
    }
    // What is no certificate is no authority either.
    roots(&chain[..1])?;
    Ok(chain)
}

fn private(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = bytes(path)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(private) => Ok(private),
        Err(PemError::NoItemsFound) => {
            let text = String::from_utf8_lossy(&bytes);
            Err(match ENCRYPTED.iter().any(|words| text.contains(words)) {
                true => "its private key is protected by a password; decrypt it with `openssl pkey -in KEY -out DECRYPTED` \
                         into a file that only this user can read",
                false => "it holds no private key; name a PEM file, in which one begins with -----BEGIN PRIVATE KEY-----",
            }
            .to_owned())
        }
        Err(error) => Err(damaged(&error)),
    }
}

fn clients(
    path: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = Arc::new(roots(&chain(path)?)?);
    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| {
            format!("no client can be checked by it ({error}); name another authority's")
        })
}

fn roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|_| {
            "a certificate in it is damaged; write the file anew from where it came from".to_owned()
        })?;
    }
    Ok(roots)
}

fn damaged(error: &PemError) -> String {
    format!("it is damaged ({error}); write the file anew from where it came from")
}

/// The bytes of a file, which only a regular one gives soon, and not without end.
fn bytes(path: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| {
        format!("cannot read the file: {error}; name a PEM file that this process may read")
    };
    let found = std::fs::metadata(path).map_err(failed)?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return Err("it is no file of certificates or keys; name a PEM file".to_owned());
    }
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A folder with PEM files, good and bad.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        for name in ["one", "other"] {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            write(&format!("{name}.pem"), &made.cert.pem());
            write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        }
        write("empty", "");
        write("text", "no PEM\n");
        write(
            "damaged",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        write(
            "torn",
            "-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n",
        );
        write(
            "protected",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        folder
    }

    fn load(folder: &Path, names: [&str; 3]) -> Result<Option<ServerConfig>, Vec<Fault>> {
        let [certificate, key, client_ca] = names.map(|name| {
            let path = folder.join(name).display().to_string();
            (!name.is_empty()).then_some(path)
        });
        let files = Files {
            certificate,
            key,
            client_ca,
        };
        files.load()
    }

    #[test]
    fn what_can_be_used() {
        let folder = folder();
        for (names, speaks) in [
            (["one.pem", "one.key", ""], true),
            (["one.pem", "one.key", "other.pem"], true),
            (["one.pem", "", ""], false),
            (["", "", ""], false),
        ] {
            let loaded = load(folder.path(), names).unwrap();
            assert_eq!(loaded.is_some(), speaks, "{names:?}");
        }
    }

    #[test]
    fn each_file_that_cannot_be_used_is_told_by_its_key() {
        let folder = folder();
        for (names, expected) in [
            (
                ["gone", "one.key", ""],
                &[(CERTIFICATE, "cannot read the file")][..],
            ),
            ([".", "one.key", ""], &[(CERTIFICATE, "no file of")]),
            (
                ["empty", "one.key", ""],
                &[(CERTIFICATE, "BEGIN CERTIFICATE")],
            ),
            (
                ["text", "one.key", ""],
                &[(CERTIFICATE, "BEGIN CERTIFICATE")],
            ),
            (
                ["one.key", "one.key", ""],
                &[(CERTIFICATE, "BEGIN CERTIFICATE")],
            ),
            (["damaged", "one.key", ""], &[(CERTIFICATE, "damaged")]),
            (["torn", "one.key", ""], &[(CERTIFICATE, "damaged")]),
            (["one.pem", "gone", ""], &[(KEY, "cannot read the file")]),
            (["one.pem", "text", ""], &[(KEY, "BEGIN PRIVATE KEY")]),
            (["one.pem", "one.pem", ""], &[(KEY, "BEGIN PRIVATE KEY")]),
            (["one.pem", "protected", ""], &[(KEY, "openssl pkey")]),
            (["one.pem", "other.key", ""], &[(KEY, "not the key of")]),
            (
                ["one.pem", "one.key", "empty"],
                &[(CLIENT_CA, "BEGIN CERTIFICATE")],
            ),
            (
                ["one.pem", "one.key", "one.key"],
                &[(CLIENT_CA, "BEGIN CERTIFICATE")],
            ),
            (["one.pem", "one.key", "damaged"], &[(CLIENT_CA, "damaged")]),
            (
                ["empty", "gone", "torn"],
                &[
                    (CERTIFICATE, "BEGIN CERTIFICATE"),
                    (KEY, "cannot read"),
                    (CLIENT_CA, "damaged"),
                ],
            ),
            (
                ["one.pem", "other.key", "gone"],
                &[(CLIENT_CA, "cannot read"), (KEY, "not the key of")],
            ),
        ] {
            let faults = load(folder.path(), names).unwrap_err();
            assert_eq!(faults.len(), expected.len(), "{names:?}: {faults:?}");
            for (fault, (key, mention)) in faults.iter().zip(expected) {
                assert_eq!(fault.key, *key, "{names:?}: {faults:?}");
                assert!(fault.why.contains(mention), "{names:?}: {faults:?}");
                let value = fault.value.as_deref().unwrap();
                assert!(value.starts_with(folder.path().to_str().unwrap()));
            }
        }
    }
}
