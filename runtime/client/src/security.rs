//! Keys that protect connections. There is no such protection in this client yet, so that they are refused: a client
//! that ignored them would send in the open what was meant to be secret.

use millrace_config::{
    Config, ConfigDef, ConfigErrors, ConfigKey, Importance, Type, Validator, Value, Values,
};

const PROTOCOL: &str = "security.protocol";
/// The one protocol that is spoken.
const PLAINTEXT: &str = "PLAINTEXT";

/// Kafka's keys about encryption and authentication, `security.protocol` aside.
const UNSUPPORTED: &[&str] = &[
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.endpoint.identification.algorithm",
    "ssl.engine.factory.class",
    "ssl.key.password",
    "ssl.keymanager.algorithm",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "sasl.client.callback.handler.class",
    "sasl.jaas.config",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.service.name",
    "sasl.kerberos.ticket.renew.jitter",
    "sasl.kerberos.ticket.renew.window.factor",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
    "sasl.login.connect.timeout.ms",
    "sasl.login.read.timeout.ms",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
    "sasl.login.retry.backoff.max.ms",
    "sasl.login.retry.backoff.ms",
    "sasl.mechanism",
    "sasl.oauthbearer.clock.skew.seconds",
    "sasl.oauthbearer.expected.audience",
    "sasl.oauthbearer.expected.issuer",
    "sasl.oauthbearer.header.urlencode",
    "sasl.oauthbearer.jwks.endpoint.url",
    "sasl.oauthbearer.scope.claim.name",
    "sasl.oauthbearer.sub.claim.name",
    "sasl.oauthbearer.token.endpoint.url",
    "security.providers",
];

/// Those of them whose values are secret: a refusal must not print them.
const SECRET: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.key",
    "ssl.keystore.password",
    "ssl.truststore.password",
    "sasl.jaas.config",
];

/// How connections are protected: not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Security {
    _private: (),
}

impl Config for Security {
    fn definition() -> ConfigDef {
        let protocol = ConfigKey::new(PROTOCOL, Type::String)
            .default(PLAINTEXT)
            .doc("How connections are protected; only PLAINTEXT is there.")
            .validator(Validator::custom(plaintext));
        let refused = |definition: ConfigDef, name: &&str| {
            let kind = if SECRET.contains(name) {
                Type::Password
            } else {
                Type::String
            };
            let key = ConfigKey::new(*name, kind)
                .optional()
                .importance(Importance::Low)
                .doc("Not supported: connections are not protected.")
                .validator(Validator::custom(unset));
            definition.key(key)
        };
        let all = UNSUPPORTED.iter();
        all.fold(ConfigDef::new().key(protocol), refused)
    }

    fn from_values(_: &Values) -> Result<Self, ConfigErrors> {
        Ok(Self::default())
    }
}

fn plaintext(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if name.eq_ignore_ascii_case(PLAINTEXT) => Ok(()),
        None => Ok(()),
        Some(_) => Err(
            "this client cannot encrypt or authenticate yet, only PLAINTEXT is supported"
                .to_owned(),
        ),
    }
}

fn unset(_: &str, value: &Value) -> Result<(), String> {
    let asks = match value {
        Value::Password(secret) => !secret.expose().is_empty(),
        value => value.as_str().is_some_and(|text| !text.is_empty()),
    };
    if asks {
        let reason =
            "this client cannot encrypt or authenticate yet; remove the key to connect in the open";
        return Err(reason.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::ClusterConfig;
    use millrace_config::{Config, Properties};

    fn refusal(key: &str, value: &str) -> Option<String> {
        let given = [("bootstrap.servers", "a:1"), (key, value)];
        let given: Properties = given
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        ClusterConfig::parse(&given)
            .err()
            .map(|errors| errors.to_string())
    }

    #[test]
    fn what_would_protect_is_refused_with_the_reason() {
        for (key, value) in [
            ("security.protocol", "SASL_SSL"),
            ("ssl.truststore.location", "/etc/trust.jks"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", "module required;"),
        ] {
            let text = refusal(key, value).unwrap();
            assert!(
                text.contains(key) && text.contains("cannot encrypt"),
                "{text}"
            );
            assert!(!text.contains("module"), "{text}");
        }
    }

    #[test]
    fn what_asks_for_nothing_is_taken() {
        assert_eq!(refusal("security.protocol", "plaintext"), None);
        assert_eq!(refusal("ssl.endpoint.identification.algorithm", ""), None);
    }
}
