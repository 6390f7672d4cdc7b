//! Why a TLS handshake failed, and what to do about it.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// What is wrong and which key or side can mend it; none if `error` does not come from TLS.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = tls_error(error) {
            return Some(reason(tls));
        }
        cause = error.source();
    }
    None
}

/// An I/O error holds others that it does not name as its sources.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    tls_error(inner)
}

fn reason(error: &TlsError) -> String {
    let (what, remedy) = match error {
        TlsError::InvalidCertificate(wrong) => return certificate(wrong),
        TlsError::InvalidMessage(_) => (
            "the server does not speak TLS here",
            "write its URL with http://, or with the port of its TLS listener",
        ),
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => (
            "the server asks for a client certificate",
            "set https.ssl.keystore.location",
        ),
        TlsError::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        ) => (
            "the server refuses the client's certificate",
            "set https.ssl.keystore.location to one that it accepts",
        ),
        TlsError::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion,
        ) => (
            "the server and this client share no TLS version or cipher, or it asks for a client certificate",
            "let the server offer TLS 1.2 or 1.3, or set https.ssl.keystore.location",
        ),
        _ => return format!("TLS failed: {error}"),
    };
    format!("{what}; {remedy} ({error})")
}

fn certificate(wrong: &CertificateError) -> String {
    let (what, remedy) = match wrong {
        // An authority that was made anew has its old name and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            format!("comes from an authority that is not trusted ({wrong})"),
            "name the authority's certificate in https.ssl.truststore.location",
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => (
            format!(
                "is not for {} but for {}",
                expected.to_str(),
                presented.join(", ")
            ),
            "call the server by a name that its certificate has",
        ),
        CertificateError::NotValidForName => (
            "is for another name".to_owned(),
            "call the server by a name that its certificate has",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew it, or set this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "is not valid yet".to_owned(),
            "wait, or set this machine's clock",
        ),
        other => (
            format!("cannot be used: {other}"),
            "replace it on the server",
        ),
    };
    format!("the server's certificate {what}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_tls_are_found_however_deep_they_lie() {
        let inner = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        let why = explain(&error).unwrap();
        assert!(why.contains("https.ssl.truststore.location"), "{why}");
        assert_eq!(explain(&io::Error::other("plain")), None);
    }
}
