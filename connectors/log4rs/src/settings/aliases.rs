//! The key names of Kafka's log4j appender, and what they are called here.

use millrace_config::{ConfigErrors, Properties};

/// log4j's names and ours.
const ALIASES: &[(&str, &str)] = &[
    ("brokerList", "bootstrap.servers"),
    ("compressionType", "compression.type"),
    ("requiredNumAcks", "acks"),
    ("deliveryTimeoutMs", "delivery.timeout.ms"),
    ("lingerMs", "linger.ms"),
    ("batchSize", "batch.size"),
    ("maxBlockMs", "block.budget.ms"),
    ("syncSend", "sync.send"),
    ("ignoreExceptions", "ignore.exceptions"),
    ("securityProtocol", "security.protocol"),
    ("sslTruststoreLocation", "ssl.truststore.location"),
    ("sslTruststorePassword", "ssl.truststore.password"),
    ("sslKeystoreType", "ssl.keystore.type"),
    ("sslKeystoreLocation", "ssl.keystore.location"),
    ("sslKeystorePassword", "ssl.keystore.password"),
    ("sslEngineFactoryClass", "ssl.engine.factory.class"),
    ("saslMechanism", "sasl.mechanism"),
    ("saslKerberosServiceName", "sasl.kerberos.service.name"),
    ("clientJaasConf", "sasl.jaas.config"),
];

/// log4j's names that nothing here corresponds to, and what to do instead.
const WITHOUT: &[(&str, &str)] = &[
    (
        "clientJaasConfPath",
        "Java's login files are not read; leave it out",
    ),
    (
        "kerb5ConfPath",
        "there is no Kerberos in this client; leave it out",
    ),
    (
        "Threshold",
        "write it as a filter of log4rs, filters: [{kind: threshold, level: warn}]",
    ),
    (
        "threshold",
        "write it as a filter of log4rs, filters: [{kind: threshold, level: warn}]",
    ),
];

/// All of log4j's names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALIASES.iter().map(|(alias, _)| *alias)
}

/// Puts our names for log4j's; says what cannot be. The second answer are the names that were used.
pub(crate) fn resolve(
    given: Properties,
    errors: &mut ConfigErrors,
) -> (Properties, Vec<(&'static str, &'static str)>) {
    let (mut resolved, mut used) = (Properties::new(), Vec::new());
    for (key, value) in given {
        if let Some((key, remedy)) = WITHOUT.iter().find(|(name, _)| *name == key) {
            errors.push(
                *key,
                format!("Configuration {key} cannot be taken over: {remedy}"),
            );
            continue;
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == key);
        let name = alias.map_or(key.clone(), |(_, name)| (*name).to_owned());
        used.extend(alias);
        if resolved.insert(name.clone(), value).is_some() {
            let (alias, _) = used
                .iter()
                .find(|(_, used)| *used == name)
                .copied()
                .unwrap_or(("", ""));
            errors.push(
                alias,
                format!("Configuration {name} is given twice, as {alias} too; give it once"),
            );
        }
    }
    (resolved, used)
}

/// Adds the name that a user wrote to what is said about ours.
pub(crate) fn explain(
    errors: &ConfigErrors,
    used: &[(&'static str, &'static str)],
) -> ConfigErrors {
    let mut explained = ConfigErrors::default();
    for error in errors.iter() {
        match used.iter().find(|(_, name)| *name == error.key) {
            Some((alias, name)) => explained.push(
                *alias,
                format!("{} ({name} is given as {alias})", error.message),
            ),
            None => explained.push(&error.key, &error.message),
        }
    }
    explained
}
