//! Makes data: lines of a web server's log, orders, readings of sensors, at a steady rate, in bursts, or as fast as
//! they can be taken.
//!
//! Apart from its time, record `n` of a task follows from the seed, the task and `n` alone, so that a restart goes on
//! exactly where the last commit was, and two runs with one seed give the same data.

mod config;
mod connector;
mod kinds;
mod random;
mod task;
mod text;

pub use connector::DataGenerator;
