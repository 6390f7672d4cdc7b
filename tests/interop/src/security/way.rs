//! A way into the cluster: an address, and the keys of a client that takes it.

use serde_json::{Map, Value};

/// How clients get in.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) name: String,
    keys: Vec<(&'static str, String)>,
}

impl Way {
    pub(super) fn new(name: &str, servers: &str, protocol: &str) -> Self {
        Self {
            name: name.to_owned(),
            keys: Vec::new(),
        }
        .with("bootstrap.servers", servers)
        .with("security.protocol", protocol)
    }

    /// The same with this value of a key.
    #[must_use]
    pub(super) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, value.to_owned()));
        self
    }

    /// The same for a user.
    #[must_use]
    pub(super) fn login(self, mechanism: &str, user: &str, password: &str) -> Self {
        let module = match mechanism {
            "PLAIN" => "plain.PlainLoginModule",
            _ => "scram.ScramLoginModule",
        };
        let jaas = format!(
            "org.apache.kafka.common.security.{module} required username=\"{user}\" password=\"{}\";",
            quoted(password)
        );
        self.with("sasl.mechanism", mechanism)
            .with("sasl.jaas.config", &jaas)
    }

    /// The same under another name.
    #[must_use]
    pub(super) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The keys as lines of a properties file, each behind `prefix`.
    pub(super) fn lines(&self, prefix: &str) -> String {
        let line = |(key, value): &(&str, String)| format!("{prefix}{key}={}\n", escaped(value));
        self.keys.iter().map(line).collect()
    }

    /// The keys as members of a connector's configuration, each behind `prefix`.
    pub(super) fn members(&self, prefix: &str) -> Map<String, Value> {
        let member =
            |(key, value): &(&str, String)| (format!("{prefix}{key}"), value.as_str().into());
        self.keys.iter().map(member).collect()
    }
}

/// A text between the quotes of a login module.
pub(super) fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A value in a properties file.
pub(super) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\")
}
