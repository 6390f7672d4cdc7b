//! The keys that the three registry converters share: Confluent's, with Confluent's defaults.

use millrace_api::config::{Config, ConfigEnum, Secret, Value};

use super::subject::SubjectStrategy;

/// Where the user and password for the registry come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum BasicSource {
    /// From `schema.registry.url`.
    #[default]
    #[config(name = "URL")]
    Url,
    /// From `basic.auth.user.info`.
    #[config(name = "USER_INFO")]
    UserInfo,
}

/// Where the bearer token for the registry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(crate) enum BearerSource {
    /// From `bearer.auth.token`.
    #[default]
    #[config(name = "STATIC_TOKEN")]
    Token,
    /// From an issuer of tokens, by client id and secret.
    #[config(name = "OAUTHBEARER")]
    Issuer,
}

/// What a converter needs to know of its registry, and of how it uses it.
#[derive(Debug, Clone, Config)]
pub(crate) struct RegistryConfig {
    /// The addresses of the schema registry, tried one after the other.
    #[config(name = "schema.registry.url", importance = high, group = "Schema Registry", validator = check_urls)]
    pub(crate) url: Vec<String>,
    /// Whether schemas that are new to the registry are registered.
    #[config(name = "auto.register.schemas", default = true)]
    pub(crate) auto_register: bool,
    /// Whether records are written with the latest version of their subject, in place of the schema they come with; only
    /// where auto.register.schemas is false.
    #[config(name = "use.latest.version", default = false, importance = low)]
    pub(crate) use_latest: bool,
    /// Whether the latest version must have all that records have.
    #[config(name = "latest.compatibility.strict", default = true, importance = low)]
    pub(crate) latest_strict: bool,
    /// The id of the schema to write with; -1 for none. Only where auto.register.schemas is false.
    #[config(name = "use.schema.id", default = -1, importance = low)]
    pub(crate) use_id: i32,
    /// Whether the schema of use.schema.id must have all that records have.
    #[config(name = "id.compatibility.strict", default = true, importance = low)]
    pub(crate) id_strict: bool,
    /// Whether the registry normalizes schemas that are registered or looked up.
    #[config(name = "normalize.schemas", default = false)]
    pub(crate) normalize: bool,
    /// How many schemas are remembered, in each direction.
    #[config(name = "schemas.cache.config", default = 1000, range(1..), importance = low)]
    pub(crate) cache_size: i32,
    /// Another name of schemas.cache.config.
    #[config(name = "schemas.cache.size", importance = low)]
    pub(crate) cache_size_too: Option<i32>,
    /// How many schemas of a subject are remembered at most.
    #[config(name = "max.schemas.per.subject", default = 1000, range(1..), importance = low)]
    pub(crate) max_per_subject: i32,
    /// How the subject of a key is named: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy.
    #[config(name = "key.subject.name.strategy", default = "io.confluent.kafka.serializers.subject.TopicNameStrategy", validator = SubjectStrategy::check)]
    pub(crate) key_strategy: String,
    /// How the subject of a value is named: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy.
    #[config(name = "value.subject.name.strategy", default = "io.confluent.kafka.serializers.subject.TopicNameStrategy", validator = SubjectStrategy::check)]
    pub(crate) value_strategy: String,
    #[config(flatten)]
    pub(crate) access: AccessConfig,
}

/// How the registry is reached.
#[derive(Debug, Clone, Config)]
pub(crate) struct AccessConfig {
    /// Where user and password come from: URL or USER_INFO.
    #[config(
        name = "basic.auth.credentials.source",
        default = "URL",
        group = "Schema Registry"
    )]
    pub(crate) basic_source: BasicSource,
    /// User and password, with a colon between them.
    #[config(name = "basic.auth.user.info")]
    pub(crate) user_info: Option<Secret>,
    /// Where a bearer token comes from: STATIC_TOKEN or OAUTHBEARER.
    #[config(name = "bearer.auth.credentials.source", default = "STATIC_TOKEN")]
    pub(crate) bearer_source: BearerSource,
    /// The bearer token.
    #[config(name = "bearer.auth.token")]
    pub(crate) token: Option<Secret>,
    /// Where tokens are issued.
    #[config(name = "bearer.auth.issuer.endpoint.url")]
    pub(crate) issuer: Option<String>,
    /// The client id for the issuer of tokens.
    #[config(name = "bearer.auth.client.id")]
    pub(crate) client_id: Option<String>,
    /// The client's secret for the issuer of tokens.
    #[config(name = "bearer.auth.client.secret")]
    pub(crate) client_secret: Option<Secret>,
    /// The scope of the tokens.
    #[config(name = "bearer.auth.scope", importance = low)]
    pub(crate) scope: Option<String>,
    /// The registry's cluster, for registries that are told by a header.
    #[config(name = "bearer.auth.logical.cluster", importance = low)]
    pub(crate) logical_cluster: Option<String>,
    /// The identity pool, for registries that are told by a header.
    #[config(name = "bearer.auth.identity.pool.id", importance = low)]
    pub(crate) identity_pool: Option<String>,
    /// How long connecting to the registry may take, in milliseconds.
    #[config(name = "http.connect.timeout.ms", default = 60000, range(1..), importance = low)]
    pub(crate) connect_timeout_ms: i32,
    /// How long a call may take in all, with its repetitions, in milliseconds.
    #[config(name = "http.read.timeout.ms", default = 60000, range(1..), importance = low)]
    pub(crate) read_timeout_ms: i32,
    /// How often a call is repeated while the registry is away.
    #[config(name = "max.retries", default = 3, range(0..), importance = low)]
    pub(crate) max_retries: i32,
    /// The first pause before a repetition, in milliseconds; later ones double.
    #[config(name = "retries.wait.ms", default = 1000, range(1..), importance = low)]
    pub(crate) retry_wait_ms: i32,
    /// The longest pause before a repetition, in milliseconds.
    #[config(name = "retries.max.wait.ms", default = 20000, range(1..), importance = low)]
    pub(crate) retry_max_wait_ms: i32,
    /// The host of a proxy.
    #[config(name = "proxy.host", importance = low)]
    pub(crate) proxy_host: Option<String>,
    /// The port of the proxy.
    #[config(name = "proxy.port", default = -1, importance = low)]
    pub(crate) proxy_port: i32,
    /// A file of certificates, in PEM, of the authorities that the registry's certificate is checked against.
    #[config(
        name = "schema.registry.ssl.truststore.location",
        group = "Schema Registry TLS"
    )]
    pub(crate) truststore: Option<String>,
    /// The same certificates, in PEM, as text.
    #[config(name = "schema.registry.ssl.truststore.certificates")]
    pub(crate) truststore_text: Option<Secret>,
    /// The format of the truststore: PEM.
    #[config(name = "schema.registry.ssl.truststore.type", default = "PEM", validator = check_store)]
    pub(crate) truststore_type: String,
    /// A file of the client's own key and certificates, in PEM.
    #[config(name = "schema.registry.ssl.keystore.location")]
    pub(crate) keystore: Option<String>,
    /// The client's own key, in PEM.
    #[config(name = "schema.registry.ssl.keystore.key")]
    pub(crate) keystore_key: Option<Secret>,
    /// The client's own certificates, in PEM.
    #[config(name = "schema.registry.ssl.keystore.certificate.chain")]
    pub(crate) keystore_chain: Option<Secret>,
    /// The format of the keystore: PEM.
    #[config(name = "schema.registry.ssl.keystore.type", default = "PEM", validator = check_store)]
    pub(crate) keystore_type: String,
    /// https checks that the certificate is for the registry's host; empty does not.
    #[config(name = "schema.registry.ssl.endpoint.identification.algorithm", default = "https", importance = low)]
    pub(crate) identification: String,
}

fn check_urls(_: &str, value: &Value) -> Result<(), String> {
    let urls = value.as_list().unwrap_or_default();
    if urls.iter().all(|url| url.is_empty()) {
        return Err(
            "the address of a schema registry is needed, such as http://127.0.0.1:8081".to_owned(),
        );
    }
    for url in urls {
        match reqwest::Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {}
            Ok(_) => return Err("an address begins with http:// or https://".to_owned()),
            Err(error) => return Err(format!("an address cannot be read: {error}")),
        }
    }
    Ok(())
}

fn check_store(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if text.eq_ignore_ascii_case("PEM") => Ok(()),
        _ => Err(
            "only PEM is read; convert the store with keytool -exportcert -rfc, or with openssl pkcs12"
                .to_owned(),
        ),
    }
}
