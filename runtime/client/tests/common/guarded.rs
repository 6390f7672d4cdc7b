//! The included broker behind a gate: TLS if asked for, then SASL as a broker does it, then frames passed on one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::Hmac;
use millrace_broker::Broker;
use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    ApiKey, Message, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse, decode_request_header, encode_response,
};
use millrace_wire::pool::Pool;
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest as _, Sha256, Sha512};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(crate) const JAAS_PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"user\" password=\"pencil\";";
pub(crate) const JAAS_SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"user\" password=\"pencil\";";
const SALT: &[u8] = b"a salt of some bytes";
const PASSWORD: &[u8] = b"pencil";

/// An authority that signs certificates.
pub(crate) struct Authorities {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate, PEM.
    pub(crate) trust: String,
}

/// A certificate with its key, PEM.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authorities {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let trust = issuer.pem();
        Self { issuer, trust }
    }

    pub(crate) fn server(&self, name: &str) -> Identity {
        self.sign(&of(name))
    }

    /// A certificate for `name` that could sign others.
    pub(crate) fn authority(&self, name: &str) -> Identity {
        let mut params = of(name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        self.sign(&params)
    }

    pub(crate) fn expired(&self, name: &str) -> Identity {
        let mut params = of(name);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

fn of(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What the gate asks for.
#[derive(Clone, Default)]
pub(crate) struct Policy {
    tls: Option<(String, String)>,
    client_authority: Option<String>,
    mechanism: Option<&'static str>,
    pub(crate) iterations: u32,
    pub(crate) forges_signature: bool,
    /// How long a session lives; zero for ever.
    pub(crate) lifetime: Duration,
}

impl Policy {
    pub(crate) fn tls(identity: &Identity) -> Self {
        Self {
            tls: Some((identity.chain.clone(), identity.key.clone())),
            ..Self::default()
        }
    }

    pub(crate) fn asking(mut self, mechanism: &'static str) -> Self {
        self.mechanism = Some(mechanism);
        self.iterations = 4_096;
        self
    }

    pub(crate) fn asking_certificates(mut self, authorities: &Authorities) -> Self {
        self.client_authority = Some(authorities.trust.clone());
        self
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        let (chain, key) = self.tls.as_ref()?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match &self.client_authority {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                    .unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .unwrap();
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = builder.with_single_cert(chain, key).unwrap();
        Some(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The gate with the broker behind it.
pub(crate) struct Guard {
    pub(crate) port: u16,
    counts: Arc<Counts>,
    _broker: Broker,
    _folder: TempDir,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    authentications: AtomicUsize,
}

impl Guard {
    pub(crate) async fn start(policy: Policy) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let advertised = format!("PLAINTEXT://localhost:{port}");
        let broker =
            crate::common::start_at(&folder, 0, &[("advertised.listeners", &advertised)]).await;
        let behind = broker.listeners()[0].local.port();
        let counts = Arc::new(Counts::default());
        let gate = Arc::clone(&counts);
        tokio::spawn(async move {
            let acceptor = policy.acceptor();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                gate.connections.fetch_add(1, Ordering::SeqCst);
                let (policy, acceptor, gate) =
                    (policy.clone(), acceptor.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, behind, policy, gate).await,
                            Err(_) => None,
                        },
                        None => serve(stream, behind, policy, gate).await,
                    }
                });
            }
        });
        Self {
            port,
            counts,
            _broker: broker,
            _folder: folder,
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn authentications(&self) -> usize {
        self.counts.authentications.load(Ordering::SeqCst)
    }
}

/// How far a client is.
enum Stage {
    Nothing,
    Handshaken,
    Challenged { signed: String },
    In { until: Option<Instant> },
}

/// Ends the connection by returning.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: S,
    behind: u16,
    policy: Policy,
    counts: Arc<Counts>,
) -> Option<()> {
    let mut broker = TcpStream::connect(("127.0.0.1", behind)).await.ok()?;
    let mut stage = Stage::Nothing;
    loop {
        let frame = read_frame(&mut client).await?;
        let mut decoder = Decoder::new(frame.clone());
        let header = decode_request_header(&mut decoder).ok()?;
        let (version, id) = (header.api_version, header.correlation_id);
        let key = ApiKey::try_from(header.api_key).ok()?;
        match (key, policy.mechanism) {
            (ApiKey::SaslHandshake, Some(mechanism)) => {
                let request = SaslHandshakeRequest::decode(&mut decoder, version).ok()?;
                let known = request.mechanism == mechanism;
                let answer = SaslHandshakeResponse {
                    error_code: if known {
                        ErrorCode::NONE
                    } else {
                        ErrorCode::UNSUPPORTED_SASL_MECHANISM
                    },
                    mechanisms: vec![mechanism.to_owned()],
                };
                answer_with(&mut client, key, version, id, &answer).await?;
                stage = Stage::Handshaken;
            }
            (ApiKey::SaslAuthenticate, Some(mechanism)) => {
                let request = SaslAuthenticateRequest::decode(&mut decoder, version).ok()?;
                let token = String::from_utf8(request.auth_bytes.to_vec()).ok()?;
                let (answer, next) = authenticate(&policy, mechanism, stage, &token);
                answer_with(&mut client, key, version, id, &answer).await?;
                if matches!(next, Stage::In { .. }) {
                    counts.authentications.fetch_add(1, Ordering::SeqCst);
                }
                stage = next;
            }
            (ApiKey::ApiVersions, _) | (_, None) => {
                pass_on(&frame, &mut broker, &mut client).await?
            }
            _ => match stage {
                Stage::In { until } if until.is_none_or(|until| Instant::now() < until) => {
                    pass_on(&frame, &mut broker, &mut client).await?;
                }
                _ => return None,
            },
        }
    }
}

fn authenticate(
    policy: &Policy,
    mechanism: &str,
    stage: Stage,
    token: &str,
) -> (SaslAuthenticateResponse, Stage) {
    let refused = || {
        let answer = SaslAuthenticateResponse {
            error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
            error_message: Some("Authentication failed".to_owned()),
            ..Default::default()
        };
        (answer, Stage::Nothing)
    };
    let last = |auth_bytes: String| {
        let until = (!policy.lifetime.is_zero()).then(|| Instant::now() + policy.lifetime);
        let answer = SaslAuthenticateResponse {
            auth_bytes: Bytes::from(auth_bytes),
            session_lifetime_ms: policy.lifetime.as_millis() as i64,
            ..Default::default()
        };
        (answer, Stage::In { until })
    };
    match (mechanism, stage) {
        ("PLAIN", Stage::Handshaken) if token == "\0user\0pencil" => last(String::new()),
        ("SCRAM-SHA-256" | "SCRAM-SHA-512", Stage::Handshaken) => {
            let bare = token.strip_prefix("n,,").unwrap();
            let nonce = bare.strip_prefix("n=user,r=").unwrap();
            let salt = STANDARD.encode(SALT);
            let first = format!("r={nonce}more,s={salt},i={}", policy.iterations);
            let answer = SaslAuthenticateResponse {
                auth_bytes: Bytes::from(first.clone()),
                ..Default::default()
            };
            let signed = format!("{bare},{first}");
            (answer, Stage::Challenged { signed })
        }
        (_, Stage::Challenged { signed }) => {
            let (without, proof) = token.split_once(",p=").unwrap();
            let signed = format!("{signed},{without}");
            let proof = STANDARD.decode(proof).unwrap();
            let accepted = if mechanism == "SCRAM-SHA-256" {
                account::<Hmac<Sha256>>(&signed, &proof, policy, |key| Sha256::digest(key).to_vec())
            } else {
                account::<Hmac<Sha512>>(&signed, &proof, policy, |key| Sha512::digest(key).to_vec())
            };
            match accepted {
                Some(signature) if policy.forges_signature => {
                    let forged: Vec<u8> = signature.iter().map(|byte| byte ^ 1).collect();
                    last(format!("v={}", STANDARD.encode(forged)))
                }
                Some(signature) => last(format!("v={}", STANDARD.encode(signature))),
                None => refused(),
            }
        }
        _ => refused(),
    }
}

/// The server's signature, if the proof is that of the account.
fn account<M: hmac::Mac + hmac::KeyInit>(
    signed: &str,
    proof: &[u8],
    policy: &Policy,
    digest: impl Fn(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let mac = |key: &[u8], text: &[u8]| {
        let mac = <M as hmac::KeyInit>::new_from_slice(key).unwrap();
        mac.chain_update(text).finalize().into_bytes().to_vec()
    };
    let mut block = mac(PASSWORD, &[SALT, &1_u32.to_be_bytes()].concat());
    let mut salted = block.clone();
    for _ in 1..policy.iterations {
        block = mac(PASSWORD, &block);
        for (sum, byte) in salted.iter_mut().zip(&block) {
            *sum ^= byte;
        }
    }
    let stored = digest(&mac(&salted, b"Client Key"));
    let signature = mac(&stored, signed.as_bytes());
    let key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    (digest(&key) == stored).then(|| mac(&mac(&salted, b"Server Key"), signed.as_bytes()))
}

async fn pass_on<S: AsyncRead + AsyncWrite + Unpin>(
    frame: &Bytes,
    broker: &mut TcpStream,
    client: &mut S,
) -> Option<()> {
    write_frame(broker, frame).await?;
    let answer = read_frame(broker).await?;
    write_frame(client, &answer).await
}

async fn answer_with<S: AsyncWrite + Unpin, M: Message>(
    client: &mut S,
    key: ApiKey,
    version: i16,
    id: i32,
    answer: &M,
) -> Option<()> {
    let frame = encode_response(key, version, id, answer).ok()?;
    let bytes = frame.into_contiguous(Pool::global()).ok()?;
    write_frame(client, &bytes).await
}

async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Bytes> {
    let len = stream.read_u32().await.ok().filter(|len| *len < 1 << 20)?;
    let mut frame = vec![0; len as usize];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame.into())
}

async fn write_frame<S: AsyncWrite + Unpin>(stream: &mut S, frame: &[u8]) -> Option<()> {
    let joined = [&(frame.len() as u32).to_be_bytes(), frame].concat();
    stream.write_all(&joined).await.ok()?;
    stream.flush().await.ok()
}
