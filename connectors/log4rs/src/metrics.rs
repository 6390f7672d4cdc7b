//! What the appender counts.

use millrace_wire::metrics::{Counter, Gauge};

/// Counters of an appender since it was made. Each line that was handed over is in exactly one of
/// delivered, dropped, refused, or still on its way.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Lines that were taken into the queue.
    pub taken: Counter,
    /// Lines that brokers have acknowledged, those that an earlier process left behind included.
    pub delivered: Counter,
    /// Lines that were dropped because memory and spill were full, or the appender was closed.
    pub dropped: Counter,
    /// Lines that the client or the broker refused for good: too large, not allowed.
    pub refused: Counter,
    /// Lines that were written to the spill.
    pub spilled: Counter,
    /// Lines found in the spill that an earlier process left behind.
    pub recovered: Counter,
    /// Bytes of the spill.
    pub spill_bytes: Gauge,
    /// Lines in flight: given to the client, and not acknowledged yet.
    pub in_flight: Gauge,
}
