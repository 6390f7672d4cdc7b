//! Benchmarks: the machine's bounds and Millrace beside them.
//!
//! A bound is a hand-written loop that does one job and nothing else ([`bounds`]); beside it the same job is done by
//! Millrace ([`scenarios`]). Both run in turn, several times, and the medians are compared, because only ratios from one
//! run on one machine mean anything.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![expect(
    clippy::disallowed_methods,
    reason = "a synchronous program whose work is to read the clock and to move files; nothing shares a runtime with it"
)]

mod args;
mod beside;
mod bounds;
mod case;
mod cases;
mod chain;
mod input;
mod measure;
mod memory;
mod report;
mod resources;
mod scenarios;
mod shippers;

use std::io::{self, Write};

use clap::Parser;

use crate::args::Args;
use crate::case::Case;
use crate::cases::Workspace;
use crate::input::Input;
use crate::report::Report;

/// Page cache that a run takes, in multiples of the lines' bytes: log, output and slack.
const WARM_FACTOR: u64 = 3;

/// Lines of the file that is shipped while memory is watched or others ship it too, and of the topic that is caught up
/// with.
const FOOTPRINT_LINE: usize = 100;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let workspace = Workspace::create(&args.dir)?;
    let mut report = Report {
        rounds: args.rounds,
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        throughput: Vec::new(),
        figures: Vec::new(),
    };
    measure_throughput(&args, &workspace, &mut report)?;
    if !args.bounds_only {
        measure_figures(&args, &workspace, &mut report)?;
    }
    let json = args
        .json
        .clone()
        .unwrap_or_else(|| args.dir.join("report.json"));
    report.save(&json)
}

fn measure_throughput(
    args: &Args,
    workspace: &Workspace,
    report: &mut Report,
) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    report::print_heading(out)?;
    let bytes = args.megabytes * 1_000_000;
    let warm_up = || memory::warm_up(&args.dir, WARM_FACTOR * bytes);
    for &line_bytes in &args.lines {
        let mut case = chain::case(line_bytes, args.megabytes * 1_000_000);
        if args.wants(&case.title()) {
            measure_case(&mut case, args, &|| Ok(()), out, report)?;
        }
        for &codec in &args.codec {
            for mut case in cases::cases(workspace, line_bytes, codec, bytes)? {
                if args.wants(&case.title()) {
                    measure_case(&mut case, args, &warm_up, out, report)?;
                }
            }
        }
    }
    Ok(())
}

fn measure_case(
    case: &mut Case,
    args: &Args,
    warm_up: &dyn Fn() -> anyhow::Result<()>,
    out: &mut impl Write,
    report: &mut Report,
) -> anyhow::Result<()> {
    case.millrace.take_if(|_| args.bounds_only);
    let outcome = measure::measure(case, args.rounds, warm_up)?;
    report::print_outcome(out, &outcome)?;
    report.throughput.push(outcome);
    Ok(())
}

fn measure_figures(args: &Args, workspace: &Workspace, report: &mut Report) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    let mut figures = Vec::new();
    if args.wants("latency") {
        figures.extend(scenarios::latency()?);
    }
    if args.wants("datagen") {
        figures.extend(scenarios::datagen(args.rounds)?);
    }
    if args.wants("footprint") {
        let input = Input::prepare(workspace.root(), FOOTPRINT_LINE, args.megabytes * 1_000_000)?;
        figures.extend(scenarios::footprint(&input, args.rounds)?);
    }
    if args.wants("catch-up") {
        let input = Input::prepare(workspace.root(), FOOTPRINT_LINE, args.megabytes * 1_000_000)?;
        figures.extend(scenarios::catch_up(&input, args.rounds)?);
    }
    if args.names("many-files") {
        figures.extend(scenarios::many_files()?);
    }
    if args.names("beside") {
        let input = Input::prepare(workspace.root(), FOOTPRINT_LINE, args.megabytes * 1_000_000)?;
        figures.extend(beside::beside(&input)?);
    }
    if args.names("shippers") {
        let bytes = args.megabytes * 1_000_000 / shippers::FILES;
        let input = Input::prepare(workspace.root(), FOOTPRINT_LINE, bytes)?;
        figures.extend(shippers::shippers(workspace.root(), &input, args.rounds)?);
    }
    for figure in &figures {
        report::print_figure(out, figure)?;
    }
    report.figures = figures;
    Ok(())
}
