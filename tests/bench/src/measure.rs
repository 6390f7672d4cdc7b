//! Runs a case: bound and Millrace in turn, memory warmed up before each, medians of all rounds.

use anyhow::Context;
use serde::Serialize;

use crate::case::{Case, Codec, Sample};

/// What one side of a case reached.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Rate {
    /// Medians.
    pub(crate) mb_per_s: f64,
    pub(crate) records_per_s: f64,
    /// The slowest and the fastest round.
    pub(crate) mb_per_s_min: f64,
    pub(crate) mb_per_s_max: f64,
}

/// A measured case.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) line_bytes: usize,
    pub(crate) codec: Codec,
    pub(crate) bytes: u64,
    pub(crate) bound: Rate,
    pub(crate) millrace: Option<Rate>,
    /// The median of the rounds' own ratios of Millrace to the bound: what the host does to both in one round cancels.
    pub(crate) ratio: Option<f64>,
}

/// Runs `case` for `rounds` rounds; `warm_up` is called before each run.
pub(crate) fn measure(
    case: &mut Case,
    rounds: usize,
    warm_up: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let title = case.title();
    let mut bound = Vec::with_capacity(rounds);
    let mut millrace = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        warm_up()?;
        bound.push((case.bound)().with_context(|| format!("bound of {title}"))?);
        if let Some(run) = &mut case.millrace {
            warm_up()?;
            millrace.push(run().with_context(|| format!("Millrace's {title}"))?);
        }
    }
    let ratios = millrace
        .iter()
        .zip(&bound)
        .map(|(ours, bound)| ours.megabytes_per_second() / bound.megabytes_per_second());
    Ok(Outcome {
        name: case.name,
        line_bytes: case.line_bytes,
        codec: case.codec,
        bytes: bound[0].bytes,
        ratio: (!millrace.is_empty()).then(|| median(ratios.collect())),
        millrace: (!millrace.is_empty()).then(|| rate(&millrace)),
        bound: rate(&bound),
    })
}

fn rate(samples: &[Sample]) -> Rate {
    let megabytes = || samples.iter().map(Sample::megabytes_per_second);
    Rate {
        mb_per_s: median(megabytes().collect()),
        records_per_s: median(samples.iter().map(Sample::records_per_second).collect()),
        mb_per_s_min: megabytes().fold(f64::INFINITY, f64::min),
        mb_per_s_max: megabytes().fold(0.0, f64::max),
    }
}

/// The middle value; of an even number the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
    }
}
