//! Metrics: what a process counts and measures, and the text in which Prometheus reads it.
//!
//! Who does the work holds a [`Counter`], [`Gauge`], [`Timing`] or [`Histogram`] of its own and tells it once a batch or
//! request: a few relaxed atomic additions, no lock, no look-up by name. Who knows the state (sizes, offsets, groups) is
//! asked when somebody scrapes. Both are described by a [`Collect`], which writes whole families of samples into an
//! [`Exposition`]; a [`Registry`] asks all of a process one after the other.
//!
//! Rates and quantiles of the last minute are made when they are asked for ([`OneMinuteRate`], [`RecentTimes`]), so that
//! a process that nobody scrapes pays nothing for them.
//!
//! A family has at most [`SERIES_MAX`] samples; what is beyond is left out and counted.

mod counter;
mod exposition;
mod family;
mod histogram;
pub mod process;
mod recent;
mod registry;

pub use counter::{Counter, Entered, Gauge, Timing};
pub use exposition::{Exposition, Format, SERIES_MAX, Samples, Value};
pub use family::{Family, Kind};
pub use histogram::{Histogram, HistogramSnapshot, LATENCY_BOUNDS};
pub use recent::{OneMinuteRate, RecentMax, RecentMean, RecentTimes};
pub use registry::{Collect, Registry};
