//! TLS by rustls, with certificates and keys from PEM files.

mod files;

use std::borrow::Cow;
use std::sync::Arc;

use millrace_api::ConnectError;
use millrace_config::{Config, path, refused};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use files::Files;

const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";
const CLIENT_CA: &str = "tls.client.ca";

/// The keys of a listener's TLS, to be flattened into its own.
#[derive(Debug, Clone, Config)]
pub struct TlsConfig {
    /// A PEM file with the certificate and those that vouch for it; with it, the listener speaks TLS.
    #[config(name = "tls.certificate", validator = path::check)]
    pub certificate: Option<String>,
    /// A PEM file with the certificate's private key.
    #[config(name = "tls.key", validator = path::check)]
    pub key: Option<String>,
    /// A PEM file with the authorities whose certificates clients must show; without it they need none.
    #[config(name = "tls.client.ca", validator = path::check)]
    pub client_ca: Option<String>,
}

/// A key that cannot be as it is, by its file or beside the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key.
    pub key: &'static str,
    /// Its value; none where it is missing.
    pub value: Option<String>,
    /// What is wrong and what to do.
    pub why: Cow<'static, str>,
}

impl Fault {
    fn new(key: &'static str, value: &Option<String>, why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key,
            value: value.clone(),
            why: why.into(),
        }
    }

    /// The key, with a message that refuses its value.
    pub fn refused(&self) -> (String, String) {
        refused(self.key, self.value.as_deref().unwrap_or("null"), &self.why)
    }
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
            (Some(_), None) => Some(KEY),
            (None, Some(_)) => Some(CERTIFICATE),
            _ => None,
        };
        faults.extend(missing.map(|key| Fault::new(key, &None, both)));
        if self.client_ca.is_some() && self.certificate.is_none() {
            let why = "clients show certificates over TLS only: set tls.certificate and tls.key";
            faults.push(Fault::new(CLIENT_CA, &self.client_ca, why));
        }
        faults
    }

    /// What makes a TLS connection of a socket; none where the keys do not ask for it. `protocol` is the name by which
    /// clients may ask for what is spoken (ALPN), if it has one.
    ///
    /// # Errors
    /// Which files cannot be used, and why, a line each.
    pub async fn acceptor(
        &self,
        protocol: Option<&'static str>,
    ) -> Result<Option<TlsAcceptor>, ConnectError> {
        if !self.is_given() {
            return Ok(None);
        }
        let loaded = self.load().await?.map_err(|faults| {
            let why: Vec<_> = faults.into_iter().map(|fault| fault.refused().1).collect();
            ConnectError::config(why.join("\n"))
        })?;
        Ok(loaded.map(|mut config| {
            config.alpn_protocols = protocol.map(|name| name.into()).into_iter().collect();
            TlsAcceptor::from(Arc::new(config))
        }))
    }

    /// What is wrong with the files that the keys name, as they are now.
    pub async fn file_faults(&self) -> Vec<Fault> {
        match self.load().await {
            Ok(loaded) => loaded.err().unwrap_or_default(),
            // The runtime ends, so that nobody reads the answer.
            Err(_) => Vec::new(),
        }
    }

    async fn load(&self) -> Result<Result<Option<ServerConfig>, Vec<Fault>>, ConnectError> {
        let files = Files {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            client_ca: self.client_ca.clone(),
        };
        tokio::task::spawn_blocking(move || files.load())
            .await
            .map_err(|error| ConnectError::connect("cannot read the TLS files").caused_by(error))
    }
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
            error.contains("/gone.pem for configuration tls.certificate: cannot read the file"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 2, "{error}");
        assert_eq!(gone.file_faults().await.len(), 2);
        let none = config(None, None, None).acceptor(None).await;
        assert!(none.is_ok_and(|acceptor| acceptor.is_none()));
    }
}
