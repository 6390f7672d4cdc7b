use millrace_config::{Config, Properties};

use super::*;
use crate::ClusterConfig;

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"a\" \
                     password=\"hunter2\";";

fn parse(pairs: &[(&str, &str)]) -> Result<Security, String> {
    let mut given: Properties = [("bootstrap.servers".to_owned(), "a:1".to_owned())].into();
    given.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let parsed = ClusterConfig::parse(&given).map(|config| config.security);
    parsed.map_err(|errors| errors.to_string())
}

#[test]
fn protocols_decide_what_is_used() {
    let jaas = (keys::JAAS, SCRAM);
    let mechanism = (keys::MECHANISM, "SCRAM-SHA-256");
    for (protocol, encrypts, authenticates) in [
        ("PLAINTEXT", false, false),
        ("plaintext", false, false),
        ("SSL", true, false),
        ("sasl_plaintext", false, true),
        ("SASL_SSL", true, true),
    ] {
        let security = parse(&[(keys::PROTOCOL, protocol), jaas, mechanism]).unwrap();
        assert_eq!(
            (security.encrypts(), security.authenticates()),
            (encrypts, authenticates)
        );
        assert_eq!(security.protocol(), protocol.to_ascii_uppercase());
        assert!(!format!("{security:?}").contains("hunter2"));
    }
    assert_eq!(parse(&[jaas, mechanism]).unwrap(), Security::default());
}

#[test]
fn an_empty_algorithm_switches_the_check_of_hosts_off() {
    let checks = |pairs: &[(&str, &str)]| {
        let given = [&[(keys::PROTOCOL, "SSL")], pairs].concat();
        parse(&given).unwrap().tls.unwrap().checks_hostname
    };
    assert!(checks(&[]));
    assert!(checks(&[(keys::HOSTNAME, "https")]));
    assert!(!checks(&[(keys::HOSTNAME, "")]));
}

/// Settings, the key that is named, and a word of the remedy.
type Refusal<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[test]
fn what_cannot_be_is_refused_with_the_remedy_and_without_secrets() {
    let ssl = (keys::PROTOCOL, "SSL");
    let sasl = (keys::PROTOCOL, "SASL_PLAINTEXT");
    let table: &[Refusal<'_>] = &[
        (&[(keys::PROTOCOL, "TLS")], keys::PROTOCOL, "SASL_SSL"),
        (
            &[("ssl.truststore.type", "JKS")],
            "ssl.truststore.type",
            "openssl pkcs12",
        ),
        (
            &[("ssl.keystore.type", "PKCS12")],
            "ssl.keystore.type",
            "PEM",
        ),
        (
            &[("ssl.key.password", "hunter2")],
            "ssl.key.password",
            "openssl pkey",
        ),
        (&[(keys::HOSTNAME, "ldaps")], keys::HOSTNAME, "empty"),
        (
            &[(keys::VERSIONS, "TLSv1,TLSv1.1")],
            keys::VERSIONS,
            "TLSv1.3",
        ),
        (
            &[("ssl.engine.factory.class", "a.B")],
            "ssl.engine.factory.class",
            "Java classes",
        ),
        (
            &[("sasl.login.callback.handler.class", "a.B")],
            "sasl.login.callback",
            "Java classes",
        ),
        (
            &[
                ssl,
                (keys::TRUSTSTORE, "/t"),
                (keys::CERTIFICATES, "hunter2"),
            ],
            keys::CERTIFICATES,
            "one of both",
        ),
        (&[ssl, (keys::KEY, "hunter2")], keys::KEY, "belong together"),
        (
            &[ssl, (keys::KEYSTORE, "/k"), (keys::KEY, "hunter2")],
            keys::KEY,
            "one of both",
        ),
        (&[sasl], keys::MECHANISM, "Kerberos"),
        (
            &[sasl, (keys::MECHANISM, "OAUTHBEARER")],
            keys::MECHANISM,
            "not supported",
        ),
        (&[sasl, (keys::MECHANISM, "PLAIN")], keys::JAAS, "Missing"),
        (
            &[sasl, (keys::MECHANISM, "PLAIN"), (keys::JAAS, SCRAM)],
            keys::JAAS,
            "PlainLoginModule",
        ),
        (
            &[sasl, (keys::MECHANISM, "PLAIN"), (keys::JAAS, "hunter2")],
            keys::JAAS,
            "control flag",
        ),
    ];
    for (pairs, key, expected) in table {
        let error = parse(pairs).unwrap_err();
        assert!(error.contains(key) && error.contains(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_asks_for_nothing_is_taken() {
    for pair in [
        ("sasl.kerberos.kinit.cmd", "/usr/bin/kinit"),
        ("sasl.login.refresh.window.factor", "0.8"),
        ("ssl.truststore.type", "pem"),
        ("ssl.provider", ""),
        ("ssl.key.password", ""),
    ] {
        assert_eq!(parse(&[pair]), Ok(Security::default()), "{pair:?}");
    }
}
