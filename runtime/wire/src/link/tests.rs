use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

async fn pair(max_answer_bytes: usize) -> (Arc<dyn Link>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = TcpOptions {
        max_answer_bytes,
        ..TcpOptions::default()
    };
    let link = TcpDial::new(options).dial("127.0.0.1", port).await.unwrap();
    (link, listener.accept().await.unwrap().0)
}

async fn read_frame(peer: &mut TcpStream) -> Vec<u8> {
    let len = peer.read_u32().await.unwrap();
    let mut frame = vec![0; len as usize];
    peer.read_exact(&mut frame).await.unwrap();
    frame
}

async fn write_frame(peer: &mut TcpStream, frame: &[u8]) {
    let joined = [&(frame.len() as u32).to_be_bytes(), frame].concat();
    peer.write_all(&joined).await.unwrap();
}

fn frame(text: &'static str) -> Frame {
    Frame::from(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn calls_are_pipelined_and_answered_in_order() {
    let (link, mut peer) = pair(1 << 20).await;
    let calls = async {
        tokio::join!(
            link.call(frame("one"), Reply::Expected),
            link.call(frame("none"), Reply::None),
            link.call(frame("two"), Reply::Expected),
        )
    };
    let server = async {
        for expected in ["one", "none", "two"] {
            assert_eq!(read_frame(&mut peer).await, expected.as_bytes());
        }
        write_frame(&mut peer, b"first").await;
        write_frame(&mut peer, b"second").await;
    };
    let ((one, none, two), ()) = tokio::join!(calls, server);
    assert_eq!(one.unwrap().unwrap(), "first");
    assert_eq!(none.unwrap(), None);
    assert_eq!(two.unwrap().unwrap(), "second");
}

#[tokio::test]
async fn large_frames_of_many_segments_arrive_whole() {
    let (link, mut peer) = pair(8 << 20).await;
    let mut request = Frame::new();
    let mut expected = Vec::new();
    for i in 0..300u32 {
        let segment = vec![i as u8; (i as usize * 97) % 40_000 + 1];
        expected.extend_from_slice(&segment);
        request.push_bytes(segment.into());
    }
    let answer = vec![9; 5_000_000];
    let server = async {
        assert_eq!(read_frame(&mut peer).await, expected);
        write_frame(&mut peer, &answer).await;
        write_frame(&mut peer, b"").await;
    };
    let second = link.call(frame("again"), Reply::Expected);
    let (large, small, ()) = tokio::join!(link.call(request, Reply::Expected), second, server);
    assert!(large.unwrap().unwrap() == answer);
    assert_eq!(small.unwrap().unwrap(), "");
}

#[tokio::test]
async fn an_answer_above_the_limit_or_of_negative_size_ends_the_link() {
    for size in [1_001i32, i32::MAX, -1] {
        let (link, mut peer) = pair(1_000).await;
        let server = async {
            read_frame(&mut peer).await;
            peer.write_all(&size.to_be_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(link.call(frame("x"), Reply::Expected), server);
        assert!(
            matches!(answer, Err(LinkError::AnswerSize { size: found, limit: 1_000, .. }) if found == size)
        );
        assert!(link.is_closed());
    }
}

#[tokio::test]
async fn a_lost_peer_fails_all_who_wait_and_all_who_come() {
    let (link, mut peer) = pair(1_000).await;
    let server = async {
        read_frame(&mut peer).await;
        read_frame(&mut peer).await;
        drop(peer);
    };
    let calls = async {
        tokio::join!(
            link.call(frame("a"), Reply::Expected),
            link.call(frame("b"), Reply::Expected)
        )
    };
    let ((a, b), ()) = tokio::join!(calls, server);
    assert!(a.is_err() && b.is_err());
    assert!(link.is_closed());
    assert!(link.call(frame("c"), Reply::None).await.is_err());
}

#[tokio::test]
async fn an_answer_nobody_waits_for_ends_the_link() {
    let (link, mut peer) = pair(1_000).await;
    write_frame(&mut peer, b"surprise").await;
    let closed = async {
        while !link.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_order_intact() {
    let (link, mut peer) = pair(1_000).await;
    let mut given_up = link.call(frame("a"), Reply::Expected);
    let poll_once = std::future::poll_fn(|cx| {
        assert!(given_up.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    });
    poll_once.await;
    drop(given_up);
    let server = async {
        read_frame(&mut peer).await;
        read_frame(&mut peer).await;
        write_frame(&mut peer, b"for a").await;
        write_frame(&mut peer, b"for b").await;
    };
    let (answer, ()) = tokio::join!(link.call(frame("b"), Reply::Expected), server);
    assert_eq!(answer.unwrap().unwrap(), "for b");
}

#[tokio::test]
async fn a_call_dropped_half_way_through_writing_closes_the_link() {
    let (link, _peer) = pair(1_000).await;
    let huge = Frame::from(Bytes::from(vec![0; 64 << 20]));
    let call = tokio::time::timeout(Duration::from_millis(20), link.call(huge, Reply::Expected));
    assert!(call.await.is_err());
    assert!(link.is_closed());
}

#[tokio::test]
async fn nobody_there_is_a_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = TcpDial::default()
        .dial("127.0.0.1", port)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")),
        "{error}"
    );
}
