//! The list of cases: which jobs exist, and what stands beside each bound.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context;

use crate::bounds;
use crate::case::{Case, Codec, Run};
use crate::input::Input;
use crate::scenarios;

/// Where the runs put their files. Everything in it but the inputs is removed between runs.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    pub(crate) fn create(root: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot create {}", root.display()))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn log(&self) -> PathBuf {
        self.root.join("bound.log")
    }

    fn output(&self) -> PathBuf {
        self.root.join("bound.out")
    }
}

/// The jobs, each for one line length and codec.
pub(crate) fn cases(
    workspace: &Workspace,
    line_bytes: usize,
    codec: Codec,
    bytes: u64,
) -> anyhow::Result<Vec<Case>> {
    let input = Input::prepare(workspace.root(), line_bytes, bytes)?;
    let bounds: [(&'static str, Run); 5] = [
        ("file-to-topic", file_to_log(workspace, &input, codec)),
        ("topic-to-file", log_to_file(workspace, &input, codec)),
        ("file-to-topic-to-file", both(workspace, &input, codec)),
        ("produce-tcp", tcp_produce(workspace, &input, codec)),
        ("fetch-tcp", tcp_fetch(workspace, &input, codec)),
    ];
    let case = |(name, bound)| Case {
        name,
        line_bytes,
        codec,
        bound,
        millrace: scenarios::run(name, &input, codec),
    };
    let mut cases: Vec<Case> = bounds.into_iter().map(case).collect();
    for (name, lines_max, batch) in HTTP {
        let bytes = bytes.min(lines_max * line_bytes as u64);
        let input = Input::prepare(workspace.root(), line_bytes, bytes)?;
        cases.push(http(name, input, codec, batch)?);
    }
    Ok(cases)
}

/// Lines to an HTTP server: the case's name, lines at most, lines a request. A request costs as much as many lines.
const HTTP: [(&str, u64, usize); 2] = [
    ("http-sink", 100_000, 1),
    ("http-sink-batches", 5_000_000, 500),
];

fn http(name: &'static str, input: Input, codec: Codec, batch: usize) -> anyhow::Result<Case> {
    let server = Rc::new(bounds::http::Server::start()?);
    Ok(Case {
        name,
        line_bytes: input.line_bytes,
        codec,
        millrace: Some(scenarios::http_sink::run(&server, &input, codec, batch)),
        bound: Box::new(move || bounds::http::run(&server, &input, batch)),
    })
}

fn file_to_log(workspace: &Workspace, input: &Input, codec: Codec) -> Run {
    let (log, input) = (workspace.log(), input.clone());
    Box::new(move || {
        let sample = bounds::file_to_log::run(&input, &log, codec)?;
        remove(&log)?;
        Ok(sample)
    })
}

fn log_to_file(workspace: &Workspace, input: &Input, codec: Codec) -> Run {
    let (log, output, input) = (workspace.log(), workspace.output(), input.clone());
    Box::new(move || {
        bounds::file_to_log::run(&input, &log, codec)?;
        let sample = bounds::log_to_file::run(&log, &output, input.bytes())?;
        remove(&output)?;
        remove(&log)?;
        Ok(sample)
    })
}

fn both(workspace: &Workspace, input: &Input, codec: Codec) -> Run {
    let (log, output, input) = (workspace.log(), workspace.output(), input.clone());
    Box::new(move || {
        let sample = bounds::both::run(&input, &log, &output, codec)?;
        remove(&output)?;
        remove(&log)?;
        Ok(sample)
    })
}

fn tcp_produce(workspace: &Workspace, input: &Input, codec: Codec) -> Run {
    let (log, input) = (workspace.log(), input.clone());
    Box::new(move || {
        let sample = bounds::tcp_produce::run(input.line_bytes, input.lines, &log, codec)?;
        remove(&log)?;
        Ok(sample)
    })
}

fn tcp_fetch(workspace: &Workspace, input: &Input, codec: Codec) -> Run {
    let (log, input) = (workspace.log(), input.clone());
    Box::new(move || {
        bounds::file_to_log::run(&input, &log, codec)?;
        let sample = bounds::tcp_fetch::run(&log, input.bytes())?;
        remove(&log)?;
        Ok(sample)
    })
}

/// Removing a file drops its dirty pages, so that no run pays for the writeback of the one before.
fn remove(path: &Path) -> anyhow::Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}
