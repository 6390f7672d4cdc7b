use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<Settings, ConfigErrors> {
    let base = [("bootstrap.servers", "a:1"), ("topic", "logs")];
    let all = base.iter().chain(pairs);
    Settings::parse(
        &all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

#[test]
fn lines_are_never_given_up_by_time_unless_that_is_asked_for() {
    let settings = parse(&[]).unwrap();
    let producer = &settings.sender.producer;
    assert_eq!(
        producer.delivery_timeout,
        Duration::from_millis(2_147_483_647)
    );
    assert!(producer.idempotence);
    let asked = parse(&[("delivery.timeout.ms", "60000")]).unwrap();
    assert_eq!(
        asked.sender.producer.delivery_timeout,
        Duration::from_secs(60)
    );
}

#[test]
fn levels_may_have_topics_of_their_own() {
    let settings = parse(&[("topic.error", "alarms")]).unwrap();
    assert_eq!(&**settings.sender.topics.of(log::Level::Error), "alarms");
    assert_eq!(&**settings.sender.topics.of(log::Level::Warn), "logs");
}

#[test]
fn waiting_is_short_unless_lines_are_waited_for() {
    assert_eq!(parse(&[]).unwrap().sender.bounds.budget, BUDGET);
    let waiting = parse(&[("sync.send", "true")]).unwrap();
    assert!(waiting.sync);
    assert_eq!(waiting.sender.bounds.budget, SYNC_BUDGET);
    let both = parse(&[("sync.send", "true"), ("block.budget.ms", "200")]).unwrap();
    assert_eq!(both.sender.bounds.budget, Duration::from_millis(200));
}

#[test]
fn everything_wrong_is_said_together_with_key_and_remedy() {
    let error = parse(&[
        ("key", "hostt"),
        ("headers", "level,levl"),
        ("memory.bytes", "10"),
        ("drop.exempt", "fatal"),
        ("spill.dri", "/tmp"),
        ("acks", "2"),
        ("nonsense", "1"),
        ("topic.error", "alarms!"),
        ("spill.bytes", "2000000"),
    ])
    .unwrap_err();
    let text = error.to_string();
    for part in [
        "hostt",
        "headers",
        "memory.bytes",
        "drop.exempt",
        "did you mean spill.dir?",
        "acks",
        "nonsense",
        "alarms!",
        "spill.bytes",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert_eq!(error.len(), 9, "{text}");
}

#[test]
fn log4j_names_are_known_and_what_is_said_uses_them() {
    let given = Properties::from(
        [
            ("brokerList", "a:1"),
            ("topic", "t"),
            ("requiredNumAcks", "7"),
            ("kerb5ConfPath", "x"),
            ("syncSend", "true"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let mut errors = ConfigErrors::default();
    let (resolved, used) = resolve(given, &mut errors);
    assert_eq!(
        resolved.get("bootstrap.servers").map(String::as_str),
        Some("a:1")
    );
    assert_eq!(resolved.get("sync.send").map(String::as_str), Some("true"));
    assert!(errors.to_string().contains("kerb5ConfPath"), "{errors}");
    let wrong = explain(&Settings::parse(&resolved).unwrap_err(), &used);
    assert!(wrong.to_string().contains("requiredNumAcks"), "{wrong}");
}

#[test]
fn a_key_given_under_both_names_is_refused() {
    let given = Properties::from(
        [("brokerList", "a:1"), ("bootstrap.servers", "b:1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let mut errors = ConfigErrors::default();
    resolve(given, &mut errors);
    assert_eq!(errors.len(), 1);
}

#[test]
fn what_can_be_no_topic_and_no_folder_is_refused() {
    let long = "t".repeat(250);
    for (key, value) in [
        ("topic", ""),
        ("topic", "a b"),
        ("topic", ".."),
        ("topic.info", "ä"),
        ("topic.trace", &long),
        ("spill.dir", env!("CARGO_MANIFEST_PATH")),
        ("spill.dir", concat!(env!("CARGO_MANIFEST_PATH"), "/a/b")),
        ("spill.dir", ""),
        ("spill.dir", "a\0b"),
        ("host", ""),
        ("headers", "level,level"),
    ] {
        let error = parse(&[(key, value)]).unwrap_err();
        assert_eq!(error.len(), 1, "{key}={value}: {error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    parse(&[("topic", "Log.s-of_1"), ("spill.dir", "/nowhere/at/all")]).unwrap();
    let hasty = parse(&[("sync.send", "true"), ("block.budget.ms", "0")]).unwrap_err();
    assert!(
        hasty
            .to_string()
            .contains("0 for configuration block.budget.ms: no ack"),
        "{hasty}"
    );
}

#[test]
fn stores_that_cannot_be_read_are_told_and_those_that_are_not_there_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let java = write("store.jks", &[0xfe, 0xed, 0xfe, 0xed, 0, 0]);
    let empty = write("empty.pem", b"");
    let ssl = ("security.protocol", "SSL");
    let wrong = parse(&[
        ssl,
        ("ssl.truststore.location", &java),
        ("ssl.keystore.location", &empty),
        ("acks", "2"),
        ("spill.bytes", "2000000"),
    ])
    .unwrap_err();
    // Which files there are is looked at once the rest of the client's keys is right.
    assert_eq!(wrong.len(), 2, "{wrong}");
    let wrong = parse(&[
        ssl,
        ("ssl.truststore.location", &java),
        ("ssl.keystore.location", &empty),
        ("spill.bytes", "2000000"),
    ])
    .unwrap_err();
    let told: Vec<_> = wrong
        .iter()
        .map(|error| (error.key.as_str(), &error.message))
        .collect();
    let expected = [
        ("spill.bytes", "spill.dir"),
        ("ssl.truststore.location", "keytool"),
        ("ssl.keystore.location", "no private key"),
    ];
    assert_eq!(told.len(), expected.len(), "{wrong}");
    for ((key, message), (expected, mention)) in told.iter().zip(expected) {
        assert_eq!(*key, expected);
        assert!(message.contains(mention), "{message}");
    }
    let later = folder.path().join("later.pem").display().to_string();
    parse(&[ssl, ("ssl.truststore.location", &later)]).unwrap();
}
