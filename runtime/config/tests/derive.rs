//! `#[derive(Config)]` and `#[derive(ConfigEnum)]` as a connector uses them.
#![allow(clippy::unwrap_used)]

use millrace_config::{Config, ConfigEnum, Importance, Properties, Secret, Type, Value, Width};

#[derive(Debug, Clone, Copy, PartialEq, ConfigEnum)]
enum Tolerance {
    None,
    #[config(name = "everything")]
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, ConfigEnum)]
#[config(ignore_case)]
enum Boundary {
    Poll,
    Interval,
}

#[derive(Debug, PartialEq, Config)]
struct Retry {
    /// How long to wait.
    #[config(default = 100, range(0..=60_000))]
    retry_ms: i64,
}

#[derive(Debug, PartialEq, Config)]
#[config(group = "Main")]
struct Everything {
    /// The file to read,
    /// line by line.
    ///
    /// Never a folder.
    #[config(name = "file", importance = high, width = long, display = "File", non_empty)]
    file: String,
    #[config(default = true, doc = "said otherwise")]
    flag: bool,
    #[config(default = -1, importance = low)]
    small: i16,
    #[config(default = 1, range(1..), order = 9, dependents("flag"))]
    tasks_max: i32,
    #[config(default = 0.5, group = "Other")]
    ratio: f64,
    #[config(default = "a,b")]
    items: Vec<String>,
    password: Option<Secret>,
    #[config(range(1..))]
    limit: Option<i32>,
    #[config(default = "none", name = "errors.tolerance")]
    tolerance: Tolerance,
    boundary: Option<Boundary>,
    #[config(class, default = "StringConverter", validator = not_bad)]
    converter: String,
    #[config(flatten)]
    retry: Retry,
}

fn not_bad(key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some("bad") => Err(format!("bad {key}")),
        _ => Ok(()),
    }
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn defaults_fill_what_is_not_given() {
    let parsed = Everything::parse(&properties(&[("file", "x")])).unwrap();
    let expected = Everything {
        file: "x".to_owned(),
        flag: true,
        small: -1,
        tasks_max: 1,
        ratio: 0.5,
        items: vec!["a".to_owned(), "b".to_owned()],
        password: None,
        limit: None,
        tolerance: Tolerance::None,
        boundary: None,
        converter: "StringConverter".to_owned(),
        retry: Retry { retry_ms: 100 },
    };
    assert_eq!(parsed, expected);
}

#[test]
fn given_values_reach_their_fields() {
    let given = [
        ("file", "x"),
        ("items", ""),
        ("password", "p"),
        ("limit", "5"),
        ("errors.tolerance", "everything"),
        ("boundary", "INTERVAL"),
        ("retry.ms", "7"),
    ];
    let parsed = Everything::parse(&properties(&given)).unwrap();
    assert!(parsed.items.is_empty());
    assert_eq!(parsed.password, Some(Secret::new("p")));
    assert_eq!(parsed.limit, Some(5));
    assert_eq!(parsed.tolerance, Tolerance::All);
    assert_eq!(parsed.boundary, Some(Boundary::Interval));
    assert_eq!(parsed.retry.retry_ms, 7);
}

#[test]
fn every_error_is_reported() {
    let given = [
        ("file", ""),
        ("tasks.max", "0"),
        ("limit", "0"),
        ("errors.tolerance", "NONE"),
        ("boundary", "x"),
        ("converter", "bad"),
        ("retry.ms", "x"),
    ];
    let errors = Everything::parse(&properties(&given))
        .unwrap_err()
        .to_string();
    let expected = [
        "Invalid value  for configuration file: String must be non-empty",
        "Invalid value 0 for configuration tasks.max: Value must be at least 1",
        "Invalid value 0 for configuration limit: Value must be at least 1",
        "Invalid value NONE for configuration errors.tolerance: String must be one of: none, everything",
        "Invalid value x for configuration boundary: String must be one of (case insensitive): poll, interval",
        "Invalid value bad for configuration converter: bad converter",
        "Invalid value x for configuration retry.ms: Not a number of type LONG",
    ];
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_definition_holds_what_the_fields_say() {
    let definition = Everything::definition();
    let names: Vec<&str> = definition.keys().map(|key| key.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "file",
            "flag",
            "small",
            "tasks.max",
            "ratio",
            "items",
            "password",
            "limit",
            "errors.tolerance",
            "boundary",
            "converter",
            "retry.ms"
        ]
    );
    let file = definition.find("file").unwrap();
    assert_eq!(
        file.documentation,
        "The file to read, line by line.\n\nNever a folder."
    );
    assert_eq!(
        (file.importance, file.width),
        (Importance::High, Width::Long)
    );
    assert_eq!(
        (file.display_name.as_str(), file.order_in_group),
        ("File", 1)
    );
    assert!(file.default.is_none());
    assert_eq!(
        definition.find("flag").unwrap().documentation,
        "said otherwise"
    );
    assert_eq!(
        definition.find("small").unwrap().importance,
        Importance::Low
    );
    assert_eq!(definition.find("tasks.max").unwrap().order_in_group, 9);
    assert_eq!(definition.find("tasks.max").unwrap().dependents, ["flag"]);
    assert_eq!(
        definition.find("ratio").unwrap().group.as_deref(),
        Some("Other")
    );
    assert_eq!(definition.find("ratio").unwrap().order_in_group, 1);
    assert_eq!(
        definition.find("password").unwrap().default,
        Some(Value::Null)
    );
    assert_eq!(definition.find("converter").unwrap().kind, Type::Class);
    assert_eq!(definition.find("retry.ms").unwrap().group, None);
    assert_eq!(definition.groups(), ["Main", "Other"]);
}
