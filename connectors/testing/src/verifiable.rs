//! A source that counts and a sink that tells what it got: together they show whether a pipeline loses or repeats
//! anything. Every line they print is one JSON object.

mod sink;
mod source;

pub use sink::VerifiableSink;
pub use source::VerifiableSource;
pub(crate) use source::with_ids;
