//! Runs a connector without a worker, and the suite every connector passes.
