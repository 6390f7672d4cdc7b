//! The definitions of `security.protocol`, `ssl.*` and `sasl.*`: Kafka's keys, each with what it does here.

use millrace_config::{ConfigDef, ConfigKey, Importance, Type, Validator, Value};

use super::Protocol;
use super::credentials::Mechanism;

pub(super) const PROTOCOL: &str = "security.protocol";
pub(super) const TRUSTSTORE: &str = "ssl.truststore.location";
pub(super) const CERTIFICATES: &str = "ssl.truststore.certificates";
pub(super) const KEYSTORE: &str = "ssl.keystore.location";
pub(super) const KEY: &str = "ssl.keystore.key";
pub(super) const CHAIN: &str = "ssl.keystore.certificate.chain";
pub(super) const HOSTNAME: &str = "ssl.endpoint.identification.algorithm";
pub(super) const VERSIONS: &str = "ssl.enabled.protocols";
pub(super) const CIPHERS: &str = "ssl.cipher.suites";
pub(super) const MECHANISM: &str = "sasl.mechanism";
pub(super) const JAAS: &str = "sasl.jaas.config";

type Check = fn(&str, &Value) -> Result<(), String>;

/// Keys that are obeyed.
const OBEYED: &[(&str, Type, &str, Option<Check>)] = &[
    (
        TRUSTSTORE,
        Type::String,
        "File (PEM) with the certificates to believe; without one, those of the operating system.",
        None,
    ),
    (
        CERTIFICATES,
        Type::Password,
        "The certificates to believe, as PEM text.",
        None,
    ),
    (
        "ssl.truststore.type",
        Type::String,
        "Form of the truststore: PEM.",
        Some(pem),
    ),
    (
        KEYSTORE,
        Type::String,
        "File (PEM) with the client's private key and certificates.",
        None,
    ),
    (
        KEY,
        Type::Password,
        "The client's private key, as PEM text.",
        None,
    ),
    (
        CHAIN,
        Type::Password,
        "The client's certificates, its own first, as PEM text.",
        None,
    ),
    (
        "ssl.keystore.type",
        Type::String,
        "Form of the keystore: PEM.",
        Some(pem),
    ),
    (
        "ssl.key.password",
        Type::Password,
        "Not supported: private keys must not be encrypted.",
        Some(no_password),
    ),
    (
        HOSTNAME,
        Type::String,
        "https checks that a broker's certificate is for its host; empty does not.",
        Some(hostname),
    ),
    (
        VERSIONS,
        Type::List,
        "Versions of TLS: TLSv1.2 and TLSv1.3.",
        Some(versions),
    ),
    (
        "ssl.protocol",
        Type::String,
        "Has no effect; ssl.enabled.protocols says which versions are spoken.",
        None,
    ),
    (
        CIPHERS,
        Type::List,
        "The cipher suites to offer, by their names of IANA; all by default.",
        None,
    ),
    (
        MECHANISM,
        Type::String,
        "How the client shows who it is: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        Some(mechanism),
    ),
    (
        JAAS,
        Type::Password,
        "The login module with username and password.",
        None,
    ),
];

/// Keys of Java classes, which would change who is believed; so they cannot be passed over.
const REFUSED: &[&str] = &[
    "ssl.engine.factory.class",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "security.providers",
    "sasl.client.callback.handler.class",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
];

/// Keys that say nothing to what is supported: passwords of Java keystores, names within Java, and settings of
/// mechanisms that are refused themselves.
const WITHOUT_EFFECT: &[(&str, Type)] = &[
    ("ssl.keystore.password", Type::Password),
    ("ssl.truststore.password", Type::Password),
    ("ssl.keymanager.algorithm", Type::String),
    ("ssl.trustmanager.algorithm", Type::String),
    ("sasl.kerberos.kinit.cmd", Type::String),
    ("sasl.kerberos.min.time.before.relogin", Type::String),
    ("sasl.kerberos.service.name", Type::String),
    ("sasl.kerberos.ticket.renew.jitter", Type::String),
    ("sasl.kerberos.ticket.renew.window.factor", Type::String),
    ("sasl.login.connect.timeout.ms", Type::String),
    ("sasl.login.read.timeout.ms", Type::String),
    ("sasl.login.refresh.buffer.seconds", Type::String),
    ("sasl.login.refresh.min.period.seconds", Type::String),
    ("sasl.login.refresh.window.factor", Type::String),
    ("sasl.login.refresh.window.jitter", Type::String),
    ("sasl.login.retry.backoff.max.ms", Type::String),
    ("sasl.login.retry.backoff.ms", Type::String),
    ("sasl.oauthbearer.clock.skew.seconds", Type::String),
    ("sasl.oauthbearer.expected.audience", Type::String),
    ("sasl.oauthbearer.expected.issuer", Type::String),
    ("sasl.oauthbearer.header.urlencode", Type::String),
    ("sasl.oauthbearer.jwks.endpoint.url", Type::String),
    ("sasl.oauthbearer.scope.claim.name", Type::String),
    ("sasl.oauthbearer.sub.claim.name", Type::String),
    ("sasl.oauthbearer.token.endpoint.url", Type::String),
];

/// All of them.
pub(super) fn definition() -> ConfigDef {
    let protocol = ConfigKey::new(PROTOCOL, Type::String)
        .default(Protocol::Plaintext.name())
        .doc("How connections are protected: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")
        .validator(Validator::custom(protocol));
    let mut definition = ConfigDef::new().key(protocol);
    let low = |name: &str, kind, doc: &str| {
        ConfigKey::new(name, kind)
            .optional()
            .importance(Importance::Low)
            .doc(doc)
    };
    for (name, kind, doc, check) in OBEYED {
        let key = low(name, *kind, doc).importance(Importance::Medium);
        definition.define(match check {
            Some(check) => key.validator(Validator::custom(check)),
            None => key,
        });
    }
    for name in REFUSED {
        let key = low(name, Type::String, "Not supported: a class of Java.");
        definition.define(key.validator(Validator::custom(java)));
    }
    for (name, kind) in WITHOUT_EFFECT {
        definition.define(low(name, *kind, "Has no effect here."));
    }
    definition
}

/// The text of a value; nothing where it is missing or empty.
pub(super) fn text(value: &Value) -> Option<&str> {
    let text = match value {
        Value::Password(secret) => secret.expose(),
        value => value.as_str()?,
    };
    Some(text).filter(|text| !text.is_empty())
}

fn protocol(_: &str, value: &Value) -> Result<(), String> {
    text(value).map_or(Ok(()), |name| Protocol::named(name).map(drop))
}

fn mechanism(_: &str, value: &Value) -> Result<(), String> {
    text(value).map_or(Ok(()), |name| Mechanism::named(name).map(drop))
}

fn pem(key: &str, value: &Value) -> Result<(), String> {
    match text(value) {
        Some(kind) if !kind.eq_ignore_ascii_case("PEM") => Err(format!(
            "{kind} keystores are not read, only PEM; convert it with `openssl pkcs12 -in STORE.p12 -out STORE.pem \
             -nodes` (a JKS first with `keytool -importkeystore ... -deststoretype PKCS12`) and set {key}=PEM"
        )),
        _ => Ok(()),
    }
}

fn no_password(_: &str, value: &Value) -> Result<(), String> {
    match text(value) {
        Some(_) => Err(
            "encrypted private keys are not supported; decrypt it with `openssl pkey -in KEY -out DECRYPTED` and \
             leave the password out"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

fn hostname(_: &str, value: &Value) -> Result<(), String> {
    match text(value) {
        Some(name) if !name.eq_ignore_ascii_case("https") => {
            Err("it is https, or empty for no check of the host".to_owned())
        }
        _ => Ok(()),
    }
}

fn versions(_: &str, value: &Value) -> Result<(), String> {
    let Some(names) = value.as_list() else {
        return Ok(());
    };
    let is_spoken = |name: &String| matches!(name.as_str(), "TLSv1.2" | "TLSv1.3");
    if names.is_empty() || names.iter().any(is_spoken) {
        Ok(())
    } else {
        Err("there are TLSv1.2 and TLSv1.3".to_owned())
    }
}

fn java(_: &str, value: &Value) -> Result<(), String> {
    match text(value) {
        Some(_) => Err("Java classes cannot be loaded; remove the key".to_owned()),
        None => Ok(()),
    }
}
