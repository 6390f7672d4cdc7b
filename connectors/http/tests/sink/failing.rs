//! Servers that are slow, flaky, rate-limiting, dead or lying: each record is delivered, tried again, or dead with the
//! reason; and order holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use millrace_testkit::free_port;

use crate::driver::{Driven, config, keyed, partition, value};
use crate::server::{Reply, Server};

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_flaky_server_gets_each_record_once_and_in_order() {
    let server = Server::start();
    server.script(|_, before| match before % 4 {
        0 => Reply::status(503, "busy"),
        1 => Reply::Hangup,
        2 => Reply::Raw(b"HTTP/1.1 200 OK\r\nconte".to_vec()),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(&server, &[]).await;
    sink.put_values(0..20).await;
    sink.settle().await;
    let mut bodies = server.bodies();
    bodies.dedup();
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    let answered: Vec<_> = server
        .requests()
        .iter()
        .enumerate()
        .filter(|(index, _)| index % 4 == 3)
        .map(|(_, request)| request.text())
        .collect();
    assert_eq!(answered, numbers(20));
}

#[tokio::test]
async fn lies_about_length_do_not_hold_up_what_comes_behind() {
    let lies: [&[u8]; 7] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmuch longer than that",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello",
    ];
    for lie in lies {
        let server = Server::start();
        let shown = String::from_utf8_lossy(lie).into_owned();
        server.script(move |_, before| match before {
            0 => Reply::Raw(lie.to_vec()),
            _ => Reply::ok(),
        });
        let mut sink = Driven::start(&server, &[("parallel.requests", "1")]).await;
        sink.put_values(0..3).await;
        sink.settle().await;
        let mut seen: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.text())
            .collect();
        seen.dedup();
        assert_eq!(seen, numbers(3), "{shown}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let server = Server::start();
    let huge = vec![b'x'; 64 << 20];
    server.script(move |_, before| match before {
        0 => Reply::Answer(200, Vec::new(), huge.clone()),
        1 => Reply::Answer(404, Vec::new(), huge.clone()),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(&server, &[]).await;
    sink.put_values(0..3).await;
    sink.settle().await;
    assert_eq!(sink.dead.len(), 1);
    assert!(
        sink.dead[0].1.len() < 4_000,
        "{} characters",
        sink.dead[0].1.len()
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start();
    server.script(|request, _| match request.text().as_str() {
        "0" => Reply::Silence,
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(
        &server,
        &[("http.request.timeout.ms", "1000"), ("max.retries", "1")],
    )
    .await;
    sink.put_values(0..2).await;
    sink.settle().await;
    assert_eq!(server.bodies(), ["1"]);
    let (offset, why) = &sink.dead[0];
    assert_eq!(*offset, 0);
    assert!(
        why.contains("after 2 tries") && why.contains("1000 ms"),
        "{why}"
    );
}

#[tokio::test]
async fn a_dead_server_is_tried_until_it_lives() {
    let server = Server::start();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut properties = config(&server, &[("max.retries", "-1")]);
    properties.insert("http.api.url".to_owned(), format!("http://{address}/"));
    let mut sink = Driven::of(&properties, true).await.unwrap();
    sink.put_values(0..3).await;
    assert_eq!(sink.committed().await, 0);
    let revived = Server::start_at(address);
    sink.settle().await;
    assert_eq!(revived.bodies(), numbers(3));
    assert!(sink.dead.is_empty());
}

#[tokio::test]
async fn a_rate_limit_is_heeded_by_all_lanes_and_does_not_use_up_retries() {
    let server = Server::start();
    let limited = Arc::new(AtomicUsize::new(0));
    let (seen, first) = (Arc::clone(&limited), Instant::now());
    server.script(move |_, _| {
        if first.elapsed() < Duration::from_millis(1_500) {
            seen.fetch_add(1, Ordering::SeqCst);
            return Reply::status(429, "slow down").with("retry-after", "1");
        }
        Reply::ok()
    });
    let pairs = [
        ("max.retries", "0"),
        ("parallel.requests", "8"),
        ("request.order", "none"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    sink.put_values(0..40).await;
    sink.settle().await;
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    assert_eq!(server.accepted().len(), 40);
    assert!(
        limited.load(Ordering::SeqCst) <= 16,
        "each lane asks at most once a second"
    );
}

#[tokio::test]
async fn a_refusal_is_dead_at_once_with_status_and_body() {
    let server = Server::start();
    server.script(|request, _| match request.text().as_str() {
        "1" => Reply::status(404, "no such order"),
        "2" => Reply::status(302, "").with("location", "http://elsewhere/"),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(&server, &[]).await;
    sink.put_values(0..4).await;
    sink.settle().await;
    assert_eq!(server.requests().len(), 4, "no retries");
    assert_eq!(server.bodies(), ["0", "3"]);
    let (first, second) = (&sink.dead[0], &sink.dead[1]);
    assert!(
        first.0 == 1 && first.1.contains("404") && first.1.contains("no such order"),
        "{first:?}"
    );
    assert!(
        second.0 == 2 && second.1.contains("302") && second.1.contains("http://elsewhere/"),
        "{second:?}"
    );
    assert!(first.1.contains("orders-0-1"), "{first:?}");
}

#[tokio::test]
async fn retries_end_and_the_record_is_dead_with_the_reason() {
    let server = Server::start();
    server.script(|request, _| match request.text().as_str() {
        "0" => Reply::status(500, "oops"),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(&server, &[("max.retries", "3")]).await;
    sink.put_values(0..2).await;
    sink.settle().await;
    assert_eq!(server.requests().len(), 5);
    assert!(sink.dead[0].1.contains("oops") && sink.dead[0].1.contains("after 4 tries"));
}

#[tokio::test]
async fn a_deadline_ends_retries() {
    let server = Server::start();
    server.script(|_, _| Reply::status(503, "away"));
    let pairs = [("max.retries", "-1"), ("retry.timeout.ms", "100")];
    let mut sink = Driven::start(&server, &pairs).await;
    sink.put_values(0..1).await;
    sink.settle().await;
    assert!(sink.dead[0].1.contains("away"), "{:?}", sink.dead);
}

#[tokio::test]
async fn without_tolerance_the_task_fails_and_nothing_behind_is_sent_or_committed() {
    for reports in [false, true] {
        let server = Server::start();
        server.script(|request, _| match request.text().as_str() {
            "1" => Reply::status(403, "forbidden"),
            _ => Reply::ok(),
        });
        let properties = config(&server, &[("errors.tolerance", "none")]);
        let mut sink = Driven::of(&properties, reports).await.unwrap();
        sink.put_values(0..4).await;
        if reports {
            // The worker fails the task by what is reported.
            while sink.dead.is_empty() {
                sink.put(&[]).await.unwrap();
                tokio::task::yield_now().await;
            }
        } else {
            let why = sink.failure().await;
            assert!(why.contains("403") && why.contains("forbidden"), "{why}");
            assert_eq!(sink.committed().await, 1);
        }
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn behavior_on_error_leaves_records_out() {
    for behavior in ["log", "ignore"] {
        let server = Server::start();
        server.script(|request, _| match request.text().as_str() {
            "0" => Reply::status(403, ""),
            _ => Reply::ok(),
        });
        let properties = config(
            &server,
            &[
                ("errors.tolerance", "none"),
                ("behavior.on.error", behavior),
            ],
        );
        let mut sink = Driven::of(&properties, false).await.unwrap();
        sink.put_values(0..2).await;
        sink.settle().await;
        assert_eq!(server.bodies(), ["1"]);
    }
}

#[tokio::test]
async fn order_per_key_holds_while_requests_run_in_parallel() {
    let server = Server::start();
    server.script(|_, before| match before % 7 {
        0 => Reply::status(503, ""),
        3 => Reply::Late(Duration::from_millis(3), Box::new(Reply::ok())),
        _ => Reply::ok(),
    });
    let pairs = [
        ("parallel.requests", "8"),
        ("request.order", "key"),
        ("headers", "K:${key}"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    for round in 0..10 {
        let records: Vec<_> = (0..20)
            .map(|key| keyed(&format!("k{key}"), &round.to_string()))
            .collect();
        sink.put(&records).await.unwrap();
    }
    sink.settle().await;
    assert!(server.most_at_once() > 1);
    for key in 0..20 {
        let of_key: Vec<_> = server
            .accepted()
            .iter()
            .filter(|request| request.headers["k"] == format!("k{key}"))
            .map(|request| request.text())
            .collect();
        assert_eq!(of_key, numbers(10), "k{key}");
    }
}

#[tokio::test]
async fn one_slow_partition_does_not_hold_up_another() {
    let server = Server::start();
    server.script(|request, _| match request.headers["p"].as_str() {
        "0" => Reply::status(503, "away"),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(
        &server,
        &[("headers", "P:${partition}"), ("max.retries", "-1")],
    )
    .await;
    let (stuck, free) = (
        sink.batch(0, &[value("a")]),
        sink.batch(1, &[value("b"), value("c")]),
    );
    sink.put_batch(&stuck).await.unwrap();
    sink.put_batch(&free).await.unwrap();
    let begun = Instant::now();
    while server.bodies() != ["b", "c"] {
        assert!(begun.elapsed() < crate::driver::PATIENCE);
        tokio::task::yield_now().await;
    }
    assert_eq!(
        sink.committed().await,
        0,
        "the stuck partition is not committed"
    );
}

/// The first request gets no answer, or is refused for a time; all that is not in it must not wait for it.
#[tokio::test]
async fn without_an_order_no_record_waits_for_a_request_that_another_lane_could_send() {
    for (batch, first) in [("1", 1), ("2", 2), ("3", 3)] {
        for reply in [Reply::Silence, Reply::status(503, "away")] {
            let server = Server::start();
            server.script(move |request, _| match request.text().contains('x') {
                true => reply.clone(),
                false => Reply::ok(),
            });
            let pairs = [
                ("request.order", "none"),
                ("parallel.requests", "2"),
                ("batch.max.size", batch),
                ("retry.backoff.ms", "60000"),
            ];
            let mut sink = Driven::start(&server, &pairs).await;
            let values = ["x", "1", "2", "3", "4", "5", "6"];
            sink.put_values(values).await;
            let begun = Instant::now();
            loop {
                let came = server.bodies().join(",");
                let mut came: Vec<_> = came.split(',').collect();
                came.sort_unstable();
                if came == values[first..] {
                    break;
                }
                assert!(
                    begun.elapsed() < crate::driver::PATIENCE,
                    "batches of {batch}: only {came:?} came"
                );
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
}

#[tokio::test]
async fn without_an_order_each_record_comes_once() {
    let server = Server::start();
    server.script(|_, before| match before % 5 {
        0 => Reply::status(503, ""),
        3 => Reply::Late(Duration::from_millis(3), Box::new(Reply::ok())),
        _ => Reply::ok(),
    });
    let pairs = [
        ("request.order", "none"),
        ("parallel.requests", "4"),
        ("batch.max.size", "7"),
        ("batch.max.bytes", "20"),
    ];
    let mut sink = Driven::start(&server, &pairs).await;
    for round in 0..20 {
        sink.put_values((0..50).map(|number| round * 50 + number))
            .await;
    }
    sink.settle().await;
    let came = server.bodies().join(",");
    let mut came: Vec<usize> = came.split(',').map(|text| text.parse().unwrap()).collect();
    came.sort_unstable();
    assert_eq!(came, (0..1000).collect::<Vec<_>>());
    assert!(sink.dead.is_empty(), "{:?}", sink.dead);
    assert!(server.most_at_once() > 1);
}

#[tokio::test]
async fn a_full_buffer_pauses_the_partitions_and_room_resumes_them() {
    let server = Server::start();
    let open = Arc::new(AtomicUsize::new(0));
    let gate = Arc::clone(&open);
    server.script(move |_, _| match gate.load(Ordering::SeqCst) {
        0 => Reply::status(503, "away"),
        _ => Reply::ok(),
    });
    let mut sink = Driven::start(
        &server,
        &[("buffer.max.bytes", "1024"), ("max.retries", "-1")],
    )
    .await;
    let long = "x".repeat(1024);
    sink.put(&[value(&long)]).await.unwrap();
    assert_eq!(sink.pauses(), [true, true], "a record and its row wait");
    let begun = Instant::now();
    sink.put(&[value(&long)]).await.unwrap();
    assert!(
        begun.elapsed() < crate::driver::PATIENCE,
        "put does not wait for the server"
    );
    open.store(1, Ordering::SeqCst);
    sink.settle().await;
    assert_eq!(sink.resumed().await, [false, false]);
}

#[tokio::test]
async fn what_is_left_of_a_lost_partition_is_not_sent_any_more() {
    let server = Server::start();
    server.script(|request, _| match request.text().starts_with("new") {
        true => Reply::ok(),
        false => Reply::status(503, "away"),
    });
    let mut sink = Driven::start(&server, &[("max.retries", "-1")]).await;
    sink.put_values(0..2).await;
    sink.task().close(&[partition(0)]).await.unwrap();
    sink.task().open(&[partition(0)]).await.unwrap();
    let of_lost = || {
        let requests = server.requests();
        let lost = requests.iter().filter(|one| !one.text().starts_with("new"));
        lost.count()
    };
    let before = of_lost();
    for number in 0..20 {
        sink.put_values([format!("new {number}")]).await;
        sink.settle().await;
    }
    assert_eq!(server.bodies().len(), 20);
    // One may have been on its way.
    assert!(of_lost() <= before + 1, "{} after {before}", of_lost());
}
