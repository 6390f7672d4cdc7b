//! A chain of hooks around reading and committing.
//!
//! What an interceptor gets wrong is its own: a panic is logged and the next one is asked.

use std::fmt;

use super::commit::Offsets;
use super::fetched::Fetched;
use crate::contained::contained;

/// Sees batches before the consumer's owner does, and offsets once they are committed.
pub trait ConsumerInterceptor: Send {
    /// A batch is about to be handed out. Rows may be dropped from it ([`super::Rows::retain`]); the position moves on
    /// all the same.
    fn on_consume(&mut self, _batch: &mut Fetched) {}

    /// Offsets were committed.
    fn on_commit(&mut self, _offsets: &Offsets) {}
}

/// The interceptors of a consumer, in the order that they are asked.
#[derive(Default)]
pub(super) struct Chain {
    interceptors: Vec<Box<dyn ConsumerInterceptor>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} interceptors", self.interceptors.len())
    }
}

impl Chain {
    pub(super) fn new(interceptors: Vec<Box<dyn ConsumerInterceptor>>) -> Self {
        Self { interceptors }
    }

    pub(super) fn on_consume(&mut self, batch: &mut Fetched) {
        for interceptor in &mut self.interceptors {
            contained("an interceptor", || interceptor.on_consume(batch));
        }
    }

    pub(super) fn on_commit(&mut self, offsets: &Offsets) {
        for interceptor in &mut self.interceptors {
            contained("an interceptor", || interceptor.on_commit(offsets));
        }
    }
}
