//! What tasks cost that have nothing to do: processor time and memory of one worker, without tasks, with 1,000 of
//! sources, and with 1,000 of sinks. The broker is a process of its own and counts apart.

use std::{fmt::Write as _, thread, time::Duration};

use serde_json::{Value, json};

use super::{
    super::Plan,
    site::{Setup, Site, Usage, usage},
};
use crate::wait;

const CONNECTORS: usize = 200;
const TASKS: usize = 5;

const SETUP: Setup = Setup {
    delay_ms: 0,
    session_ms: 10_000,
    // The default: a worker with a shorter interval was asked to look after its tasks more often.
    flush_ms: 60_000,
    direct: true,
};

const PATIENCE: Duration = Duration::from_secs(300);

/// How long idleness lasts before it is measured, and how long it is measured.
const SETTLE: Duration = Duration::from_secs(10);
const MEASURE: Duration = Duration::from_secs(30);

/// Bounds that only a mistake breaks, on a machine that does other things, too.
const MEMORY_MAX: u64 = 400 << 20;
const SHARE_MAX: f64 = 0.30;

pub(in crate::soak) fn run(_plan: Plan) -> String {
    let mut site = Site::new(SETUP);
    site.start(0);
    site.places[0].await_healthy();
    let bare = measure(&site);
    let mut report = format!("one worker without tasks: {}", show(&bare, None));
    let source =
        json!({"connector.class": "DataGenerator", "topic": "made", "rate": "1", "records": "0"});
    let sink = json!({"connector.class": "FileStreamSink", "topics": "idle", "file": "idle.out"});
    for (kind, config) in [("source", source), ("sink", sink)] {
        create(&site, &config);
        let cost = measure(&site);
        let _written = write!(
            report,
            "; with {} idle {kind} tasks: {}",
            CONNECTORS * TASKS,
            show(&cost, Some(&bare))
        );
        assert!(
            cost.memory < MEMORY_MAX && cost.share < SHARE_MAX,
            "{report}"
        );
        delete(&site);
    }
    site.stop(0);
    report
}

/// What a worker costs while nothing happens.
struct Cost {
    /// Of one core.
    share: f64,
    memory: u64,
    /// The broker's share of one core.
    broker: f64,
}

fn measure(site: &Site) -> Cost {
    thread::park_timeout(SETTLE);
    let worker = site.places[0]
        .worker
        .as_ref()
        .expect("the worker runs")
        .id();
    let broker = site.broker.id();
    let before = [usage(worker), usage(broker)];
    thread::park_timeout(MEASURE);
    let after = [usage(worker), usage(broker)];
    Cost {
        share: share(before[0], after[0]),
        memory: after[0].memory,
        broker: share(before[1], after[1]),
    }
}

fn share(before: Usage, after: Usage) -> f64 {
    (after.cpu - before.cpu).as_secs_f64() / (after.at - before.at).as_secs_f64()
}

fn show(cost: &Cost, bare: Option<&Cost>) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut text = format!(
        "{:.0} MiB, {:.2} % of a core, the broker {:.2} %",
        mib(cost.memory),
        cost.share * 100.0,
        cost.broker * 100.0
    );
    if let Some(bare) = bare {
        let _written = write!(
            text,
            " (the tasks alone {:.0} MiB, {:.2} %)",
            mib(cost.memory.saturating_sub(bare.memory)),
            (cost.share - bare.share) * 100.0
        );
    }
    text
}

fn create(site: &Site, config: &Value) {
    let rest = &site.places[0].rest;
    for number in 0..CONNECTORS {
        let mut config = config.clone();
        config["tasks.max"] = TASKS.to_string().into();
        let answer = rest.put(&format!("/connectors/c{number}/config"), &config);
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    wait::until("all tasks to run", PATIENCE, || {
        thread::park_timeout(Duration::from_millis(200));
        let placement = site.places[0].placement();
        placement.len() == CONNECTORS * (TASKS + 1)
            && placement.values().all(|(_, state)| state == "RUNNING")
    });
}

fn delete(site: &Site) {
    let rest = &site.places[0].rest;
    for number in 0..CONNECTORS {
        let answer = rest.delete(&format!("/connectors/c{number}"));
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    wait::until("all tasks to be gone", PATIENCE, || {
        thread::park_timeout(Duration::from_millis(200));
        site.places[0].placement().is_empty() && site.places[0].held().is_empty()
    });
}
