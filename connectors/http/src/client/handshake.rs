//! Why a client and a server do not come to speak to each other over TLS, and what to do about it.

use std::error::Error;
use std::{io, iter};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// What to do about a server that speaks no TLS.
const PLAIN: &str = "if it does not speak TLS there, write its URL with http://, or with the port of its TLS listener";
/// What to do about a certificate for another name.
const ANOTHER_NAME: &str = "call the server by a name that its certificate has, or set \
    https.ssl.endpoint.identification.algorithm to nothing, which accepts any name";

/// What the check of certificates calls one that is an authority's own; rustls hands the word on as it is.
const AN_AUTHORITYS_OWN: &str = "CaUsedAsEndEntity";

/// What is wrong and which key or side can mend it; none if `error` has nothing to do with TLS.
pub(super) fn explain(error: &reqwest::Error) -> Option<String> {
    let https = error.url().map(|url| url.scheme() == "https");
    let first: &(dyn Error + 'static) = error;
    let all = || iter::successors(Some(first), |error| (*error).source());
    if let Some(tls) = all().find_map(tls_error) {
        return Some(reason(tls));
    }
    match https? {
        true if error.is_connect() => all().find_map(ended),
        true => None,
        false => all().find_map(no_http),
    }
}

/// The server has hung up on the first message of a handshake.
fn ended(error: &(dyn Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Some(format!(
            "the server ended the TLS handshake without an answer; {PLAIN} ({error})"
        )),
        _ => ended(error.get_ref()?),
    }
}

/// The server answers in another language, as one that speaks TLS does.
fn no_http(error: &(dyn Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<hyper::Error>()?;
    let other = error.is_parse() && !error.is_parse_too_large() && !error.is_parse_status();
    other.then(|| {
        format!(
            "what the server answered is not HTTP; if it speaks TLS, write its URL with https:// ({error})"
        )
    })
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
        TlsError::InvalidMessage(_) => {
            ("the server's answer to the TLS handshake is not TLS", PLAIN)
        }
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
        TlsError::PeerIncompatible(_) => (
            "the server and this client share no TLS version or cipher",
            "let the server offer TLS 1.2 or 1.3",
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
            ANOTHER_NAME,
        ),
        CertificateError::NotValidForName => ("is for another name".to_owned(), ANOTHER_NAME),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "has expired".to_owned(),
            "renew it on the server, or set this machine's clock; no key accepts an expired one",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "is not valid yet".to_owned(),
            "wait, or set this machine's clock",
        ),
        CertificateError::Other(cause) if cause.to_string() == AN_AUTHORITYS_OWN => (
            "is an authority's own, as self-signed ones often are".to_owned(),
            "have the server show one that is no authority's (CA:FALSE), and name whoever signed it in \
             https.ssl.truststore.location",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "is not for servers".to_owned(),
            "have one made whose extended key usage has TLS server authentication, or none",
        ),
        CertificateError::BadEncoding => ("is damaged".to_owned(), "replace it on the server"),
        CertificateError::Revoked => (
            "was revoked by its authority".to_owned(),
            "replace it on the server",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "is signed in a way that this client does not check".to_owned(),
            "have one made that is signed by RSA, ECDSA or Ed25519 with SHA-256 or more",
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
        let why = reason(tls_error(&error).unwrap());
        assert!(why.contains("https.ssl.truststore.location"), "{why}");
        assert!(tls_error(&io::Error::other("plain")).is_none());
    }
}
