//! Requests by API: how many, how long they took, and which errors their answers told of.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use millrace_wire::codec::Field;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::ApiKey;
use millrace_wire::metrics::{Counter, Histogram};

/// The figures of every API.
#[derive(Debug)]
pub(crate) struct Requests(Box<[ApiRequests]>);

/// The figures of one API.
#[derive(Debug)]
pub(crate) struct ApiRequests {
    /// From the request's arrival to its answer's being ready to be sent: waiting for records, members or the disk
    /// counts.
    pub(crate) times: Histogram,
    succeeded: Counter,
    failed: Mutex<BTreeMap<ErrorCode, u64>>,
}

impl Default for Requests {
    fn default() -> Self {
        let one = |_: &ApiKey| ApiRequests {
            times: Histogram::latency(),
            succeeded: Counter::default(),
            failed: Mutex::default(),
        };
        Self(ApiKey::ALL.iter().map(one).collect())
    }
}

impl Requests {
    /// The figures of an API.
    pub(crate) fn of(&self, key: ApiKey) -> &ApiRequests {
        let place = ApiKey::ALL.iter().position(|other| *other == key);
        &self.0[place.unwrap_or_default()]
    }

    /// Every API and its figures.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ApiKey, &ApiRequests)> {
        ApiKey::ALL.iter().copied().zip(&self.0)
    }
}

impl ApiRequests {
    /// Counts a request that took this long.
    pub(crate) fn finished(&self, took: Duration) {
        self.times.observe(took);
    }

    /// Counts the codes of an answer.
    pub(crate) fn answered(&self, response: &impl Field) {
        let mut succeeded = 0;
        response.error_codes(&mut |code| {
            if code.is_ok() {
                succeeded += 1;
            } else {
                self.failed(code);
            }
        });
        self.succeeded.add(succeeded);
    }

    /// Counts a code.
    pub(crate) fn failed(&self, code: ErrorCode) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed.entry(code).or_default() += 1;
    }

    /// How often each code was told.
    pub(crate) fn codes(&self) -> BTreeMap<ErrorCode, u64> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut codes = failed.clone();
        drop(failed);
        let succeeded = self.succeeded.get();
        if succeeded > 0 {
            codes.insert(ErrorCode::NONE, succeeded);
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use millrace_wire::messages::{
        PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
    };

    use super::*;

    #[test]
    fn codes_are_counted_wherever_they_stand() {
        let partition = |error_code| PartitionProduceResponse {
            error_code,
            ..Default::default()
        };
        let response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                partition_responses: vec![
                    partition(ErrorCode::NONE),
                    partition(ErrorCode::CORRUPT_MESSAGE),
                    partition(ErrorCode::CORRUPT_MESSAGE),
                ],
                ..Default::default()
            }],
            ..Default::default()
        };
        let requests = Requests::default();
        requests.of(ApiKey::Produce).answered(&response);
        let codes = requests.of(ApiKey::Produce).codes();
        assert_eq!(
            codes,
            BTreeMap::from([(ErrorCode::NONE, 1), (ErrorCode::CORRUPT_MESSAGE, 2)])
        );
        assert!(requests.of(ApiKey::Fetch).codes().is_empty());
    }
}
