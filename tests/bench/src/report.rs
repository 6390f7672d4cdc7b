//! The printed table and the JSON file beside it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::measure::{Outcome, Rate, median};

/// Everything one run of the benchmark found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    pub(crate) cpus: usize,
    pub(crate) throughput: Vec<Outcome>,
    pub(crate) figures: Vec<Figure>,
}

/// A single figure that has no bound: a latency, a size, a duration.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    /// What several rounds found, of which there is at least one.
    pub(crate) fn of(name: impl Into<String>, unit: &'static str, values: &[f64]) -> Self {
        let span = (f64::INFINITY, 0.0);
        let (min, max) = values.iter().fold(span, |(min, max): (f64, f64), &value| {
            (min.min(value), max.max(value))
        });
        Self {
            name: name.into(),
            unit,
            median: median(values.to_vec()),
            min,
            max,
        }
    }
}

pub(crate) fn print_heading(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<36} {:>10} {:>17} {:>9}   {:>10} {:>17} {:>9} {:>7}",
        "case", "bound MB/s", "min-max", "M rec/s", "ours MB/s", "min-max", "M rec/s", "ratio"
    )
}

pub(crate) fn print_outcome(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let title = format!("{}/{}/{}", outcome.name, outcome.line_bytes, outcome.codec);
    write!(out, "{title:<36} {}", columns(&outcome.bound))?;
    if let (Some(millrace), Some(ratio)) = (&outcome.millrace, outcome.ratio) {
        write!(out, "   {} {ratio:>7.2}", columns(millrace))?;
    }
    writeln!(out)?;
    out.flush()
}

pub(crate) fn print_figure(out: &mut impl Write, figure: &Figure) -> io::Result<()> {
    let Figure {
        name,
        unit,
        median,
        min,
        max,
    } = figure;
    writeln!(
        out,
        "{name:<36} {median:>10.3} {unit:<4} ({min:.3}-{max:.3})"
    )?;
    out.flush()
}

fn columns(rate: &Rate) -> String {
    let span = format!("{:.0}-{:.0}", rate.mb_per_s_min, rate.mb_per_s_max);
    format!(
        "{:>10.0} {span:>17} {:>9.2}",
        rate.mb_per_s,
        rate.records_per_s / 1e6
    )
}

impl Report {
    /// Writes the report as JSON.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot encode the report")?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
