//! Sink and poller before servers that speak TLS: which of them they trust, the certificate of their own, and what is said
//! of a handshake that fails.
#![allow(
    clippy::disallowed_methods,
    clippy::type_complexity,
    clippy::unwrap_used
)]

#[path = "sink/driver.rs"]
#[allow(dead_code, reason = "not every test needs all of it")]
mod driver;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use driver::{Driven, config};
use millrace_api::Properties;
use millrace_http::HttpSource;
use millrace_testkit::{MemoryOffsets, SourceRun};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use server::{Reply, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Whoever issues certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key as PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn issue(&self, name: &str, last_year: i32) -> Issued {
        self.issue_with(name, last_year, |_| {})
    }

    fn issue_with(
        &self,
        name: &str,
        last_year: i32,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

const VALID: i32 = 2900;

/// Speaks TLS in front of `server`, with clients that have a certificate of `clients` where one is asked for.
async fn front(server: &Server, own: &Issued, clients: Option<&Authority>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
            roots.add(root).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), server.address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream, behind));
        }
    });
    address
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, behind: SocketAddr) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(mut stream) => {
            let mut server = TcpStream::connect(behind).await.unwrap();
            // The client closes as it likes.
            let _ended = copy_bidirectional(&mut stream, &mut server).await;
        }
        Err((_, mut stream)) => {
            // What the client still sends is read, or its system would throw the alert away.
            let _closed = stream.shutdown().await;
            let _read = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}

/// A server that speaks no TLS: whatever it is sent, it says `answer` and hangs up.
async fn without_tls(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client closes as it likes.
            let _read = stream.read(&mut [0; 4096]).await;
            let _said = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// A client's settings before a server, and what becomes of a request: parts of what is said beside the server's address,
/// or none if it arrives.
struct Case {
    name: &'static str,
    url: String,
    settings: Vec<(&'static str, String)>,
    said: Option<[&'static str; 2]>,
}

/// Servers and clients that one authority has certified, and one that it has not.
struct Parties {
    ours: Authority,
    theirs: Authority,
    local: Issued,
}

impl Parties {
    fn new() -> Self {
        let ours = Authority::new();
        let local = ours.issue("127.0.0.1", VALID);
        Self {
            ours,
            theirs: Authority::new(),
            local,
        }
    }

    fn trust(&self) -> Vec<(&'static str, String)> {
        trust(&self.ours)
    }

    /// Trust, and a certificate of one's own.
    fn with(&self, own: &Issued) -> Vec<(&'static str, String)> {
        let chain = "https.ssl.keystore.certificate.chain";
        let mut settings = self.trust();
        settings.push((chain, own.certificate.clone()));
        settings.push(("https.ssl.keystore.key", own.key.clone()));
        settings
    }
}

fn trust(authority: &Authority) -> Vec<(&'static str, String)> {
    let key = "https.ssl.truststore.certificates";
    vec![(key, authority.pem.clone())]
}

fn case(
    name: &'static str,
    address: SocketAddr,
    settings: Vec<(&'static str, String)>,
    said: Option<[&'static str; 2]>,
) -> Case {
    Case {
        name,
        url: format!("https://{address}"),
        settings,
        said,
    }
}

/// The servers run as long as the test.
async fn cases(server: &Server) -> Vec<Case> {
    let parties = Parties::new();
    let mut all = about_servers(server, &parties).await;
    all.extend(about_clients(server, &parties).await);
    all.extend(without_common_language(server, &parties).await);
    all
}

async fn about_servers(server: &Server, parties: &Parties) -> Vec<Case> {
    let Parties { ours, theirs, .. } = parties;
    let open = front(server, &parties.local, None).await;
    let elsewhere = front(server, &ours.issue("elsewhere.example", VALID), None).await;
    let expired = front(server, &ours.issue("127.0.0.1", 2001), None).await;
    let authority = ours.issue_with("127.0.0.1", VALID, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let authority = front(server, &authority, None).await;
    let purpose = ours.issue_with("127.0.0.1", VALID, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let purpose = front(server, &purpose, None).await;
    let any_host = ("https.ssl.endpoint.identification.algorithm", String::new());
    vec![
        case("trusted", open, parties.trust(), None),
        case(
            "any host",
            elsewhere,
            parties.trust().into_iter().chain([any_host]).collect(),
            None,
        ),
        case(
            "another host",
            elsewhere,
            parties.trust(),
            Some([
                "is not for 127.0.0.1 but for",
                "https.ssl.endpoint.identification.algorithm",
            ]),
        ),
        case(
            "expired",
            expired,
            parties.trust(),
            Some(["certificate has expired", "renew it on the server"]),
        ),
        case(
            "an authority's own",
            authority,
            parties.trust(),
            Some(["is an authority's own", "CA:FALSE"]),
        ),
        case(
            "for clients alone",
            purpose,
            parties.trust(),
            Some(["is not for servers", "TLS server authentication"]),
        ),
        case(
            "unknown authority",
            open,
            trust(theirs),
            Some([
                "authority that is not trusted",
                "https.ssl.truststore.location",
            ]),
        ),
    ]
}

async fn about_clients(server: &Server, parties: &Parties) -> Vec<Case> {
    let closed = front(server, &parties.local, Some(&parties.ours)).await;
    let client = parties.ours.issue("client", VALID);
    let stranger = parties.theirs.issue("client", VALID);
    vec![
        case("own certificate", closed, parties.with(&client), None),
        case(
            "no certificate",
            closed,
            parties.trust(),
            Some([
                "asks for a client certificate",
                "https.ssl.keystore.location",
            ]),
        ),
        case(
            "a stranger's certificate",
            closed,
            parties.with(&stranger),
            Some([
                "refuses the client's certificate",
                "https.ssl.keystore.location",
            ]),
        ),
    ]
}

async fn without_common_language(server: &Server, parties: &Parties) -> Vec<Case> {
    let open = front(server, &parties.local, None).await;
    let polite = without_tls("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let rude = without_tls("").await;
    vec![
        Case {
            name: "TLS where none is expected",
            url: format!("http://{open}"),
            settings: vec![],
            said: Some(["is not HTTP", "https://"]),
        },
        case(
            "an answer without TLS",
            polite,
            parties.trust(),
            Some(["is not TLS", "http://"]),
        ),
        case(
            "no answer to TLS",
            rude,
            parties.trust(),
            Some(["ended the TLS handshake", "http://"]),
        ),
    ]
}

fn pairs<'a>(case: &'a Case, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let settings = case.settings.iter();
    settings
        .map(|(key, value)| (*key, value.as_str()))
        .chain(more.iter().copied())
        .collect()
}

fn check(case: &Case, trace: &str) {
    let first = trace.lines().next().unwrap_or_default();
    let (_, address) = case.url.split_once("//").unwrap();
    for part in case.said.into_iter().flatten().chain([address]) {
        assert!(first.contains(part), "{}: {first}", case.name);
    }
}

#[tokio::test]
async fn the_sink_says_why_a_server_and_it_do_not_trust_each_other() {
    let server = Server::start();
    for case in cases(&server).await {
        server.clear();
        let url = [("http.api.url", case.url.as_str()), ("max.retries", "0")];
        let properties = config(&server, &pairs(&case, &url));
        let mut sink = Driven::of(&properties, true).await.unwrap();
        sink.put_values(["x"]).await;
        sink.settle().await;
        let delivered = server.bodies() == ["x"];
        assert_eq!(delivered, case.said.is_none(), "{}", case.name);
        assert_eq!(sink.dead.is_empty(), delivered, "{}", case.name);
        if let Some((_, why)) = sink.dead.first() {
            check(&case, why);
        }
    }
}

#[tokio::test]
async fn the_poller_says_why_a_server_and_it_do_not_trust_each_other() {
    let server = Server::start();
    server.script(|_, _| Reply::status(200, "[1]"));
    for case in cases(&server).await {
        let fixed = [
            ("url", case.url.as_str()),
            ("topic", "t"),
            ("max.retries", "0"),
            ("retry.backoff.ms", "1"),
        ];
        let properties: Properties = pairs(&case, &fixed)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let offsets = MemoryOffsets::default();
        let mut run = SourceRun::start(HttpSource::default(), &properties, &offsets)
            .await
            .unwrap();
        let outcome = loop {
            match tokio::time::timeout(driver::PATIENCE, run.poll()).await {
                Ok(Ok(Some(batch))) if !batch.is_empty() => break Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => break Err(error.trace()),
                Err(_) => panic!("{}: nothing comes", case.name),
            }
        };
        assert_eq!(
            outcome.is_ok(),
            case.said.is_none(),
            "{}: {outcome:?}",
            case.name
        );
        if let Err(why) = outcome {
            check(&case, &why);
        }
    }
}
