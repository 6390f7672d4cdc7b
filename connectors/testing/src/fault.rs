//! A source and a sink that do wrong on purpose, to see that a worker stands it: in each of their calls an error, a
//! delay, a hang, a panic, a flood, wrong offsets. What goes wrong is in the configuration, or is commanded while they
//! run.

mod board;
mod config;
mod connector;
mod rule;
mod sink;
mod source;

use millrace_api::ConnectError;

pub use board::FaultBoard;
pub use sink::FaultSink;
pub use source::FaultSource;

/// The outcome of a call that cannot fail.
fn told<T>(outcome: Result<T, ConnectError>) {
    if let Err(error) = outcome {
        log::warn!("{error}");
    }
}
