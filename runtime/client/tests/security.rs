//! Encrypted and authenticated connections, against the included broker behind an acceptor of TLS that asks who is there.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;
#[path = "common/guarded.rs"]
mod guarded;

use std::sync::Arc;
use std::time::Duration;

use guarded::{Authorities, Guard, JAAS_PLAIN, JAAS_SCRAM, Policy};
use millrace_client::{ClientError, Cluster, ClusterConfig};
use millrace_config::{Config as _, Properties};
use millrace_wire::clock;
use millrace_wire::link::TcpDial;

fn cluster(guard: &Guard, pairs: &[(&str, &str)]) -> Cluster {
    let mut given: Properties = [(
        "bootstrap.servers".to_owned(),
        format!("localhost:{}", guard.port),
    )]
    .into();
    given.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let config = ClusterConfig::parse(&given).unwrap();
    Cluster::new(config, Arc::new(TcpDial::default()), clock::system())
}

async fn outcome(guard: &Guard, pairs: &[(&str, &str)]) -> Result<usize, ClientError> {
    let cluster = cluster(guard, pairs);
    let asked = cluster.refresh(&[]);
    let asked = tokio::time::timeout(Duration::from_secs(30), asked).await;
    asked.unwrap().map(|metadata| metadata.nodes.len())
}

async fn refusal(guard: &Guard, pairs: &[(&str, &str)]) -> ClientError {
    outcome(guard, pairs).await.unwrap_err()
}

#[tokio::test]
async fn certificates_are_believed_for_their_authority_and_host() {
    let authorities = Authorities::new();
    let good = Guard::start(Policy::tls(&authorities.server("localhost"))).await;
    let trust = authorities.trust.as_str();
    let ssl = ("security.protocol", "SSL");
    let trusted = [ssl, ("ssl.truststore.certificates", trust)];
    assert_eq!(outcome(&good, &trusted).await.unwrap(), 1);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let pairs = [&trusted[..], &[("ssl.enabled.protocols", version)]].concat();
        assert_eq!(outcome(&good, &pairs).await.unwrap(), 1);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, trust).unwrap();
    let file = file.display().to_string();
    let from_file = [ssl, ("ssl.truststore.location", file.as_str())];
    assert_eq!(outcome(&good, &from_file).await.unwrap(), 1);

    let stranger = Authorities::new().trust;
    let unknown = refusal(&good, &[ssl, ("ssl.truststore.certificates", &stranger)]).await;
    assert!(
        unknown.to_string().contains("unknown authority"),
        "{unknown}"
    );
    assert!(!unknown.is_retriable() && unknown.is_about_security());

    let other = Guard::start(Policy::tls(&authorities.server("elsewhere.example"))).await;
    let wrong = refusal(&other, &trusted).await;
    let text = wrong.to_string();
    assert!(
        text.contains("not for localhost") && text.contains("elsewhere.example"),
        "{text}"
    );
    let unchecked = [
        &trusted[..],
        &[("ssl.endpoint.identification.algorithm", "")],
    ]
    .concat();
    assert_eq!(outcome(&other, &unchecked).await.unwrap(), 1);

    let old = Guard::start(Policy::tls(&authorities.expired("localhost"))).await;
    let expired = refusal(&old, &trusted).await.to_string();
    assert!(expired.contains("certificate expired"), "{expired}");
}

#[tokio::test]
async fn the_certificate_of_an_authority_counts_only_if_it_is_trusted_itself() {
    let authorities = Authorities::new();
    let own = authorities.authority("localhost");
    let guard = Guard::start(Policy::tls(&own)).await;
    let ssl = ("security.protocol", "SSL");
    let untrusted = [
        ssl,
        ("ssl.truststore.certificates", authorities.trust.as_str()),
    ];
    let said = refusal(&guard, &untrusted).await.to_string();
    assert!(
        said.contains("certificate of an authority") && said.contains("ssl.truststore.location"),
        "{said}"
    );
    assert!(!said.contains("CaUsedAsEndEntity"), "{said}");
    let trusted = [ssl, ("ssl.truststore.certificates", own.chain.as_str())];
    assert_eq!(outcome(&guard, &trusted).await.unwrap(), 1);
}

#[tokio::test]
async fn clients_show_certificates_where_they_are_asked_for() {
    let authorities = Authorities::new();
    let policy = Policy::tls(&authorities.server("localhost")).asking_certificates(&authorities);
    let guard = Guard::start(policy).await;
    let trusted = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.certificates", authorities.trust.as_str()),
    ];
    let missing = refusal(&guard, &trusted).await.to_string();
    assert!(missing.contains("ssl.keystore.location"), "{missing}");
    let own = authorities.server("client");
    let shown = [
        &trusted[..],
        &[
            ("ssl.keystore.key", own.key.as_str()),
            ("ssl.keystore.certificate.chain", own.chain.as_str()),
        ],
    ]
    .concat();
    assert_eq!(outcome(&guard, &shown).await.unwrap(), 1);
}

#[tokio::test]
async fn keystores_that_cannot_be_read_name_the_remedy() {
    let authorities = Authorities::new();
    let guard = Guard::start(Policy::tls(&authorities.server("localhost"))).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQ==\n-----END ENCRYPTED PRIVATE KEY-----";
    let table = [
        (
            "ssl.truststore.location",
            write("a.jks", &[0xfe, 0xed, 0xfe, 0xed]),
            "keytool",
        ),
        (
            "ssl.truststore.location",
            write("a.p12", &[0x30, 0x82, 1]),
            "openssl pkcs12",
        ),
        (
            "ssl.truststore.location",
            write("empty.pem", b""),
            "no certificate",
        ),
        (
            "ssl.truststore.location",
            "/no/such/file".to_owned(),
            "No such file",
        ),
        (
            "ssl.keystore.location",
            write("k.pem", encrypted.as_bytes()),
            "openssl pkey",
        ),
    ];
    for (key, path, expected) in table {
        let mut pairs = vec![("security.protocol", "SSL"), (key, path.as_str())];
        if key != "ssl.truststore.location" {
            pairs.push(("ssl.truststore.certificates", &authorities.trust));
        }
        let error = refusal(&guard, &pairs).await;
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(expected), "{text}");
        assert!(!error.is_retriable(), "{text}");
    }
}

#[tokio::test]
async fn the_wrong_protocol_is_named() {
    let authorities = Authorities::new();
    let tls = Guard::start(Policy::tls(&authorities.server("localhost"))).await;
    let plain = Guard::start(Policy::default()).await;
    let asking = Guard::start(Policy::default().asking("PLAIN")).await;
    let trusted = [
        ("security.protocol", "SSL"),
        ("ssl.truststore.certificates", authorities.trust.as_str()),
    ];
    let text = refusal(&tls, &[]).await.to_string();
    assert!(text.contains("SSL or SASL_SSL"), "{text}");
    let text = refusal(&plain, &trusted).await.to_string();
    assert!(text.contains("does that port speak TLS"), "{text}");
    let text = refusal(&asking, &[]).await.to_string();
    assert!(text.contains("SASL_PLAINTEXT or SASL_SSL"), "{text}");
    let sasl = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", JAAS_PLAIN),
    ];
    let text = refusal(&plain, &sasl).await.to_string();
    assert!(text.contains("does not ask clients who they are"), "{text}");
}

fn sasl<'a>(mechanism: &'a str, jaas: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", mechanism),
        ("sasl.jaas.config", jaas),
    ]
}

#[tokio::test]
async fn users_are_let_in_by_each_mechanism_and_others_are_not() {
    for (mechanism, jaas) in [
        ("PLAIN", JAAS_PLAIN),
        ("SCRAM-SHA-256", JAAS_SCRAM),
        ("SCRAM-SHA-512", JAAS_SCRAM),
    ] {
        let guard = Guard::start(Policy::default().asking(mechanism)).await;
        assert_eq!(outcome(&guard, &sasl(mechanism, jaas)).await.unwrap(), 1);
        let wrong = jaas.replace("pencil", "pen");
        let error = refusal(&guard, &sasl(mechanism, &wrong)).await;
        let text = error.to_string();
        assert!(text.contains("does not take user user"), "{text}");
        assert!(!error.is_retriable() && !text.contains("pen\""), "{text}");
    }
    let guard = Guard::start(Policy::default().asking("SCRAM-SHA-512")).await;
    let text = refusal(&guard, &sasl("PLAIN", JAAS_PLAIN))
        .await
        .to_string();
    assert!(
        text.contains("does not offer PLAIN, but SCRAM-SHA-512"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_the_account_is_not_believed() {
    let mut policy = Policy::default().asking("SCRAM-SHA-256");
    policy.forges_signature = true;
    let guard = Guard::start(policy).await;
    let text = refusal(&guard, &sasl("SCRAM-SHA-256", JAAS_SCRAM))
        .await
        .to_string();
    assert!(text.contains("signature is wrong"), "{text}");
    for iterations in [1, 4_095, 2_000_000_000] {
        let mut policy = Policy::default().asking("SCRAM-SHA-256");
        policy.iterations = iterations;
        let guard = Guard::start(policy).await;
        let text = refusal(&guard, &sasl("SCRAM-SHA-256", JAAS_SCRAM))
            .await
            .to_string();
        assert!(text.contains("iterations"), "{text}");
    }
}

#[tokio::test]
async fn sessions_are_renewed_on_their_connection() {
    let mut policy = Policy::default().asking("SCRAM-SHA-256");
    policy.lifetime = Duration::from_millis(1_500);
    let guard = Guard::start(policy).await;
    let cluster = cluster(&guard, &sasl("SCRAM-SHA-256", JAAS_SCRAM));
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while guard.authentications() < 3 {
        assert!(std::time::Instant::now() < deadline);
        cluster.refresh(&[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(guard.connections(), 1);
}
