//! What runs for long: killing, tearing and torturing from a seed, for a number of rounds or a duration.

mod acknowledged;
mod crash_seeds;
mod group;
mod kill;
mod listener;
pub mod sequence;
mod tail;

use std::time::Duration;

use clap::ValueEnum;

/// The soaks, by the name they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Soak {
    /// `kill -9` at random moments of a running pipeline.
    Kill,
    /// Crashes of the log on files that forget, tear and scramble what was not synced.
    CrashSeeds,
    /// Senders at an HttpListener whose worker and whose broker are killed or stand still.
    Listener,
    /// Files that grow, are rotated, cut and deleted under a worker that is stopped and killed. Ten minutes, unless told.
    Tail,
    /// Three workers with 200 connectors of 5 tasks, of which one is killed, one is back in time, all are restarted.
    Group,
    /// Random operations on three workers that are killed, stand still and are cut off; each time all must settle.
    GroupRandom,
    /// What 1,000 idle tasks of sources and of sinks cost a worker.
    GroupIdle,
}

/// How long and from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What all random choices follow from.
    pub seed: u64,
    /// Ends the soak after this time; without it the soak runs in full.
    pub duration: Option<Duration>,
}

impl Soak {
    /// Runs it, and reports in one line what was done.
    ///
    /// # Panics
    /// Where something that must hold does not; the message says what.
    pub fn run(self, plan: Plan) -> String {
        match self {
            Self::Kill => kill::run(plan),
            Self::CrashSeeds => crash_seeds::run(plan),
            Self::Listener => listener::run(plan),
            Self::Tail => tail::run(plan),
            Self::Group => group::many(plan),
            Self::GroupRandom => group::random(plan),
            Self::GroupIdle => group::idle(plan),
        }
    }
}
