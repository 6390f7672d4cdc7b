//! Which Java class does in Kafka Connect what a module does here. The class is the logger that users know.

/// Modules and their classes, the narrower module before the wider.
const CLASSES: [(&str, &str); 17] = [
    (
        "millrace_client::admin",
        "org.apache.kafka.clients.admin.KafkaAdminClient",
    ),
    (
        "millrace_client::consumer",
        "org.apache.kafka.clients.consumer.KafkaConsumer",
    ),
    (
        "millrace_client::group",
        "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator",
    ),
    (
        "millrace_client::producer",
        "org.apache.kafka.clients.producer.KafkaProducer",
    ),
    ("millrace_client", "org.apache.kafka.clients.NetworkClient"),
    (
        "millrace_file::sink",
        "org.apache.kafka.connect.file.FileStreamSinkTask",
    ),
    (
        "millrace_file::source",
        "org.apache.kafka.connect.file.FileStreamSourceTask",
    ),
    (
        "millrace_worker::config",
        "org.apache.kafka.connect.runtime.WorkerConfig",
    ),
    (
        "millrace_worker::herder",
        "org.apache.kafka.connect.runtime.standalone.StandaloneHerder",
    ),
    (
        "millrace_worker::pipeline",
        "org.apache.kafka.connect.runtime.errors.LogReporter",
    ),
    (
        "millrace_worker::rest",
        "org.apache.kafka.connect.runtime.rest.RestServer",
    ),
    (
        "millrace_worker::store",
        "org.apache.kafka.connect.storage.FileOffsetBackingStore",
    ),
    (
        "millrace_worker::task::commit",
        "org.apache.kafka.connect.runtime.SourceTaskOffsetCommitter",
    ),
    (
        "millrace_worker::task::sink",
        "org.apache.kafka.connect.runtime.WorkerSinkTask",
    ),
    (
        "millrace_worker::task",
        "org.apache.kafka.connect.runtime.WorkerSourceTask",
    ),
    (
        "millrace_worker::validation",
        "org.apache.kafka.connect.runtime.AbstractHerder",
    ),
    ("millrace_worker", "org.apache.kafka.connect.runtime.Worker"),
];

/// All classes.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.into_iter().map(|(_, class)| class)
}

/// The class of a target of the `log` facade.
pub(super) fn of(target: &str) -> Option<&'static str> {
    let is_below = |module: &str| {
        target
            .strip_prefix(module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    CLASSES
        .into_iter()
        .find(|(module, _)| is_below(module))
        .map(|(_, class)| class)
}

/// The module of a class.
pub(super) fn target(class: &str) -> Option<&'static str> {
    CLASSES
        .into_iter()
        .find(|(_, known)| *known == class)
        .map(|(module, _)| module)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_narrowest_module_counts() {
        for (target, class) in [
            ("millrace_worker::task::sink", Some("WorkerSinkTask")),
            ("millrace_worker::task::source", Some("WorkerSourceTask")),
            ("millrace_worker", Some("Worker")),
            ("millrace_workers", None),
            ("connector.a.task.0", None),
        ] {
            let simple = of(target).and_then(|class| class.rsplit('.').next());
            assert_eq!(simple, class, "{target}");
        }
    }
}
