//! The form of a table.
//!
//! ```text
//! worker KEY=VALUE                 a key of the table's worker, before the first case
//! case TITLE                       begins a case; the worker has no connector then
//! > METHOD TARGET [BODY]           a request; one with a body is application/json
//! ? METHOD TARGET                  a request that is repeated until its answer is as expected
//! + NAME: VALUE                    a header of that request, in place of what it has by itself; `+ NAME` takes it away
//! < STATUS[|STATUS] [PATTERN]      what its answer must be
//! < java STATUS [PATTERN]          what Kafka Connect answers where Millrace differs on purpose
//! < millrace STATUS [PATTERN]      what Millrace answers then
//! < group STATUS [PATTERN]         what a worker of a group answers where one that stands alone differs
//! h NAME: GLOB                     a header that the answer must have; `h !NAME` one that it must not have
//! ```
//!
//! `$DIR` is a folder that the worker can read, `$FS` the members of a file source's configuration, `$SINK` those of a
//! file sink's. Lines that begin with `#` are comments. Members of statuses that are Millrace's own are not looked at.
//!
//! In a group what was written is heard of a moment later. There a request that only reads is repeated, too, one that
//! is answered 409 is made again unless that is what is expected, and the tasks in the answer to a change of a
//! configuration are not looked at.

use std::fs;

use super::{http::Request, pattern::Pattern};
use crate::binary::repository;

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Table {
    /// The file's name.
    pub name: String,
    /// Keys of the worker.
    pub worker: Vec<(String, String)>,
    pub(super) cases: Vec<Case>,
}

/// Requests that belong together.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) title: String,
    pub(super) steps: Vec<Step>,
}

/// A request and what its answer must be.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) request: Request,
    pub(super) is_repeated: bool,
    pub(super) answers: Vec<Expected>,
    /// Names and globs of headers; none for one that must not be there.
    pub(super) headers: Vec<(String, Option<String>)>,
}

/// An answer that is right.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// `java`, `millrace` or `group`; none for all.
    pub(super) whose: Option<&'static str>,
    pub(super) statuses: Vec<u16>,
    pub(super) pattern: Pattern,
}

/// All tables, by name, for workers that can read `folder`.
///
/// # Panics
/// If one of them cannot be read.
pub fn tables(folder: &str) -> Vec<Table> {
    let files = fs::read_dir(repository().join("tests/system/conformance")).expect("tables");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a folder can be read").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = fs::read_to_string(path).expect("a table can be read");
            Table::parse(&name, &text, folder)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}

impl Table {
    fn parse(name: &str, text: &str, folder: &str) -> Result<Self, String> {
        let mut table = Self {
            name: name.to_owned(),
            worker: Vec::new(),
            cases: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let line = expand(line.trim(), folder);
            if !line.is_empty() && !line.starts_with('#') {
                table
                    .line(number + 1, &line)
                    .map_err(|error| format!("line {}: {error}", number + 1))?;
            }
        }
        Ok(table)
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let (kind, rest) = line.split_once(' ').ok_or("a line has two parts")?;
        let rest = rest.trim();
        match kind {
            "worker" => {
                let (key, value) = rest.split_once('=').ok_or("a key has a value")?;
                self.worker.push((key.to_owned(), value.to_owned()));
            }
            "case" => self.cases.push(Case {
                title: rest.to_owned(),
                steps: Vec::new(),
            }),
            ">" | "?" => {
                let case = self.cases.last_mut().ok_or("a request has a case")?;
                case.steps.push(Step {
                    line: number,
                    request: request(rest)?,
                    is_repeated: kind == "?",
                    answers: Vec::new(),
                    headers: Vec::new(),
                });
            }
            "+" => set_header(&mut self.step()?.request, rest),
            "<" => {
                let answer = expected(rest)?;
                self.step()?.answers.push(answer);
            }
            "h" => {
                let header = match (rest.strip_prefix('!'), rest.split_once(':')) {
                    (Some(name), _) => (name.to_owned(), None),
                    (None, Some((name, glob))) => (name.to_owned(), Some(glob.trim().to_owned())),
                    (None, None) => return Err("a header has a value".to_owned()),
                };
                self.step()?.headers.push(header);
            }
            other => return Err(format!("{other} begins no line")),
        }
        Ok(())
    }

    fn step(&mut self) -> Result<&mut Step, String> {
        let case = self.cases.last_mut().ok_or("there is no case yet")?;
        case.steps
            .last_mut()
            .ok_or_else(|| "there is no request yet".to_owned())
    }
}

fn expand(line: &str, folder: &str) -> String {
    let source =
        r#""connector.class":"FileStreamSource","topic":"conformance","file":"$DIR/in.txt""#;
    let sink = r#""connector.class":"FileStreamSink","topics":"conformance","file":"$DIR/out.txt""#;
    line.replace("$FS", source)
        .replace("$SINK", sink)
        .replace("$DIR", folder)
}

fn request(text: &str) -> Result<Request, String> {
    let mut parts = text.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (method, target, body) = (part(), part(), part());
    if target.is_empty() {
        return Err("a request has a method and a target".to_owned());
    }
    let mut headers = Vec::new();
    if !body.is_empty() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Ok(Request {
        method,
        target,
        headers,
        body,
    })
}

fn set_header(request: &mut Request, text: &str) {
    let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| {
        (name, Some(value.trim().to_owned()))
    });
    request
        .headers
        .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    if let Some(value) = value {
        request.headers.push((name.to_owned(), value));
    }
}

fn expected(text: &str) -> Result<Expected, String> {
    let (whose, text) = ["java", "millrace", "group"]
        .into_iter()
        .find_map(|whose| Some((Some(whose), text.strip_prefix(whose)?.trim())))
        .unwrap_or((None, text));
    let (statuses, pattern) = text.split_once(' ').unwrap_or((text, ""));
    let statuses: Result<Vec<u16>, _> = statuses.split('|').map(str::parse).collect();
    Ok(Expected {
        whose,
        statuses: statuses.map_err(|_| format!("{text} does not begin with a status"))?,
        pattern: Pattern::parse(pattern)?,
    })
}
