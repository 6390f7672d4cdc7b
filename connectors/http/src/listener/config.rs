//! The keys.

use std::time::Duration;

use millrace_api::config::{Config, ConfigEnum, Secret, Value};
use millrace_api::{ConnectError, Properties};
use millrace_listen::tls::TlsConfig;
use millrace_listen::topics;

use super::template::{self, Template};
use crate::form::ValueForm;
use crate::refused::Refused;

/// How a body becomes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Format {
    /// As `Content-Type` says.
    #[default]
    Auto,
    Json,
    Lines,
    Form,
    Raw,
}

/// What becomes of a JSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Arrays {
    #[default]
    Split,
    Whole,
}

/// How senders say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum AuthType {
    #[default]
    None,
    Basic,
    Bearer,
}

/// How senders sign what they send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum SignatureType {
    #[default]
    None,
    Github,
    Stripe,
}

/// What HttpListener needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct ListenerConfig {
    /// The address to listen on. `0.0.0.0` is every address of this host: then ask for credentials or a signature.
    #[config(name = "host", default = "127.0.0.1", importance = high, non_empty)]
    pub(crate) host: String,
    /// The port to listen on; with 0 the system picks one, which the log names.
    #[config(name = "port", importance = high, range(0..=65535))]
    pub(crate) port: i32,
    /// The path that takes requests; with `*` at its end, all paths that begin so.
    #[config(name = "path", default = "/*", validator = check_path)]
    pub(crate) path: String,
    /// The methods that bring records, separated by commas, of POST, PUT and PATCH.
    #[config(name = "methods", default = "POST", validator = check_methods)]
    pub(crate) methods: Vec<String>,
    /// The topic to write to. `${path}`, `${path.1}` (a segment of the path), `${header.NAME}`, `${query.NAME}` and
    /// `${body:/pointer}` (a JSON pointer into the record) stand for what they are of each request. Needed unless
    /// `rest.proxy` is true and nothing else is to be taken.
    #[config(name = "topic", importance = high, validator = template::check)]
    pub(crate) topic: Option<String>,
    /// Topics that requests may name, by a place in `topic` or a REST Proxy call: names, or beginnings of names that end
    /// with `*`. Without it, only a `topic` without places. Each must be there, or the cluster must create it.
    #[config(name = "topics.allowed", default = "", validator = topics::check_allowed)]
    pub(crate) topics_allowed: Vec<String>,
    /// The records' key, with the same places as `topic`. Where one of them is missing, and without this key, records
    /// have none.
    #[config(name = "key", validator = template::check)]
    pub(crate) key: Option<String>,
    /// Request headers that each record gets, separated by commas; a name may end with `*`. `:method`, `:path`, `:query`
    /// and `:remote` (the sender's address) become `http.method` and so on.
    #[config(name = "headers", default = "")]
    pub(crate) headers: Vec<String>,
    /// How a body becomes records: `json` (an array's elements are a record each), `lines` (those that are not empty),
    /// `form` (a JSON object of the fields), `raw` (one record), or `auto`: as `Content-Type` says, `raw` if nothing fits.
    #[config(name = "format", default = "auto", importance = high)]
    pub(crate) format: Format,
    /// Whether the elements of a JSON array are records (`split`) or the array is one (`whole`).
    #[config(name = "json.arrays", default = "split")]
    pub(crate) json_arrays: Arrays,
    /// What converters get: `text` as it came, for StringConverter (what is not text is refused); `bytes`, for
    /// ByteArrayConverter; `parsed`: JSON's objects and numbers, for JsonConverter and for transforms.
    #[config(name = "value.form", default = "text", importance = high)]
    pub(crate) value_form: ValueForm,
    /// Whether to take produce calls of a REST Proxy: `POST /topics/NAME` in its JSON and binary formats, version 2.
    #[config(name = "rest.proxy", default = false)]
    pub(crate) rest_proxy: bool,
    /// The partitions that REST Proxy calls may name: 0 to this minus one, which all allowed topics must have. 0 refuses
    /// records that name one.
    #[config(name = "rest.proxy.partitions", default = 0, range(0..=100_000))]
    pub(crate) rest_proxy_partitions: i32,
    /// How senders say who they are: `none`, `basic` (`connection.user`, `connection.password`) or `bearer`
    /// (`bearer.token`).
    #[config(name = "auth.type", default = "none", importance = high)]
    pub(crate) auth_type: AuthType,
    /// The user of `auth.type=basic`.
    #[config(name = "connection.user")]
    pub(crate) user: Option<String>,
    /// The password of `auth.type=basic`.
    #[config(name = "connection.password")]
    pub(crate) password: Option<Secret>,
    /// The token of `auth.type=bearer`.
    #[config(name = "bearer.token")]
    pub(crate) bearer_token: Option<Secret>,
    /// How senders sign bodies: `none`, `github` (HMAC-SHA-256 of the body, `X-Hub-Signature-256: sha256=…`) or `stripe`
    /// (of time and body, `Stripe-Signature: t=…,v1=…`).
    #[config(name = "signature.type", default = "none", importance = high)]
    pub(crate) signature_type: SignatureType,
    /// The secret that sender and listener share.
    #[config(name = "signature.secret")]
    pub(crate) signature_secret: Option<Secret>,
    /// A second secret that counts too, while senders change over to a new one.
    #[config(name = "signature.secret.previous", importance = low)]
    pub(crate) signature_secret_previous: Option<Secret>,
    /// The header that holds the signature, if it is not the usual one.
    #[config(name = "signature.header", importance = low)]
    pub(crate) signature_header: Option<String>,
    /// Seconds that the time in a `stripe` signature may be off; 0 does not look at it.
    #[config(name = "signature.tolerance.seconds", default = 300, range(0..=86_400), importance = low)]
    pub(crate) signature_tolerance_seconds: i32,
    #[config(flatten)]
    pub(crate) tls: TlsConfig,
    /// The header that names a request, such as `X-GitHub-Delivery` or `Idempotency-Key`: one that was stored before is
    /// answered, and not stored again. Kept in memory: a restart forgets.
    #[config(name = "id.header", validator = check_header)]
    pub(crate) id_header: Option<String>,
    /// How many of the last ids are remembered.
    #[config(name = "id.window", default = 10_000, range(1..=1_000_000), importance = low)]
    pub(crate) id_window: i32,
    /// Bytes of the largest body, unpacked; larger ones are answered with 413. Keep it below the producer's
    /// `max.request.size`: a record that is larger than that fails the task.
    #[config(name = "body.bytes.max", default = 1_000_000, range(1..=67_108_864))]
    pub(crate) body_bytes_max: i32,
    /// Records of one request at most; more are answered with 413.
    #[config(name = "records.max", default = 10_000, range(1..=1_000_000), importance = low)]
    pub(crate) records_max: i32,
    /// Bytes of a request's line and headers at most; more are answered with 431.
    #[config(name = "header.bytes.max", default = 16_384, range(8_192..=1_048_576), importance = low)]
    pub(crate) header_bytes_max: i32,
    /// Connections at most; further ones are answered with 503 and closed.
    #[config(name = "connections.max", default = 1_000, range(1..=100_000), importance = low)]
    pub(crate) connections_max: i32,
    /// Requests in progress at most; further ones are answered with 429.
    #[config(name = "requests.max", default = 500, range(1..=100_000))]
    pub(crate) requests_max: i32,
    /// Bytes of bodies that wait for the broker at most, and 128 for each record; further ones are answered with 503.
    #[config(name = "waiting.bytes.max", default = 16_777_216, range(1_024..=1_073_741_824))]
    pub(crate) waiting_bytes_max: i64,
    /// Milliseconds in which a client must have sent its headers, and then its body.
    #[config(name = "slow.client.timeout.ms", default = 10_000, range(100..=600_000), importance = low)]
    pub(crate) slow_client_timeout_ms: i64,
    /// Milliseconds to wait for the broker's acknowledgement before a request is answered with 503. Its records may be
    /// stored all the same, if the broker had them by then.
    #[config(name = "acknowledge.timeout.ms", default = 10_000, range(10..=600_000))]
    pub(crate) acknowledge_timeout_ms: i64,
    /// Seconds after which those who got 429 or 503 are asked to try again (`Retry-After`).
    #[config(name = "retry.after.seconds", default = 5, range(1..=86_400), importance = low)]
    pub(crate) retry_after_seconds: i32,
}

impl ListenerConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        let config =
            Self::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))?;
        config.contradictions().into_result()?;
        Ok(config)
    }

    /// What is wrong with keys together, of which each by itself is right.
    pub(crate) fn contradictions(&self) -> Refused {
        let mut refused = Refused::default();
        let mut demand = |holds: bool, key: &str, why: &str| {
            if !holds {
                refused.missing(key, why);
            }
        };
        demand(
            self.topic.is_some() || self.rest_proxy,
            "topic",
            "there is none, and rest.proxy=false: name the topic to write to",
        );
        let named_by_senders = self.topic.as_deref().is_some_and(|topic| {
            Template::read(topic).is_ok_and(|template| template.literal().is_none())
        });
        let needs_allowed = named_by_senders || (self.rest_proxy && self.topic.is_none());
        demand(
            !needs_allowed || !self.topics_allowed.is_empty(),
            "topics.allowed",
            "senders name the topic, so say which topics they may name",
        );
        self.missing_secrets(&mut demand);
        for fault in self.tls.faults() {
            refused.add(
                fault.key,
                fault.value.as_deref().unwrap_or("null"),
                &fault.why,
            );
        }
        if i64::from(self.body_bytes_max) >= self.waiting_bytes_max {
            let why = "it must be above body.bytes.max, or the largest body could never be taken";
            let value = self.waiting_bytes_max.to_string();
            refused.add("waiting.bytes.max", &value, why);
        }
        refused
    }

    fn missing_secrets(&self, demand: &mut impl FnMut(bool, &str, &str)) {
        let given = |secret: &Option<Secret>| {
            secret
                .as_ref()
                .is_some_and(|secret| !secret.expose().is_empty())
        };
        let basic = self.auth_type == AuthType::Basic;
        demand(
            !basic || self.user.is_some(),
            "connection.user",
            "auth.type=basic needs the user",
        );
        demand(
            !basic || given(&self.password),
            "connection.password",
            "auth.type=basic needs the password",
        );
        demand(
            self.auth_type != AuthType::Bearer || given(&self.bearer_token),
            "bearer.token",
            "auth.type=bearer needs the token",
        );
        demand(
            self.signature_type == SignatureType::None || given(&self.signature_secret),
            "signature.secret",
            "signature.type needs the secret that the sender signs with",
        );
    }

    /// How long a client may take.
    pub(crate) fn slow_client_timeout(&self) -> Duration {
        Duration::from_millis(self.slow_client_timeout_ms.unsigned_abs())
    }

    /// How long the broker may take.
    pub(crate) fn acknowledge_timeout(&self) -> Duration {
        Duration::from_millis(self.acknowledge_timeout_ms.unsigned_abs())
    }
}

fn check_path(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(path) if !path.starts_with('/') => Err("a path begins with /".to_owned()),
        Some(path) if path.trim_end_matches('*').contains('*') => {
            Err("* may only end the path".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_header(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if hyper::header::HeaderName::from_bytes(name.as_bytes()).is_err() => {
            Err(format!("'{name}' is no name of a header"))
        }
        _ => Ok(()),
    }
}

fn check_methods(_key: &str, value: &Value) -> Result<(), String> {
    let names = value.as_list().unwrap_or_default();
    let known = |name: &str| {
        ["POST", "PUT", "PATCH"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    match names.iter().find(|name| !known(name)) {
        Some(name) => Err(format!("'{name}' is none of POST, PUT and PATCH")),
        None if names.is_empty() => Err("name at least one of POST, PUT and PATCH".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ListenerConfig, String> {
        let properties = properties([("port", "0")].iter().chain(pairs));
        ListenerConfig::read(&properties).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "configuration topic: there is none"),
            (&[("topic", "${path.1}")], "topics.allowed"),
            (&[("topic", "${nothing}")], "topic"),
            (&[("topic", "a b")], "topic"),
            (&[("topic", "t"), ("path", "hooks")], "path"),
            (&[("topic", "t"), ("methods", "GET")], "GET"),
            (&[("topic", "t"), ("id.header", "a b")], "id.header"),
            (
                &[("topic", "t"), ("auth.type", "basic")],
                "connection.password",
            ),
            (&[("topic", "t"), ("auth.type", "bearer")], "bearer.token"),
            (
                &[("topic", "t"), ("signature.type", "github")],
                "signature.secret",
            ),
            (&[("topic", "t"), ("tls.certificate", "c.pem")], "tls.key"),
            (
                &[("topic", "t"), ("tls.client.ca", "c.pem")],
                "tls.client.ca",
            ),
            (
                &[("topic", "t"), ("waiting.bytes.max", "2000")],
                "waiting.bytes.max",
            ),
            (&[("rest.proxy", "true")], "topics.allowed"),
            (&[("topic", "t"), ("port", "70000")], "port"),
        ];
        for (pairs, mention) in cases {
            let error = read(pairs)
                .err()
                .unwrap_or_else(|| panic!("{pairs:?} is taken"));
            assert!(error.contains(mention), "{pairs:?}: {error}");
        }
        assert!(read(&[("topic", "hooks")]).is_ok());
        assert!(read(&[("rest.proxy", "true"), ("topics.allowed", "a,b-*")]).is_ok());
    }

    #[test]
    fn all_faults_are_named_together() {
        let error = read(&[("auth.type", "basic"), ("signature.type", "stripe")]).unwrap_err();
        for key in [
            "topic",
            "connection.user",
            "connection.password",
            "signature.secret",
        ] {
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
