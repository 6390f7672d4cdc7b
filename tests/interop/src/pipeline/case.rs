//! The cases: files of `tests/interop/pipeline`, read as they stand, so that a case is added without code.
//!
//! A line `case NAME` begins a case, `KEY=VALUE` is a key of its connector. Lines before the first case hold for all of
//! the file. `${case}` is the case's name. These words say how it is compared:
//!
//! - `maps`: maps without a schema have another order in Java, so the order of entries does not count;
//! - `take N`: the connector never ends, only so many records of each topic count;
//! - `no end`: the last records go nowhere, so that no offset tells the end;
//! - `differs WHAT: WHY`: a difference on purpose; `WHAT` is a part of what both are found to differ in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value as Json;

/// Where the files are.
pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline");

/// The file of the records that sinks read.
const RECORDS: &str = "records.txt";

/// A connector, and how its results are compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) config: BTreeMap<String, String>,
    pub(super) maps: bool,
    pub(super) take: Option<usize>,
    pub(super) no_end: bool,
    /// What differs on purpose, and why.
    pub(super) differs: Vec<(String, String)>,
}

impl Case {
    /// The topics that a sink reads.
    pub(super) fn inputs(&self) -> Vec<&str> {
        let topics = self.config.get("topics").map_or("", String::as_str);
        topics.split(',').filter(|name| !name.is_empty()).collect()
    }

    fn add(&mut self, line: &str) -> anyhow::Result<()> {
        match line.split_once(' ') {
            _ if line == "maps" => self.maps = true,
            _ if line == "no end" => self.no_end = true,
            Some(("take", count)) => self.take = Some(count.parse()?),
            Some(("differs", rest)) => {
                let (what, why) = rest.split_once(": ").context("a difference has a reason")?;
                self.differs.push((what.to_owned(), why.to_owned()));
            }
            _ => {
                let (key, value) = line.split_once('=').context("a key has a value")?;
                self.config.insert(key.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }
}

/// All cases.
pub(super) fn all() -> anyhow::Result<Vec<Case>> {
    let mut files: Vec<_> = fs::read_dir(FOLDER)?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "txt") && !path.ends_with(RECORDS))
        .collect();
    files.sort();
    let mut cases: Vec<Case> = Vec::new();
    for path in files {
        for case in read(&path).with_context(|| path.display().to_string())? {
            let known = cases.iter().any(|known| known.name == case.name);
            ensure!(!known, "two cases are named {}", case.name);
            cases.push(case);
        }
    }
    Ok(cases)
}

fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let (mut shared, mut cases) = (Case::default(), Vec::<Case>::new());
    for line in lines(&fs::read_to_string(path)?) {
        if let Some(name) = line.strip_prefix("case ") {
            let name = name.to_owned();
            cases.push(Case {
                name,
                ..shared.clone()
            });
            continue;
        }
        let case = cases.last_mut().unwrap_or(&mut shared);
        case.add(line).with_context(|| line.to_owned())?;
    }
    for case in &mut cases {
        for value in case.config.values_mut() {
            *value = value.replace("${case}", &case.name);
        }
    }
    Ok(cases)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A record as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) partition: i32,
    pub(super) timestamp: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The records that sinks read, by topic: `topic NAME`, then one a line as a JSON object. A key, a value and a header is
/// a text, null, `{"hex": "00ff"}` for bytes, or `{"json": …}` for its JSON text.
pub(super) fn records() -> anyhow::Result<Vec<(String, Vec<Record>)>> {
    let mut topics: Vec<(String, Vec<Record>)> = Vec::new();
    for line in lines(&fs::read_to_string(Path::new(FOLDER).join(RECORDS))?) {
        if let Some(name) = line.strip_prefix("topic ") {
            topics.push((name.to_owned(), Vec::new()));
            continue;
        }
        let (_, records) = topics.last_mut().context("records are of a topic")?;
        let json = serde_json::from_str(line).with_context(|| line.to_owned())?;
        records.push(record(&json)?);
    }
    Ok(topics)
}

fn record(json: &Json) -> anyhow::Result<Record> {
    let mut headers = Vec::new();
    for header in json["headers"].as_array().into_iter().flatten() {
        let name = header[0].as_str().context("a header has a name")?;
        headers.push((name.to_owned(), bytes(&header[1])?));
    }
    Ok(Record {
        partition: 0,
        timestamp: json["timestamp"].as_i64().unwrap_or(1_700_000_000_123),
        key: bytes(&json["key"])?,
        value: bytes(&json["value"])?,
        headers,
    })
}

fn bytes(json: &Json) -> anyhow::Result<Option<Vec<u8>>> {
    Ok(Some(match json {
        Json::Null => return Ok(None),
        Json::String(text) => text.clone().into_bytes(),
        Json::Object(members) => match (members.get("json"), members.get("hex")) {
            (Some(json), _) => json.to_string().into_bytes(),
            (_, Some(Json::String(digits))) => (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
                .collect::<Result<_, _>>()?,
            _ => bail!("neither json nor hex: {json}"),
        },
        other => bail!("no bytes: {other}"),
    }))
}
