//! Errors that wait for the next polls, which raise one each.

use std::collections::VecDeque;

use super::error::ConsumeError;

/// Errors that wait at most. What goes on being wrong is found again after the next backoff.
const WAITING_MAX: usize = 64;

/// Errors in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Raised {
    waiting: VecDeque<ConsumeError>,
}

impl Raised {
    /// Has a later poll raise `error`, or logs it where too many wait already.
    pub(super) fn push(&mut self, error: impl Into<ConsumeError>) {
        let error = error.into();
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(error);
        } else {
            log::warn!("{error}");
        }
    }

    /// The next error to raise.
    pub(super) fn pop(&mut self) -> Option<ConsumeError> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::TopicPartition;

    #[test]
    fn errors_are_raised_in_order_and_do_not_pile_up() {
        let mut raised = Raised::default();
        for number in 0..1_000 {
            raised.push(ConsumeError::NoOffset(TopicPartition::new("t", number)));
        }
        let first = raised.pop().unwrap();
        assert!(first.to_string().contains("t-0"), "{first}");
        let left = std::iter::from_fn(|| raised.pop()).count();
        assert_eq!(left, WAITING_MAX - 1);
    }
}
