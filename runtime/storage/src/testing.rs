//! What tests need: batches, a file layer that loses what was not synced, and the check that nothing
//! acknowledged is lost when it does.

mod batches;
mod crash;
mod random;
mod set_on_drop;
mod sim;

pub use batches::{TestRecord, batch, batch_from, value_batch};
pub use crash::{CrashReport, crash_check};
pub use random::Random;
pub use set_on_drop::SetOnDrop;
pub use sim::SimFiles;
