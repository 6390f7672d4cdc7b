//! How many records of each kind the data generator makes in a second of one core: the connector alone, polled as fast
//! as it answers.

use anyhow::{Context, ensure};
use millrace_api::Properties;
use millrace_testing::DataGenerator;
use millrace_testkit::{MemoryOffsets, SourceRun};
use rustix::time::{ClockId, clock_gettime};

use crate::measure::median;
use crate::report::Figure;

const RECORDS: usize = 2_000_000;
/// Not counted: the first batches take memory.
const WARM_UP: usize = 100_000;
const KINDS: [&str; 3] = ["access-log", "orders", "sensors"];

/// Measures each kind, with keys of which some are busier than others.
pub(crate) fn datagen(rounds: usize) -> anyhow::Result<Vec<Figure>> {
    KINDS
        .iter()
        .map(|kind| {
            let rates: anyhow::Result<Vec<f64>> = (0..rounds).map(|_| rate(kind)).collect();
            let rates = rates?;
            Ok(Figure {
                name: format!("data generator, {kind}, a core"),
                unit: "records/s",
                min: rates.iter().copied().fold(f64::INFINITY, f64::min),
                max: rates.iter().copied().fold(0.0, f64::max),
                median: median(rates),
            })
        })
        .collect()
}

fn rate(kind: &str) -> anyhow::Result<f64> {
    let settings = [
        ("topic", "t"),
        ("kind", kind),
        ("rate", "-1"),
        ("skew", "1"),
    ];
    let properties: Properties = settings
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connector = DataGenerator::default();
        let offsets = MemoryOffsets::default();
        let mut run = SourceRun::start(connector, &properties, &offsets).await?;
        poll(&mut run, WARM_UP).await?;
        let before = cpu_seconds();
        let made = poll(&mut run, RECORDS).await?;
        Ok(made as f64 / (cpu_seconds() - before))
    })
}

async fn poll(run: &mut SourceRun<DataGenerator>, records: usize) -> anyhow::Result<usize> {
    let mut made = 0;
    while made < records {
        let batch = run.task().poll().await?;
        let batch = batch.context("the generator has stopped")?;
        ensure!(!batch.is_empty(), "the generator gives empty batches");
        made += batch.len();
    }
    Ok(made)
}

/// Processor time of this thread, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
