//! Keys of listeners, connections and requests.

use millrace_config::Type::{Class, Int, Long, String};

use super::{KnownKey, dynamic, fixed};

#[rustfmt::skip]
pub(super) const KEYS: &[KnownKey] = &[
    fixed("advertised.listeners", String, None),
    dynamic("background.threads", Int, Some("10")),
    fixed("client.quota.callback.class", Class, None),
    fixed("fetch.max.bytes", Int, Some("57671680")),
    fixed("fetch.purgatory.purge.interval.requests", Int, Some("1000")),
    fixed("inter.broker.listener.name", String, None),
    dynamic("listener.security.protocol.map", String, Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")),
    dynamic("listeners", String, Some("PLAINTEXT://:9092")),
    dynamic("max.connection.creation.rate", Int, Some("2147483647")),
    dynamic("max.connections", Int, Some("2147483647")),
    dynamic("max.connections.per.ip", Int, Some("2147483647")),
    dynamic("max.connections.per.ip.overrides", String, Some("")),
    fixed("max.incremental.fetch.session.cache.slots", Int, Some("1000")),
    fixed("max.request.partition.size.limit", Int, Some("2000")),
    dynamic("num.io.threads", Int, Some("8")),
    dynamic("num.network.threads", Int, Some("3")),
    fixed("queued.max.request.bytes", Long, Some("-1")),
    fixed("queued.max.requests", Int, Some("500")),
    fixed("request.timeout.ms", Int, Some("30000")),
    fixed("socket.connection.setup.timeout.max.ms", Long, Some("30000")),
    fixed("socket.connection.setup.timeout.ms", Long, Some("10000")),
    fixed("socket.listen.backlog.size", Int, Some("50")),
    fixed("socket.receive.buffer.bytes", Int, Some("102400")),
    fixed("socket.request.max.bytes", Int, Some("104857600")),
    fixed("socket.send.buffer.bytes", Int, Some("102400")),
    fixed("telemetry.max.bytes", Int, Some("1048576")),
];
