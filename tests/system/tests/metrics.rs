//! What Prometheus scrapes of the real binary: well formed, moved by traffic, and documented.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{collections::BTreeMap, fs, time::Duration};

use millrace_system::{
    binary::repository,
    exposition::{self, Exposition, value},
    pipeline::{Pipeline, TOPIC, worker_file},
    process::Millrace,
    rest::{Rest, client},
    sandbox::Sandbox,
    wait,
};
use serde_json::json;

const LINES: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A page of the metrics, parsed.
fn scrape(address: &str) -> Exposition {
    let page = client()
        .build()
        .unwrap()
        .get(format!("http://{address}/metrics"))
        .send()
        .unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(
        page.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = page.text().unwrap();
    exposition::parse(&text).unwrap_or_else(|why| panic!("{why}"))
}

fn ship_lines(sandbox: &Sandbox, pipeline: &Pipeline) {
    let lines: String = (0..LINES).map(|line| format!("line {line}\n")).collect();
    sandbox.write("in.log", &lines);
    wait::until("all lines to arrive and be committed", PATIENCE, || {
        let figures = scrape(pipeline.rest.address());
        let lag = [("consumergroup", "connect-sink"), ("partition", "0")];
        let is_out = sandbox.read("out.log").len() >= lines.len();
        // The source may hear of its last records after the sink has committed them.
        let written = "kafka_connect_source_task_source_record_write_total";
        is_out
            && value(&figures, "kafka_consumergroup_lag", &lag) == Some(0.0)
            && value(&figures, written, &[("connector", "source")]) == Some(LINES as f64)
    });
}

#[test]
fn figures_move_with_records() {
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::file_to_file(&sandbox);
    ship_lines(&sandbox, &pipeline);

    let figures = scrape(pipeline.rest.address());
    let of = |name: &str, labels: &[(&str, &str)]| {
        value(&figures, name, labels).unwrap_or_else(|| panic!("no {name}{labels:?}"))
    };
    let (source, sink) = ([("connector", "source")], [("connector", "sink")]);
    let lines = LINES as f64;
    let topic = [("topic", TOPIC)];
    assert_eq!(
        of("kafka_server_brokertopicmetrics_messagesin_total", &topic),
        lines
    );
    assert_eq!(
        of("kafka_server_brokertopicmetrics_messagesout_total", &topic),
        lines
    );
    assert!(of("kafka_server_brokertopicmetrics_bytesin_total", &topic) > 0.0);
    assert!(
        of(
            "kafka_server_brokertopicmetrics_messagesinpersec_oneminuterate",
            &topic
        ) > 0.0
    );
    assert_eq!(of("kafka_log_log_logendoffset", &topic), lines);
    assert!(of("kafka_log_log_size", &topic) > 0.0);
    let produce = [("request", "Produce")];
    let requests = of("kafka_network_requestmetrics_requests_total", &produce);
    assert!(requests > 0.0);
    assert_eq!(
        of("millrace_request_duration_seconds_count", &produce),
        requests
    );
    let median = [("request", "Produce"), ("quantile", "0.50")];
    assert!(of("kafka_network_requestmetrics_totaltimems", &median) > 0.0);
    assert!(of("millrace_log_flush_duration_seconds_count", &[]) > 0.0);
    let committed = [("consumergroup", "connect-sink"), ("partition", "0")];
    assert_eq!(of("kafka_consumergroup_current_offset", &committed), lines);
    let members = [("consumergroup", "connect-sink")];
    assert_eq!(of("kafka_consumergroup_members", &members), 1.0);
    assert_eq!(
        of(
            "kafka_connect_source_task_source_record_poll_total",
            &source
        ),
        lines
    );
    assert_eq!(
        of(
            "kafka_connect_source_task_source_record_write_total",
            &source
        ),
        lines
    );
    assert_eq!(
        of(
            "kafka_connect_source_task_source_record_active_count",
            &source
        ),
        0.0
    );
    assert_eq!(
        of("kafka_connect_sink_task_sink_record_read_total", &sink),
        lines
    );
    assert_eq!(
        of("kafka_connect_sink_task_sink_record_send_total", &sink),
        lines
    );
    // Whoever scrapes for the first time sees the average since the start.
    for (rate, labels) in [
        ("kafka_connect_source_task_source_record_poll_rate", &source),
        ("kafka_connect_sink_task_sink_record_send_rate", &sink),
    ] {
        assert!(of(rate, labels) > 0.0, "{rate}");
    }
    let running = [("connector", "sink"), ("task", "0"), ("status", "running")];
    assert_eq!(of("kafka_connect_connector_status", &running), 1.0);
    assert!(of("process_resident_memory_bytes", &[]) > 1e6);

    assert_eq!(pipeline.rest.delete("/connectors/sink").status, 204);
    wait::until("a deleted connector's figures to go", PATIENCE, || {
        let read = "kafka_connect_sink_task_sink_record_read_total";
        value(&scrape(pipeline.rest.address()), read, &sink).is_none()
    });
    assert!(pipeline.millrace.stop().success());
}

/// A row of the table in `docs/metrics.md`.
struct Row {
    kind: String,
    labels: Vec<String>,
    help: String,
}

fn tables() -> [BTreeMap<String, Row>; 2] {
    let page = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let (always, in_group) = page.split_once("## A worker of a group").unwrap();
    [table(always), table(in_group)]
}

fn table(page: &str) -> BTreeMap<String, Row> {
    let rows = page.lines().filter(|line| line.split(" | ").count() == 4);
    rows.filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, kind, labels, help] = cells[..] else {
                panic!("not four cells: {line}");
            };
            let labels = labels
                .split(',')
                .map(|label| label.trim().trim_matches('`'));
            let row = Row {
                kind: kind.to_owned(),
                labels: labels.map(str::to_owned).collect(),
                help: help.to_owned(),
            };
            (name.trim_matches('`').to_owned(), row)
        })
        .collect()
}

#[test]
fn what_is_served_is_documented_and_the_other_way_round() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::file_to_file(&sandbox);
    ship_lines(&sandbox, &pipeline);
    let figures = scrape(pipeline.rest.address());
    let [table, _] = tables();
    compare(&table, &figures);
}

#[test]
fn what_a_group_adds_is_documented_and_the_other_way_round() {
    let sandbox = Sandbox::new();
    let file = worker_file(
        &sandbox,
        &[
            ("group.id", "alone"),
            ("config.storage.topic", "configs"),
            ("offset.storage.topic", "offsets"),
            ("status.storage.topic", "statuses"),
        ],
    );
    let mut millrace = Millrace::start(&sandbox, ["distributed".into(), file]);
    let rest = Rest::new(&millrace.address("rest "));
    for (name, config) in [
        (
            "from",
            json!({"connector.class": "FileStreamSource", "file": sandbox.write("in", "a\n"), "topic": "lines"}),
        ),
        (
            "to",
            json!({"connector.class": "FileStreamSink", "file": "out", "topics": "lines"}),
        ),
    ] {
        let made = rest.post("/connectors", &json!({"name": name, "config": config}));
        assert_eq!(made.status, 201, "{}", made.body);
    }
    wait::until("the line to be carried", PATIENCE, || {
        sandbox.read("out") == b"a\n"
    });
    let figures = wait::until_some("the lag to be shown", PATIENCE, || {
        let figures = scrape(rest.address());
        figures
            .contains_key("kafka_consumer_fetch_manager_records_lag")
            .then_some(figures)
    });
    let [mut table, in_group] = tables();
    table.extend(in_group);
    compare(&table, &figures);
    let task = value(&figures, "kafka_connect_coordinator_assigned_tasks", &[]);
    assert_eq!(task, Some(2.0));
    let protocol = value(
        &figures,
        "kafka_connect_worker_rebalance_connect_protocol",
        &[("connect_protocol", "SESSIONED")],
    );
    assert_eq!(protocol, Some(1.0));
}

fn compare(table: &BTreeMap<String, Row>, figures: &Exposition) {
    let mut wrong = Vec::new();
    for (name, family) in figures {
        let Some(row) = table.get(name) else {
            let (kind, help) = (&family.kind, &family.help);
            wrong.push(format!("missing: | `{name}` | {kind} | | {help} |"));
            continue;
        };
        if (&row.kind, &row.help) != (&family.kind, &family.help) {
            wrong.push(format!("{name} is a {}: {}", family.kind, family.help));
        }
        for label in family
            .samples
            .iter()
            .flat_map(|sample| sample.labels.keys())
        {
            let is_part = label == "le" || label == "quantile";
            if !is_part && !row.labels.contains(label) {
                wrong.push(format!("{name} has the label {label}"));
            }
        }
    }
    let unknown = table.keys().filter(|name| !figures.contains_key(*name));
    wrong.extend(unknown.map(|name| format!("{name} is not served")));
    assert!(wrong.is_empty(), "docs/metrics.md:\n{}", wrong.join("\n"));
}

#[test]
fn open_metrics_is_served_to_those_who_accept_it() {
    let sandbox = Sandbox::new();
    let mut millrace = Millrace::start(&sandbox, ["standalone".into(), worker_file(&sandbox, &[])]);
    let address = millrace.address("rest ");
    let page = client()
        .build()
        .unwrap()
        .get(format!("http://{address}/metrics"))
        .header(
            "Accept",
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        )
        .send()
        .unwrap();
    let media_type = page.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(
        media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    assert!(page.text().unwrap().ends_with("\n# EOF\n"));
}

fn broker_with_metrics(sandbox: &Sandbox) -> Millrace {
    let keys = [
        ("listeners", "PLAINTEXT://127.0.0.1:0"),
        ("log.dirs", "data"),
        ("metrics.listener", "http://127.0.0.1:0"),
    ];
    let file = millrace_system::pipeline::properties_file(sandbox, "server.properties", &keys);
    Millrace::start(sandbox, ["broker".into(), file])
}

#[test]
fn a_broker_alone_serves_its_figures_where_it_is_told_to() {
    let sandbox = Sandbox::new();
    let mut millrace = broker_with_metrics(&sandbox);
    let address = millrace.address("metrics ");
    let host = address.trim_end_matches("/metrics");
    let figures = scrape(host);
    let state = "kafka_server_kafkaserver_brokerstate";
    assert_eq!(value(&figures, state, &[]), Some(3.0));
    assert!(!figures.contains_key("kafka_connect_worker_task_count"));
    let elsewhere = client()
        .build()
        .unwrap()
        .get(format!("http://{host}/"))
        .send()
        .unwrap();
    assert_eq!(elsewhere.status(), 404);
    assert!(millrace.stop().success());
}

#[test]
fn the_sum_over_topics_keeps_what_deleted_topics_had() {
    let sandbox = Sandbox::new();
    let mut broker = broker_with_metrics(&sandbox);
    let server = broker.address("broker ");
    let metrics = broker.address("metrics ");
    let address = metrics.trim_end_matches("/metrics");
    let tool = |words: &str, input: &str| {
        let words = format!("{words} --bootstrap-server {server}");
        millrace_system::tool::run_with(&sandbox, &words, input).ok()
    };
    let counted = |labels: &[(&str, &str)]| {
        let figures = scrape(address);
        let name = "kafka_server_brokertopicmetrics_messagesin_total";
        value(&figures, name, labels)
    };
    let topic = [("topic", "orders")];
    tool("produce --topic orders", "1\n2\n3\n");
    assert_eq!(counted(&topic), Some(3.0));
    tool("topics --delete --topic orders", "");
    assert_eq!(counted(&topic), None, "a deleted topic's figures go");
    tool("produce --topic orders", "4\n");
    assert_eq!(counted(&topic), Some(1.0));
    let figures = scrape(address);
    let sum = figures["kafka_server_brokertopicmetrics_messagesin_total"]
        .samples
        .iter()
        .find(|sample| sample.labels.is_empty())
        .map(|sample| sample.value);
    assert_eq!(sum, Some(4.0));
}
