//! What comes over real sockets, and what becomes of it; a test takes the part of worker and broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::properties;
use millrace_api::{Cell, EncodedHeaders, SourceBatch};
use millrace_syslog::Syslog;
use millrace_testkit::{MemoryOffsets, SourceRun, free_port};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    port: u16,
    run: SourceRun<Syslog>,
}

impl Running {
    /// Starts with a free port for `key`.
    async fn start(key: &str, pairs: &[(&str, &str)]) -> Self {
        let port = free_port();
        let text = port.to_string();
        let all: Vec<_> = [(key, text.as_str())]
            .iter()
            .chain(pairs)
            .copied()
            .collect();
        let (properties, offsets) = (properties(&all), MemoryOffsets::default());
        let started = SourceRun::start(Syslog::default(), &properties, &offsets);
        Self {
            port,
            run: started
                .await
                .unwrap_or_else(|error| panic!("{}", error.trace())),
        }
    }

    fn datagrams(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket
    }

    fn connection(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    async fn values(&mut self, count: usize) -> Vec<String> {
        let polled = self.run.poll_records(count).await.unwrap();
        polled
            .into_iter()
            .map(|record| record.value.unwrap_or_default())
            .collect()
    }
}

/// Key and headers of each record, as text.
fn described(batch: &SourceBatch) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut described = Vec::new();
    for (start, run) in batch.runs_with_start() {
        for index in start..run.end {
            let key = match batch.key(run, start, index) {
                Cell::Text(key) => text(key),
                other => format!("{other:?}"),
            };
            let section = batch.bytes(batch.rows()[index].headers).unwrap_or_default();
            let headers: Vec<String> = EncodedHeaders::new(section)
                .iter()
                .map(|(name, value)| format!("{}={}", text(name), text(value.unwrap_or_default())))
                .collect();
            described.push(format!("{key} {} {}", run.topic, headers.join(" ")));
        }
    }
    described
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_of_both_formats_with_keys_headers_and_topics() {
    let keys = [
        ("topic", "logs-${app}"),
        ("topics.allowed", "logs-s*"),
        ("topic.otherwise", "rest"),
        ("key", "${host}"),
        (
            "headers",
            "facility,severity,host,app,procid,msgid,data,peer,malformed",
        ),
    ];
    let mut running = Running::start("udp.port", &keys).await;
    let socket = running.datagrams();
    let lines = [
        "<34>1 2026-11-22T02:14:15Z web su 7 ID [a b=\"c\"] text",
        "<13>Nov 22 02:14:15 box sshd[9]: in",
        "<13>Nov 22 02:14:15 box cron[9]: in",
        "hello",
    ];
    for line in lines {
        socket.send(line.as_bytes()).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < lines.len() {
        seen.extend(described(&running.run.poll().await.unwrap().unwrap()));
    }
    assert_eq!(
        seen,
        [
            "web logs-su facility=auth severity=crit host=web app=su procid=7 msgid=ID data=[a b=\"c\"] peer=127.0.0.1",
            "box logs-sshd facility=user severity=notice host=box app=sshd procid=9 peer=127.0.0.1",
            "box rest facility=user severity=notice host=box app=cron procid=9 peer=127.0.0.1",
            "127.0.0.1 rest facility=user severity=notice peer=127.0.0.1 malformed=it has no priority",
        ]
    );
    running.run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn structures_say_all_that_the_line_says() {
    let keys = [("value.form", "struct"), ("time.zone", "+01:00")];
    let mut running = Running::start("tcp.port", &keys).await;
    let mut stream = running.connection();
    stream
        .write_all(b"<34>Oct 11 2020 22:14:15 box su: hi\n17 <1>1 - - - - - -x")
        .unwrap();
    drop(stream);
    let values = running.values(2).await;
    assert_eq!(
        values[0],
        "Struct{priority=34,facility=auth,severity=crit,timestamp=Sun Oct 11 21:14:15 UTC 2020,host=box,app=su,message=hi,peer=127.0.0.1}"
    );
    assert!(
        values[1].contains("malformed=its header is not as RFC 5424 says"),
        "{values:?}"
    );
    running.run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_both_kinds_in_pieces_and_what_is_left_at_the_end() {
    let mut running = Running::start("tcp.port", &[("max.message.bytes", "480")]).await;
    let mut stream = running.connection();
    let long = format!("<13>{}", "x".repeat(1000));
    let bytes = format!(
        "6 <13>\n!<13>two\r\n\n{} {long}<13>{long}\n<13>last",
        long.len()
    );
    for piece in bytes.as_bytes().chunks(7) {
        stream.write_all(piece).unwrap();
        stream.flush().unwrap();
    }
    drop(stream);
    let values = running.values(5).await;
    assert_eq!(values[0], "<13>\n!");
    assert_eq!(values[1], "<13>two");
    assert_eq!(values[2], long[..480]);
    assert_eq!(values[3], format!("<13>{long}")[..480]);
    assert_eq!(values[4], "<13>last");
    running.run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_messages_that_are_none_and_of_bytes_that_are_no_text() {
    for (key, policy, expected) in [
        ("on.invalid", "keep", &["oh", "<13>\u{fffd}", "<13>end"][..]),
        ("on.invalid", "drop", &["<13>\u{fffd}", "<13>end"]),
        ("invalid.bytes", "latin-1", &["oh", "<13>é", "<13>end"]),
        ("invalid.bytes", "drop", &["oh", "<13>end"]),
        ("invalid.bytes", "keep", &["oh", "<13>\u{fffd}", "<13>end"]),
    ] {
        let mut running = Running::start("udp.port", &[(key, policy)]).await;
        let socket = running.datagrams();
        for datagram in [&b"oh"[..], b"<13>\xe9", b"\n", b"<13>end\n"] {
            socket.send(datagram).unwrap();
        }
        assert_eq!(
            running.values(expected.len()).await,
            expected,
            "{key}={policy}"
        );
        running.run.stop().await;
    }
    let mut running = Running::start("udp.port", &[("on.invalid", "fail")]).await;
    running.datagrams().send(b"oh").unwrap();
    let failed = running.run.poll().await.unwrap_err().to_string();
    assert!(
        failed.contains("127.0.0.1 has sent") && failed.contains("on.invalid=keep"),
        "{failed}"
    );
    running.run.stop().await;
}

/// Writes until the other side takes no more for a while, and returns how much it took.
fn fill(stream: &mut TcpStream, line: &[u8]) -> usize {
    stream.set_nonblocking(true).unwrap();
    let (mut written, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_millis(300) {
        match stream.write(&line[written % line.len()..]) {
            Ok(bytes) => {
                written += bytes;
                last = Instant::now();
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
    stream.set_nonblocking(false).unwrap();
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_waits_while_nobody_takes_what_it_sends() {
    let keys = [("waiting.bytes.max", "65536")];
    let mut running = Running::start("tcp.port", &keys).await;
    let mut stream = running.connection();
    let line = format!("<13>{}\n", "x".repeat(995));
    let sender = tokio::task::spawn_blocking(move || {
        let written = fill(&mut stream, line.as_bytes());
        (stream, written)
    });
    let (stream, written) = sender.await.unwrap();
    assert!(written < 64 << 20, "the sender was never made to wait");
    // What is taken and not acknowledged holds its room.
    let mut taken = 0;
    while let Ok(polled) =
        tokio::time::timeout(Duration::from_millis(300), running.run.poll()).await
    {
        taken += polled.unwrap().map_or(0, |batch| batch.len());
        assert!(taken <= 70, "{taken} lines of 1000 bytes were read");
    }
    running.run.acknowledge(taken).await;
    let mut lines = taken;
    drop(stream);
    while lines < written / 1000 {
        let more = running.run.poll().await.unwrap().unwrap().len();
        lines += more;
        running.run.acknowledge(more).await;
    }
    assert!(
        lines - written / 1000 <= 1,
        "{lines} lines of {written} bytes"
    );
    running.run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_that_find_no_room_are_dropped_and_others_come_when_there_is_some() {
    let keys = [("waiting.bytes.max", "65536")];
    let mut running = Running::start("udp.port", &keys).await;
    let socket = running.datagrams();
    let line = format!("<13>{}", "x".repeat(1000));
    for _ in 0..500 {
        socket.send(line.as_bytes()).unwrap();
    }
    let first = running.run.poll().await.unwrap().unwrap().len();
    assert!(first < 500, "nothing was dropped");
    running.run.acknowledge(first).await;
    // Sent until one finds room: what was sent before may still be on its way.
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing comes any more");
        socket.send(b"<13>again").unwrap();
        let polling = tokio::time::timeout(Duration::from_millis(50), running.run.poll()).await;
        if let Ok(polled) = polling {
            let count = polled.unwrap().map_or(0, |batch| batch.len());
            running.run.acknowledge(count).await;
            if count == 1 {
                break;
            }
        }
    }
    running.run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_have_bounds_in_number_and_silence() {
    let keys = [("connections.max", "1"), ("idle.timeout.ms", "300")];
    let mut running = Running::start("tcp.port", &keys).await;
    let mut first = running.connection();
    first.write_all(b"<13>one\n<13>left").unwrap();
    let mut values = running.values(1).await;
    let mut second = running.connection();
    assert_eq!(second.read(&mut [0]).unwrap_or(0), 0, "it is refused");
    // The first is closed when it has been silent for too long, and what was left of it is a message.
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    while values.len() < 2 {
        values.extend(running.values(1).await);
    }
    assert_eq!(values, ["<13>one", "<13>left"]);
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "the place is not free again");
        let mut third = running.connection();
        if third.write_all(b"<13>three\n").is_ok() {
            let polling = tokio::time::timeout(Duration::from_millis(200), running.run.poll());
            if polling.await.is_ok_and(|polled| polled.unwrap().is_some()) {
                break;
            }
        }
    }
    running.run.stop().await;
}

/// A connection with TLS that trusts the certificate of the test, as a client with or without one of its own.
fn tls(
    port: u16,
    files: &Certificates,
    has_certificate: bool,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(files.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match has_certificate {
        false => builder.with_no_client_auth(),
        true => builder
            .with_client_auth_cert(
                vec![files.der.clone()],
                files.key.serialize_der().try_into().unwrap(),
            )
            .unwrap(),
    };
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(client, stream)
}

struct Certificates {
    folder: tempfile::TempDir,
    der: CertificateDer<'static>,
    key: rcgen::KeyPair,
}

fn certificates() -> Certificates {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    Certificates {
        folder,
        der: certificate.der().clone(),
        key,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_certificates_of_clients() {
    let files = certificates();
    let path = |name: &str| files.folder.path().join(name).display().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let keys = [
        ("tls.certificate", certificate.as_str()),
        ("tls.key", key.as_str()),
        ("tls.client.ca", certificate.as_str()),
    ];
    let mut running = Running::start("tls.port", &keys).await;
    let stranger = {
        let mut stranger = tls(running.port, &files, false);
        let written = stranger
            .write_all(b"8 <13>evil")
            .and_then(|()| stranger.flush());
        // With TLS 1.3 a client hears of its refusal when it reads.
        written.is_err() || stranger.read(&mut [0]).is_err()
    };
    assert!(stranger, "a stranger is taken");
    let mut known = tls(running.port, &files, true);
    known.write_all(b"8 <13>good9 <13>again").unwrap();
    known.flush().unwrap();
    assert_eq!(running.values(2).await, ["<13>good", "<13>again"]);
    running.run.stop().await;
}
