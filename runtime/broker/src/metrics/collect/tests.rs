//! What scrapes of a broker show as its clock moves.

use std::sync::Arc;
use std::time::Duration;

use millrace_config::Properties;
use millrace_wire::clock::ManualClock;
use millrace_wire::metrics::{Collect as _, Exposition, Format};

use crate::{Broker, BrokerConfig};

const PATIENCE: Duration = Duration::from_secs(60);

async fn broker(dir: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Broker {
    let properties = Properties::from([
        ("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned()),
        ("offsets.topic.num.partitions".to_owned(), "1".to_owned()),
        ("log.dirs".to_owned(), dir.path().display().to_string()),
    ]);
    let config = BrokerConfig::from_properties(&properties).unwrap();
    Broker::start(config, Arc::clone(clock) as _).await.unwrap()
}

/// The value of a sample, spelled as it stands in the text.
fn shown(broker: &Broker, sample: &str) -> Option<f64> {
    let mut exposition = Exposition::new(Format::Prometheus);
    broker.collect(&mut exposition);
    let text = exposition.finish();
    let line = text.lines().find_map(|line| line.strip_prefix(sample))?;
    line.trim_start().parse().ok()
}

#[tokio::test]
async fn a_minute_of_traffic_has_its_rate_and_a_deleted_topic_no_figures() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::new(0)));
    let broker = broker(&dir, &clock).await;
    let core = &broker.core;
    let defaults = core.config.topic_defaults.clone();
    let topic = core.topics.create("t", 2, defaults).await.unwrap();
    for second in 0..60 {
        let partition = &topic.partitions[second % 2];
        core.metrics.produced(partition, Some((5_000, 50)));
        core.metrics.fetched(partition, Some((2_000, 20)));
        clock.advance(Duration::from_secs(1));
    }
    let rates = "kafka_server_brokertopicmetrics_";
    for (name, expected) in [
        ("bytesinpersec", 5_000.0),
        ("messagesinpersec", 50.0),
        ("bytesoutpersec", 2_000.0),
        ("messagesoutpersec", 20.0),
    ] {
        for labels in ["{topic=\"t\"}", ""] {
            // A scrape at the same moment changes nothing.
            let sample = format!("{rates}{name}_oneminuterate{labels} ");
            let rate = shown(&broker, &sample).unwrap();
            assert!((rate - expected).abs() < 1e-6, "{sample}: {rate}");
        }
    }
    clock.advance(Duration::from_secs(60));
    let rate = shown(
        &broker,
        &format!("{rates}messagesinpersec_oneminuterate{{topic=\"t\"}} "),
    );
    assert!((rate.unwrap() - 50.0 / std::f64::consts::E).abs() < 1e-6);

    core.topics.delete(topic.id).await.unwrap();
    let total = format!("{rates}messagesin_total");
    assert_eq!(shown(&broker, &format!("{total}{{topic=\"t\"}} ")), None);
    assert_eq!(shown(&broker, &format!("{total} ")), Some(3_000.0));
    assert!(broker.shutdown(PATIENCE).await);
}
