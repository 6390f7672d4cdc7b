//! The syslog source in the real binary: its README runs, all three transports deliver, a stop in order loses nothing
//! that was read, and a broker that stands still costs senders their patience and the worker no memory.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests use sockets and files and end on a failed expectation"
)]

use std::{
    fs,
    io::Write,
    net::{TcpStream, UdpSocket},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use millrace_system::{
    apart,
    binary::repository,
    pipeline::{Pipeline, properties_file},
    rest,
    sandbox::Sandbox,
    topic, wait,
};
use rustix::process::Signal;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

fn values(sandbox: &Sandbox, topic: &str) -> Vec<String> {
    topic::values(&sandbox.join("data/broker"), &format!("{topic}-0"))
        .into_iter()
        .map(|value| String::from_utf8(value).unwrap())
        .collect()
}

fn await_values(sandbox: &Sandbox, topic: &str, count: usize) -> Vec<String> {
    wait::until_some(&format!("{count} records of {topic}"), PATIENCE, || {
        let values = values(sandbox, topic);
        (values.len() >= count).then_some(values)
    })
}

fn datagrams(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket
}

/// The configurations of the README, on ports that are free: the port of each text, and the file.
fn readme(sandbox: &Sandbox) -> Vec<(u16, PathBuf)> {
    let page = fs::read_to_string(repository().join("connectors/syslog/README.md")).unwrap();
    let blocks = page.split("```properties\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks
        .enumerate()
        .map(|(index, block)| {
            let port = apart::free_port();
            let block = block
                .replace("=5514", &format!("={port}"))
                .replace("=5515", &format!("={port}"));
            assert!(block.contains(&port.to_string()), "{block}");
            (
                port,
                sandbox.write(&format!("readme-{index}.properties"), block),
            )
        })
        .collect()
}

#[test]
fn the_readme_runs_as_it_is() {
    let sandbox = Sandbox::new();
    let configs = readme(&sandbox);
    let files: Vec<PathBuf> = configs.iter().map(|(_, file)| file.clone()).collect();
    let mut pipeline = Pipeline::start(&sandbox, &files);
    for name in ["syslog", "network"] {
        pipeline.rest.await_state(name, "RUNNING");
    }
    let (first, second) = (configs[0].0, configs[1].0);
    datagrams(first)
        .send(b"<13>Nov 22 02:14:15 box user: the door is open")
        .unwrap();
    await_values(&sandbox, "syslog", 1);
    let mut stream = TcpStream::connect(("127.0.0.1", first)).unwrap();
    stream
        .write_all(b"29 <13>1 - box - - - - \xef\xbb\xbfclosed")
        .unwrap();
    drop(stream);
    assert_eq!(
        await_values(&sandbox, "syslog", 2),
        [
            "<13>Nov 22 02:14:15 box user: the door is open",
            "<13>1 - box - - - - \u{feff}closed"
        ]
    );
    datagrams(second)
        .send(b"<187>1 2026-11-22T02:14:15Z switch link 7 ID [port@1 name=\"4\"] down")
        .unwrap();
    let record: serde_json::Value =
        serde_json::from_str(&await_values(&sandbox, "network-err", 1)[0]).unwrap();
    assert_eq!(
        record,
        json!({
            "priority": 187, "facility": "local7", "severity": "err", "timestamp": 1_795_313_655_000_i64,
            "host": "switch", "app": "link", "procid": "7", "msgid": "ID",
            "structured_data": {"port@1": {"name": "4"}}, "message": "down", "peer": "127.0.0.1", "malformed": null,
        })
    );
    assert!(pipeline.millrace.stop().success());
}

/// A connection with TLS that trusts only this certificate.
fn tls(port: u16, certificate: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    StreamOwned::new(client, stream)
}

#[test]
fn all_transports_deliver_and_a_stop_in_order_loses_nothing_that_was_read() {
    const LINES: usize = 20_000;
    let sandbox = Sandbox::new();
    let file = |name: &str| {
        let path = repository().join("connectors/http/tests/tls").join(name);
        path.display().to_string()
    };
    let (certificate, key) = (file("localhost.pem"), file("localhost.key.pem"));
    let ports = [(); 3].map(|()| apart::free_port());
    let [udp, tcp, secure] = ports.map(|port| port.to_string());
    let keys = [
        ("name", "syslog"),
        ("connector.class", "Syslog"),
        ("udp.port", udp.as_str()),
        ("tcp.port", tcp.as_str()),
        ("tls.port", secure.as_str()),
        ("tls.certificate", certificate.as_str()),
        ("tls.key", key.as_str()),
        ("topic", "${app}"),
        ("topics.allowed", "udp,tcp,tls"),
        ("topic.otherwise", "rest"),
        ("value.form", "message"),
    ];
    let source = properties_file(&sandbox, "syslog.properties", &keys);
    let mut pipeline = Pipeline::start(&sandbox, &[source]);
    pipeline.rest.await_state("syslog", "RUNNING");

    let socket = datagrams(ports[0]);
    for number in 0..100 {
        let line = format!("<13>1 - h udp - - - {number}");
        socket.send(line.as_bytes()).unwrap();
    }
    let mut plain = TcpStream::connect(("127.0.0.1", ports[1])).unwrap();
    let mut secret = tls(ports[2], &certificate);
    for number in 0..LINES {
        writeln!(plain, "<13>1 - h tcp - - - {number}").unwrap();
        let line = format!("<13>1 - h tls - - - {number}");
        write!(secret, "{} {line}", line.len()).unwrap();
    }
    plain
        .write_all(b"<13>1 - h other - - - x\nno message\n")
        .unwrap();
    secret.flush().unwrap();
    drop(plain);
    let numbers =
        |count: usize| -> Vec<String> { (0..count).map(|number| number.to_string()).collect() };
    assert_eq!(await_values(&sandbox, "udp", 100), numbers(100));
    assert_eq!(await_values(&sandbox, "tcp", LINES), numbers(LINES));
    assert_eq!(await_values(&sandbox, "tls", LINES), numbers(LINES));
    assert_eq!(await_values(&sandbox, "rest", 2), ["x", "no message"]);

    // What waits while the connector is paused is stored when it goes on.
    pipeline
        .rest
        .put("/connectors/syslog/pause", &serde_json::Value::Null);
    pipeline.rest.await_state("syslog", "PAUSED");
    socket.send(b"<13>1 - h udp - - - paused").unwrap();
    secret
        .write_all(b"27 <13>1 - h tls - - - paused, ")
        .unwrap();
    secret.flush().unwrap();
    pipeline
        .rest
        .put("/connectors/syslog/resume", &serde_json::Value::Null);
    assert_eq!(await_values(&sandbox, "udp", 101)[100], "paused");
    assert_eq!(await_values(&sandbox, "tls", LINES + 1)[LINES], "paused,");
    assert!(pipeline.millrace.stop().success());
    assert!(
        !pipeline
            .millrace
            .stderr()
            .contains("received and not stored"),
        "{}",
        pipeline.millrace.stderr()
    );
}

#[test]
fn a_broker_that_stands_still_makes_connections_wait_and_drops_are_counted() {
    let sandbox = Sandbox::new();
    let (broker_port, port) = (apart::free_port(), apart::free_port());
    let mut broker = apart::start_broker(&sandbox, broker_port);
    broker.address("broker");
    let text = port.to_string();
    let keys = [
        ("name", "syslog"),
        ("connector.class", "Syslog"),
        ("udp.port", text.as_str()),
        ("tcp.port", text.as_str()),
        ("topic", "syslog"),
        ("waiting.bytes.max", "1048576"),
    ];
    let source = properties_file(&sandbox, "syslog.properties", &keys);
    let mut worker = apart::start_worker(&sandbox, broker_port, &[source]);
    rest::Rest::new(&worker.address("rest")).await_state("syslog", "RUNNING");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"<13>first\n").unwrap();
    await_values(&sandbox, "syslog", 1);

    broker.signal(Signal::STOP);
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let line = format!("<13>{}\n", "x".repeat(995));
    let mut written = 0_usize;
    let socket = datagrams(port);
    wait::until("drops to be told", PATIENCE, || {
        // To the byte, for the last line may be taken in part. A sender may have to wait for a moment before it is for good.
        while let Ok(bytes) = stream.write(&line.as_bytes()[written % line.len()..]) {
            written += bytes;
            assert!(written < 256 << 20, "the sender is never made to wait");
        }
        for _ in 0..50 {
            socket.send(b"<13>dropped").unwrap();
        }
        worker.stderr().contains("datagrams dropped because")
    });
    broker.signal(Signal::CONT);
    drop(stream);
    let whole = || {
        let values = values(&sandbox, "syslog");
        values.iter().filter(|value| value.len() == 999).count()
    };
    wait::until("all lines that were taken", PATIENCE, || {
        whole() >= written / line.len()
    });
    assert!(worker.stop().success());
    assert!(broker.stop().success());
    assert_eq!(whole(), written / line.len());
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_named() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let config = json!({
        "name": "syslog", "connector.class": "Syslog", "tls.key": "key.pem", "topic": "${app}",
        "time.zone": "Mars", "headers": "size", "host": "192.0.2.1",
    });
    let answer = pipeline
        .rest
        .put("/connector-plugins/Syslog/config/validate", &config);
    assert_eq!(answer.status, 200);
    let configs = answer.body["configs"].as_array().unwrap();
    for (key, remedy) in [
        ("udp.port", "tcp.port or tls.port"),
        ("tls.certificate", "PEM"),
        ("tls.key", "cannot read the file"),
        ("host", "no such address"),
        ("topics.allowed", "may choose"),
        ("topic.otherwise", "where messages go"),
        ("time.zone", "Europe/Berlin"),
        ("headers", "choose of facility"),
    ] {
        let found = configs.iter().find(|config| config["value"]["name"] == key);
        let errors = found.unwrap()["value"]["errors"].to_string();
        assert!(errors.contains(key) && errors.contains(remedy), "{errors}");
    }
}
