//! From Connect's data to the bytes of a topic and back: the same steps for sources and sinks.
//!
//! A column whose ranges are already what the converter would make (String and ByteArray converters over text and
//! bytes) goes through untouched. Any other column is converted once a batch into one new block.

mod attempt;
mod bisection;
mod brought;
mod chain;
mod dead_letter;
mod decode;
mod encode;
mod own_keys;
mod policy;
mod retry;
mod retry_topics;

pub(crate) use attempt::{Attempt, Report, Subject};
pub(crate) use bisection::{Bisection, Step};
pub(crate) use brought::Brought;
pub use chain::Chain;
pub(crate) use chain::{Traced, build as build_chain};
pub(crate) use dead_letter::DeadLetters;
pub(crate) use decode::{Decoder, Fetched};
pub(crate) use encode::{Encoded, encode};
pub(crate) use own_keys::refusals as own_key_refusals;
pub(crate) use policy::{ErrorPolicy, Stage};
pub(crate) use retry::random;
pub(crate) use retry_topics::{FirstPlace, RetryTopics};
