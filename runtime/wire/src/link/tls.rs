//! TLS on top of TCP: the client's handshake, and what its failures mean to whoever configured it.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::link::LinkError;

/// What the check of certificates calls one that is an authority's own; rustls hands the word on as it is.
const AN_AUTHORITYS_OWN: &str = "CaUsedAsEndEntity";

/// What a peer is believed by, and how the client shows itself; clones share it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Handshakes by this configuration.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Encrypts an open connection to `host`.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    address: &str,
    tls: &Tls,
) -> Result<TlsStream<TcpStream>, LinkError> {
    let name = ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|_| {
        LinkError::Tls {
            address: address.to_owned(),
            reason: format!("{host} is no name that a certificate could be for"),
        }
    })?;
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    let shaken = connector.connect(name, stream).await;
    shaken.map_err(|error| {
        if tls_error(&error).is_some() {
            return broken(address, &error);
        }
        // A plain listener takes the first bytes of TLS for the size of a huge request.
        LinkError::Connect {
            address: address.to_owned(),
            reason: format!(
                "it ended the TLS handshake ({error}); does that port speak TLS? If it is a plain listener, \
                 security.protocol is to be PLAINTEXT or SASL_PLAINTEXT"
            ),
        }
    })
}

/// What a failed read or write means.
pub(super) fn broken(address: &str, error: &io::Error) -> LinkError {
    let address = address.to_owned();
    match tls_error(error) {
        Some(cause) => LinkError::Tls {
            address,
            reason: explained(cause),
        },
        None => LinkError::Broken {
            address,
            reason: error.to_string(),
        },
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn explained(error: &rustls::Error) -> String {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(cause) => certificate(cause),
        Error::AlertReceived(alert) => self::alert(*alert),
        Error::InvalidMessage(_) => format!(
            "its bytes are not TLS ({error}); if it is a plain listener, security.protocol is to be PLAINTEXT or \
             SASL_PLAINTEXT"
        ),
        Error::PeerIncompatible(_) => format!(
            "both sides have no version or cipher of TLS in common ({error}); see ssl.enabled.protocols and \
             ssl.cipher.suites"
        ),
        other => other.to_string(),
    }
}

fn certificate(cause: &CertificateError) -> String {
    match cause {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is signed by an unknown authority; put that authority's certificate (PEM) into \
             ssl.truststore.location"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = if presented.is_empty() {
                "it has no subject alternative names, and its common name does not count".to_owned()
            } else {
                format!("it is for {}", presented.join(", "))
            };
            format!(
                "its certificate is not for {}: {names}; use one of its names in bootstrap.servers and \
                 advertised.listeners, or let it be issued anew",
                expected.to_str()
            )
        }
        CertificateError::NotValidForName => {
            "its certificate is not for the host that was asked for".to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            format!("its certificate expired {} ago", span(*not_after, *time))
        }
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "its certificate becomes valid in {}; is the clock right?",
            span(*time, *not_before)
        ),
        CertificateError::Other(cause) if cause.to_string() == AN_AUTHORITYS_OWN => {
            "it shows the certificate of an authority (self-signed ones often are), which counts only if it is in \
             ssl.truststore.location itself; put it there (PEM), or have the broker show a certificate that is not an \
             authority's"
                .to_owned()
        }
        other => format!("its certificate cannot be trusted: {other}"),
    }
}

fn span(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds {
        0..=5_999 => format!("{seconds} s"),
        6_000..=359_999 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it asks for a client certificate; set ssl.keystore.location, or ssl.keystore.key and \
             ssl.keystore.certificate.chain"
                .to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => format!(
            "it does not take the client's certificate, or asks for one where there is none ({alert:?}); see \
             ssl.keystore.location"
        ),
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => format!(
            "it takes none of the client's versions of TLS ({alert:?}); see ssl.enabled.protocols"
        ),
        AlertDescription::HandshakeFailure => {
            "it refused the handshake (HandshakeFailure): there is no cipher in common, or it asks for a client \
             certificate (ssl.keystore.location)"
                .to_owned()
        }
        other => format!("it ended the encryption with the alert {other:?}"),
    }
}
