//! What tests need: batches, a directory whose syncs are driven by hand, and a file layer that loses
//! what was not synced.

mod batches;

pub use batches::{TestRecord, batch, batch_from, value_batch};
