//! The JSON and the simple header converter beside Kafka 4.1's own classes.
//!
//! A line of the vectors says which way it goes, the converter's settings and its input, and what came out, or the
//! refusal. Values stand there in envelopes, as the JSON converter writes them with `replace.null.with.default=false`.
//!
//! Different on purpose: what a refusal says behind Java's words; half of a surrogate pair is replaced; a map keeps its
//! order; a float is written by its shortest text, as Java does from version 19 on; and a null pointer in Java is no
//! failure here, or one that says why.

use millrace_api::{Converter, ConverterKind, Datum, Header, HeaderConverter, Properties};
use serde_json::Value as Json;

use super::{JsonConverter, SimpleHeaderConverter};

const VECTORS: &str = include_str!("java_vectors/vectors.jsonl");

fn json(settings: &[(&str, &str)]) -> JsonConverter {
    let settings = settings.iter();
    let settings = settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut converter = JsonConverter::default();
    let settings: Properties = settings.collect();
    Converter::configure(&mut converter, &settings, ConverterKind::Value).unwrap();
    converter
}

type Outcome = Result<Option<String>, (&'static str, String, String)>;

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn encode(converter: &JsonConverter, datum: &Datum) -> Outcome {
    let mut out = Vec::new();
    match Converter::encode(converter, "t", datum, &mut out) {
        Ok(present) => Ok(text(present.then_some(out))),
        Err(error) => Err(("write", error.java_class().to_owned(), error.to_string())),
    }
}

fn run(vector: &Json) -> Outcome {
    let settings = vector["config"].as_object().into_iter().flatten();
    let settings: Vec<_> = settings
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
        .collect();
    let (plain, own) = (
        json(&[("replace.null.with.default", "false")]),
        json(&settings),
    );
    let input = vector["in"].as_str().map(str::as_bytes);
    let read = |read: Result<Datum, millrace_api::ConnectError>| {
        read.map_err(|error| ("read", error.java_class().to_owned(), error.to_string()))
    };
    match vector["how"].as_str().unwrap() {
        "json.read" => encode(&plain, &read(Converter::decode(&own, "t", input))?),
        "json.write" => encode(&own, &read(Converter::decode(&plain, "t", input))?),
        "header.read" => {
            let datum = HeaderConverter::decode(&SimpleHeaderConverter, "t", "h", input);
            encode(&plain, &read(datum)?)
        }
        _ => {
            let datum = read(Converter::decode(&plain, "t", input))?;
            let header = Header {
                name: "h".to_owned(),
                schema: datum.schema,
                value: datum.value,
            };
            let written = HeaderConverter::encode(&SimpleHeaderConverter, "t", &header);
            let written = written
                .map_err(|error| ("write", error.java_class().to_owned(), error.to_string()))?;
            Ok(text(written))
        }
    }
}

/// Whether two texts are the same but for the order of members.
fn same(a: &str, b: &str) -> bool {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    let json = |text| serde_json::from_str::<Json>(text).ok();
    a == b || (sorted(a) == sorted(b) && json(a) == json(b))
}

/// Inputs that are read or written in another way on purpose.
fn is_on_purpose(vector: &Json) -> bool {
    let input = vector["in"].as_str().unwrap_or_default();
    let floats = [
        "\"payload\":3.4e10",
        "\"float\",\"optional\":false},\"payload\":2147483648",
    ];
    vector["error"]["class"] == "java.lang.NullPointerException"
        || ["\"\\ud83d\"", "[[1],[\"a\"]]"].contains(&input)
        || floats.iter().any(|float| input.contains(float))
}

fn agrees(vector: &Json, outcome: &Outcome) -> bool {
    let error = &vector["error"];
    if is_on_purpose(vector) {
        return true;
    }
    match outcome {
        Ok(text) => {
            let (theirs, ours) = (vector["out"].as_str(), text.as_deref());
            let both = theirs.zip(ours);
            error.is_null() && both.map_or(theirs == ours, |(theirs, ours)| same(theirs, ours))
        }
        Err((at, class, text)) => {
            let message = error["message"].as_str().unwrap_or_default();
            error["at"] == *at && error["class"] == class.as_str() && text.starts_with(message)
        }
    }
}

#[test]
fn values_are_read_and_written_as_kafkas_own_classes_do() {
    let mut differences = Vec::new();
    for line in VECTORS.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let outcome = run(&vector);
        if !agrees(&vector, &outcome) {
            differences.push(format!("{line}\n  ours {outcome:?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        VECTORS.lines().count(),
        differences.join("\n")
    );
}
