//! The sources. All but the mock make their records themselves, so that nobody can put records into their systems; the
//! suite compares those of one run with those of another. The mock never gives a record: nothing of the suite that is
//! about records applies to it.

use async_trait::async_trait;
use millrace_api::{Properties, SourceConnector};
use millrace_testing::{
    DataGenerator, FaultBoard, FaultSource, MockSource, SchemaSource, VerifiableSource,
};
use millrace_testkit::conformance::{self, GeneratedFixture, Refused, SourceFixture};

use crate::{Page, properties, spoiled};

/// A source with what it is configured by.
struct Fixture<C> {
    connector: fn() -> C,
    /// Records as fast as they are taken.
    fast: Properties,
    /// The key, with its value, that makes no record due.
    idle: (&'static str, &'static str),
    /// Keys that are needed, or values that they may not have.
    refused: &'static [(&'static str, Option<&'static str>)],
}

#[async_trait]
impl<C: SourceConnector> SourceFixture for Fixture<C> {
    type Connector = C;

    fn connector(&self) -> C {
        (self.connector)()
    }

    async fn reset(&mut self) -> Properties {
        self.fast.clone()
    }

    async fn produce(&mut self, _values: &[String]) {}

    async fn refused(&mut self) -> Vec<Refused> {
        spoiled(&self.fast, self.refused)
    }
}

impl<C: SourceConnector> GeneratedFixture for Fixture<C> {
    fn idle(&self) -> Properties {
        let mut idle = self.fast.clone();
        idle.insert(self.idle.0.to_owned(), self.idle.1.to_owned());
        idle
    }

    /// Generated data have the time at their end, or between brackets; all else follows from the seed.
    fn lasting(&self, value: &str) -> String {
        let (before, after) = value.split_once('[').unwrap_or((value, ""));
        let after = after.split_once(']').map_or("", |(_, after)| after);
        let before = before.split("\"time_ms\"").next().unwrap_or_default();
        format!("{before}{after}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_generator_conforms() {
    for kind in ["access-log", "orders", "sensors"] {
        let mut fixture = Fixture {
            connector: DataGenerator::default,
            fast: properties(&[("topic", "t"), ("kind", kind), ("rate", "-1")]),
            idle: ("rate", "0"),
            refused: &[
                ("topic", None),
                ("kind", Some("weather")),
                ("rate", Some("much")),
                ("burst", Some("0")),
            ],
        };
        conformance::generated_source(&mut fixture).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verifiable_source_conforms() {
    let mut fixture = Fixture {
        connector: || VerifiableSource::printing_to(Page::default().output()),
        fast: properties(&[("topic", "t"), ("throughput", "-1")]),
        idle: ("throughput", "0"),
        refused: &[
            ("topic", None),
            ("throughput", None),
            ("throughput", Some("much")),
        ],
    };
    conformance::generated_source(&mut fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_source_conforms() {
    let mut fixture = Fixture {
        connector: || SchemaSource::printing_to(Page::default().output()),
        fast: properties(&[
            ("topic", "t"),
            ("throughput", "-1"),
            ("num.messages", "1000000"),
            ("multiple.schema", "true"),
        ]),
        idle: ("num.messages", "0"),
        refused: &[
            ("topic", None),
            ("throughput", Some("much")),
            ("num.messages", None),
            ("partition.count", Some("0")),
        ],
    };
    conformance::generated_source(&mut fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fault_source_conforms() {
    let mut fixture = Fixture {
        connector: || FaultSource::new(FaultBoard::default()),
        fast: properties(&[("topic", "t"), ("rate", "-1")]),
        idle: ("rate", "0"),
        refused: &[
            ("topic", None),
            ("rate", Some("much")),
            ("faults", Some("{}")),
        ],
    };
    conformance::generated_source(&mut fixture).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mock_source_conforms() {
    let mut fixture = Fixture {
        connector: MockSource::default,
        fast: properties(&[("mock_mode", "none")]),
        idle: ("mock_mode", "none"),
        refused: &[("delay_ms", Some("soon"))],
    };
    conformance::silent_source(&mut fixture).await;
}
