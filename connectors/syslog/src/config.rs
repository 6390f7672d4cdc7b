//! The keys.

use std::sync::Arc;
use std::time::Duration;

use millrace_api::config::{self, Config, ConfigEnum, Refusals, Sound, check, read_sound, refused};
use millrace_api::{ConnectError, Properties};
use millrace_listen::tls::{Fault, TlsConfig};
use millrace_listen::topics::{self, Allowed};
use millrace_listen::{Transport, host_fault, port_fault};

use crate::batch::Columns;
use crate::maker::Form;
use crate::message::zone;
use crate::route::Topics;
use crate::template::{self, Template};
use crate::text::InvalidBytes;

/// What becomes the value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum ValueForm {
    #[default]
    Line,
    Message,
    Struct,
}

/// What the timestamp of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum TimestampOf {
    #[default]
    Received,
    Message,
}

/// What becomes of a message that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OnInvalid {
    #[default]
    Keep,
    Drop,
    Fail,
}

/// What becomes of a message that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum TooLong {
    #[default]
    Truncate,
    Drop,
}

/// A header that records may have. The name of the key is the name of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub(crate) enum HeaderKind {
    Facility,
    Severity,
    Host,
    App,
    Procid,
    Msgid,
    /// Structured data, as it was sent.
    Data,
    /// The sender's address.
    Peer,
    /// Why the message is none.
    Malformed,
}

impl HeaderKind {
    /// The header's name.
    pub(crate) fn header(self) -> &'static [u8] {
        let known = Self::NAMES.iter().find(|(_, kind)| *kind == self);
        known.map_or(b"", |(name, _)| name.as_bytes())
    }
}

/// What Syslog needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct SyslogConfig {
    /// The address to listen on. `0.0.0.0` is every address of this host: then messages of anyone are taken, unless
    /// `tls.client.ca` asks for certificates and there is no other port.
    #[config(name = "host", default = "127.0.0.1", importance = high, non_empty)]
    pub(crate) host: String,
    /// The port for datagrams; with 0 the system picks one, which the log names. At least one of the three ports is needed.
    #[config(name = "udp.port", importance = high, range(0..=65535))]
    pub(crate) udp_port: Option<i32>,
    /// The port for connections without TLS.
    #[config(name = "tcp.port", importance = high, range(0..=65535))]
    pub(crate) tcp_port: Option<i32>,
    /// The port for connections with TLS, which needs `tls.certificate` and `tls.key`.
    #[config(name = "tls.port", importance = high, range(0..=65535))]
    pub(crate) tls_port: Option<i32>,
    #[config(flatten)]
    pub(crate) tls: TlsConfig,
    /// The topic to write to. `${host}`, `${app}`, `${procid}`, `${msgid}`, `${facility}`, `${severity}` and `${peer}`
    /// (the sender's address) stand for what they are of each message.
    #[config(name = "topic", importance = high, validator = template::check_topic)]
    pub(crate) topic: String,
    /// Topics that senders may choose by a place in `topic` other than facility and severity: names, or beginnings of
    /// names that end with `*`.
    #[config(name = "topics.allowed", default = "", validator = topics::check_allowed)]
    topics_allowed: Vec<String>,
    /// Where messages go whose topic is not one of `topics.allowed`, or that do not say what `topic` asks for.
    #[config(name = "topic.otherwise", validator = check_topic_name)]
    topic_otherwise: Option<String>,
    /// The records' key, with the same places as `topic`; `${host}` keeps the order of each host's messages. Where one of
    /// the places is missing, and without this key, records have none.
    #[config(name = "key", validator = template::check_key)]
    key: Option<String>,
    /// What becomes the value: the `line` as it was sent, the `message` in it without its header, or a `struct` of all
    /// that the line says.
    #[config(name = "value.form", default = "line", importance = high)]
    pub(crate) value_form: ValueForm,
    /// Headers that each record gets, separated by commas, of `facility`, `severity`, `host`, `app`, `procid`, `msgid`,
    /// `data` (structured data as it was sent), `peer` (the sender's address) and `malformed` (why it is no syslog
    /// message). What a message does not say is left out.
    #[config(name = "headers", default = "", validator = check::headers::<HeaderKind>)]
    headers: Vec<String>,
    /// The records' timestamp: when they were `received`, or the time in the `message`, which its sender may have wrong.
    #[config(name = "timestamp", default = "received")]
    timestamp: TimestampOf,
    /// The time zone of messages that do not say theirs (RFC 3164): a name such as Europe/Berlin, or an offset such as
    /// +02:00; without it, this system's.
    #[config(name = "time.zone", default = "", validator = check_zone)]
    time_zone: String,
    /// What becomes of a message that is no syslog message: `keep` makes a record of all of it, with the priority
    /// user.notice; `drop` leaves it out; `fail` ends the task. Each is counted.
    #[config(name = "on.invalid", default = "keep")]
    on_invalid: OnInvalid,
    /// What becomes of bytes that are no UTF-8: `replace` writes U+FFFD, `latin-1` reads the whole message as Latin-1,
    /// `drop` leaves the message out, `keep` makes all records bytes, as they were sent, for `ByteArrayConverter`.
    #[config(name = "invalid.bytes", default = "replace")]
    invalid_bytes: InvalidBytes,
    /// Bytes of the longest message; a longer one is treated as `message.too.long` says. Datagrams have 65,507 at most.
    #[config(name = "max.message.bytes", default = 65_536, range(480..=16_777_216))]
    max_message_bytes: i32,
    /// What becomes of a message that is too long: `truncate` keeps its beginning, `drop` leaves it out. Each is counted.
    #[config(name = "message.too.long", default = "truncate")]
    message_too_long: TooLong,
    /// Connections at most; further ones are closed, and counted.
    #[config(name = "connections.max", default = 1_000, range(1..=100_000))]
    pub(crate) connections_max: i32,
    /// Milliseconds without a byte after which a connection is closed; 0 keeps it, and notices by TCP's own probes when a
    /// sender is gone. Senders lose what they write into a connection that is closed, so give more than their longest
    /// silence.
    #[config(name = "idle.timeout.ms", default = 0, range(0..=86_400_000))]
    idle_timeout_ms: i64,
    /// Milliseconds in which a client must have shaken hands for TLS.
    #[config(name = "tls.handshake.timeout.ms", default = 10_000, range(100..=600_000), importance = low)]
    handshake_timeout_ms: i64,
    /// Bytes of messages that wait for the broker at most, and 128 for each record. Above that, connections are not read
    /// and datagrams are dropped, and counted.
    #[config(name = "waiting.bytes.max", default = 16_777_216, range(65_536..=1_073_741_824))]
    waiting_bytes_max: i64,
    /// Bytes of datagrams that the system keeps until they are read; it gives no more than net.core.rmem_max. 0 is the
    /// system's default.
    #[config(name = "udp.buffer.bytes", default = 4_194_304, range(0..=1_073_741_824), importance = low)]
    pub(crate) udp_buffer_bytes: i32,
}

/// What messages show of a key that is not given.
const UNSET: &str = "null";

impl SyslogConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        read_sound(properties, Self::contradictions).map_err(ConnectError::config)
    }

    /// What is wrong with keys together, whatever is wrong with others: each key with a message.
    pub(crate) fn contradictions(properties: &Properties) -> Vec<(String, String)> {
        let sound = Self::sound(properties);
        sound.map_or_else(Vec::new, |sound| {
            sound.contradictions(Self::find_contradictions)
        })
    }

    /// What of the keys this machine cannot do, whatever is wrong with others: TLS by files that are none, listening where
    /// it has no address or no right.
    pub(crate) async fn impossibilities(properties: &Properties) -> Vec<(String, String)> {
        let Some(sound) = Self::sound(properties) else {
            return Vec::new();
        };
        let config = sound.config();
        let faults = config.tls.file_faults().await;
        let mut wrong: Vec<_> = faults.iter().map(Fault::refused).collect();
        if !sound.are_sound(&["host"]) {
            return wrong;
        }
        if let Some(why) = host_fault(&config.host).await {
            wrong.push(refused("host", &config.host, why));
        }
        for (key, port, transport) in [
            ("udp.port", config.udp_port, Transport::Udp),
            ("tcp.port", config.tcp_port, Transport::Tcp),
            ("tls.port", config.tls_port, Transport::Tcp),
        ] {
            let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
            if let Some(why) = port_fault(&config.host, port, transport).await {
                wrong.push(refused(key, port, why));
            }
        }
        wrong
    }

    fn sound(properties: &Properties) -> Option<Sound<Self>> {
        Sound::read(properties, &[("topic", "-")])
    }

    fn find_contradictions(&self, refusals: &mut Refusals<'_, Self>) {
        self.check_ports(refusals);
        for fault in self.tls.faults() {
            refusals.refuse(
                &[fault.key],
                fault.value.as_deref().unwrap_or(UNSET),
                &fault.why,
            );
        }
        self.check_topics(refusals);
        if self.waiting_bytes_max < i64::from(self.max_message_bytes) {
            let why =
                "it must be max.message.bytes at least, or the longest message could never wait";
            let keys = ["waiting.bytes.max", "max.message.bytes"];
            refusals.refuse(&keys, &self.waiting_bytes_max.to_string(), why);
        }
        if self.value_form == ValueForm::Struct && self.invalid_bytes == InvalidBytes::Keep {
            let why = "structures hold text; choose of replace, latin-1 and drop";
            refusals.refuse(&["invalid.bytes", "value.form"], "keep", why);
        }
    }

    fn check_topics(&self, refusals: &mut Refusals<'_, Self>) {
        let Ok(topic) = Template::read(&self.topic) else {
            return;
        };
        let (allowed, otherwise) = (["topics.allowed", "topic"], ["topic.otherwise", "topic"]);
        let named = self.topics_allowed.join(",");
        if !topic.is_open() {
            let why = "senders do not choose the topic, so it has no effect; leave it out";
            if !named.is_empty() {
                refusals.refuse(&allowed, &named, why);
            }
            if let Some(name) = &self.topic_otherwise {
                refusals.refuse(&otherwise, name, why);
            }
            return;
        }
        let beginning = topic.beginning();
        let can_be = |pattern: &String| match pattern.strip_suffix('*') {
            Some(name) => name.starts_with(beginning) || beginning.starts_with(name),
            None => pattern.starts_with(beginning),
        };
        if named.is_empty() {
            let why = "senders choose the topic, so say which topics they may choose";
            refusals.refuse(&allowed, UNSET, why);
        } else if !self.topics_allowed.iter().any(can_be) {
            let why =
                format!("topics begin with {beginning}, and none of these does; name some that do");
            refusals.refuse(&allowed, &named, &why);
        }
        if self.topic_otherwise.is_none() {
            let why = "senders choose the topic, so say where messages go that may not go where they choose";
            refusals.refuse(&otherwise, UNSET, why);
        }
    }

    fn check_ports(&self, refusals: &mut Refusals<'_, Self>) {
        let ports = ["udp.port", "tcp.port", "tls.port"];
        if [self.udp_port, self.tcp_port, self.tls_port] == [None; 3] {
            let why = "there is no port to listen on; name one by udp.port, tcp.port or tls.port";
            refusals.refuse(&ports, UNSET, why);
        }
        let port = self.tls_port.map(|port| port.to_string());
        if port.is_some() && self.tls.certificate.is_none() && self.tls.key.is_none() {
            let why = "TLS needs PEM files; name them by tls.certificate and tls.key";
            let keys = ["tls.port", "tls.certificate", "tls.key"];
            refusals.refuse(&keys, port.as_deref().unwrap_or(UNSET), why);
        }
        if let (None, Some(certificate)) = (self.tls_port, &self.tls.certificate) {
            let why = "nothing would use it; name the port for TLS by tls.port";
            refusals.refuse(&["tls.certificate", "tls.port"], certificate, why);
        }
        if self.tls_port.is_some_and(|port| port != 0) && self.tcp_port == self.tls_port {
            let why = "it is tcp.port's; take another";
            refusals.refuse(
                &["tls.port", "tcp.port"],
                port.as_deref().unwrap_or(UNSET),
                why,
            );
        }
    }

    /// How records are made.
    ///
    /// # Errors
    /// What is wrong with a template or the time zone.
    pub(crate) fn form(&self) -> Result<Form, String> {
        let template = Template::read(&self.topic)?;
        let otherwise = self.topic_otherwise.as_deref();
        let topics = Topics {
            allowed: template
                .is_open()
                .then(|| Allowed::new(&self.topics_allowed, otherwise)),
            otherwise: otherwise.or(template.literal()).unwrap_or("syslog").into(),
            template,
        };
        let kinds = self.headers.iter();
        Ok(Form {
            topics: Arc::new(topics),
            key: self.key.as_deref().map(Template::read).transpose()?,
            value: self.value_form,
            headers: kinds
                .filter_map(|name| HeaderKind::from_name(name))
                .collect(),
            timestamp: self.timestamp,
            zone: zone(&self.time_zone)?,
            on_invalid: self.on_invalid,
            invalid_bytes: self.invalid_bytes,
            too_long: self.message_too_long,
        })
    }

    pub(crate) fn columns(&self) -> Columns {
        Columns::new(self.key.is_some(), self.value_form, self.invalid_bytes)
    }

    pub(crate) fn message_max(&self) -> usize {
        usize::try_from(self.max_message_bytes).unwrap_or(usize::MAX)
    }

    pub(crate) fn waiting_max(&self) -> u32 {
        u32::try_from(self.waiting_bytes_max).unwrap_or(u32::MAX)
    }

    /// How long a connection may be silent; none for as long as it likes.
    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        let timeout = Duration::from_millis(self.idle_timeout_ms.unsigned_abs());
        (!timeout.is_zero()).then_some(timeout)
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms.unsigned_abs())
    }
}

fn check_zone(_key: &str, value: &config::Value) -> Result<(), String> {
    zone(value.as_str().unwrap_or_default()).map(drop)
}

fn check_topic_name(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if !topics::is_legal(name) => Err(
            "a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SyslogConfig, String> {
        let properties = properties(pairs);
        SyslogConfig::read(&properties).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_wrong_is_told_together_with_key_value_and_remedy() {
        let told = read(&[
            ("udp.port", "70000"),
            ("topic", "a b"),
            ("topics.allowed", "a b"),
            ("topic.otherwise", ".."),
            ("key", "${size}"),
            ("value.form", "xml"),
            ("headers", "host,size"),
            ("time.zone", "Mars/Olympus"),
            ("on.invalid", "ask"),
            ("max.message.bytes", "1"),
        ])
        .unwrap_err();
        for mention in [
            "70000 for configuration udp.port",
            "a b for configuration topic:",
            "for configuration topics.allowed: 'a b' is neither",
            ".. for configuration topic.otherwise",
            "there is no '${size}'; choose of ${host}",
            "xml for configuration value.form",
            "there is no header 'size'; choose of facility",
            "Mars/Olympus for configuration time.zone",
            "ask for configuration on.invalid",
            "1 for configuration max.message.bytes",
        ] {
            assert!(told.contains(mention), "{mention}: {told}");
        }
        // What keys have wrong together is told beside what one has wrong.
        let beside = [("topic", ""), ("tcp.port", "1"), ("tls.port", "1")];
        assert_eq!(SyslogConfig::contradictions(&properties(&beside)).len(), 2);
    }

    #[test]
    fn keys_that_contradict_one_another() {
        let told = read(&[
            ("topic", "logs-${app}"),
            ("tls.key", "key.pem"),
            ("value.form", "struct"),
            ("invalid.bytes", "keep"),
        ])
        .unwrap_err();
        for mention in [
            "udp.port: there is no port",
            "tls.certificate: TLS needs both",
            "topics.allowed: senders choose",
            "topic.otherwise: senders choose",
            "keep for configuration invalid.bytes",
        ] {
            assert!(told.contains(mention), "{mention}: {told}");
        }
        let told = read(&[("topic", "t"), ("tcp.port", "514"), ("tls.port", "514")]).unwrap_err();
        assert_eq!(told.lines().count(), 2, "{told}");
        let told = read(&[
            ("topic", "t"),
            ("tcp.port", "514"),
            ("tls.certificate", "c"),
            ("tls.key", "k"),
        ])
        .unwrap_err();
        assert!(told.contains("by tls.port"), "{told}");
        assert!(read(&[("topic", "logs-${facility}"), ("udp.port", "0")]).is_ok());
    }

    #[test]
    fn keys_that_would_have_no_effect_or_none_that_is_meant() {
        let open = [("topic", "logs-${app}"), ("topic.otherwise", "rest")];
        let with = |pairs: &[(&'static str, &'static str)]| {
            let base = [("topic", "t"), ("udp.port", "0")];
            read(&[&base[..], pairs].concat()).err().unwrap_or_default()
        };
        for (pairs, key) in [
            (
                &[("topics.allowed", "a*")][..],
                "a* for configuration topics.allowed",
            ),
            (
                &[("topic.otherwise", "a")],
                "a for configuration topic.otherwise",
            ),
            (
                &[open[0], open[1], ("topics.allowed", "app*,log")],
                "app*,log for configuration topics.allowed",
            ),
            (&[("key", "")], "configuration key: it is empty"),
            (&[("headers", "host,host")], "'host' is there twice"),
            (
                &[
                    ("waiting.bytes.max", "65536"),
                    ("max.message.bytes", "65537"),
                ],
                "65536 for configuration waiting.bytes.max",
            ),
        ] {
            let told = with(pairs);
            assert!(
                told.contains(key) && told.lines().count() == 1,
                "{pairs:?}: {told}"
            );
        }
        for allowed in ["logs-a", "l*", "*", "logs-a*,other"] {
            assert_eq!(with(&[open[0], open[1], ("topics.allowed", allowed)]), "");
        }
    }

    #[tokio::test]
    async fn what_this_machine_cannot_do_is_told_beside_the_rest() {
        let keys = [
            ("topic", ""),
            ("host", "192.0.2.1"),
            ("tls.port", "0"),
            ("tls.certificate", "/gone.pem"),
            ("tls.key", "/gone.key"),
            ("tls.client.ca", ""),
        ];
        let told = SyslogConfig::impossibilities(&properties(&keys)).await;
        let told: Vec<_> = told.iter().map(|(key, why)| (key.as_str(), why)).collect();
        let expected = ["tls.certificate", "tls.key", "host"];
        assert_eq!(
            told.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            expected
        );
        for ((key, why), value) in told.iter().zip(["/gone.pem", "/gone.key", "192.0.2.1"]) {
            let expected = format!("Invalid value {value} for configuration {key}: ");
            assert!(why.starts_with(&expected), "{why}");
        }
    }
}
