use std::sync::Arc;
use std::time::Instant;

use log::Level;

use super::*;

fn queue(memory: usize, policy: DropPolicy, budget: Duration) -> Queue {
    Queue::new(Bounds {
        memory,
        budget,
        policy,
    })
}

fn draft(value: &[u8], exempt: bool) -> Draft<'_> {
    Draft {
        level: if exempt { Level::Error } else { Level::Info },
        exempt,
        timestamp: 0,
        key: None,
        header_count: 0,
        headers: &[],
        numbered: false,
        value,
    }
}

/// All values that are queued, in order.
fn values(queue: &Queue) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = queue.pop() {
        all.extend(chunk.lines().map(|line| line.value.to_vec()));
    }
    all
}

/// Hands over `count` lines of a kilobyte that begin with their number.
fn fill(queue: &Queue, metrics: &Metrics, count: u32) -> usize {
    let mut value = [b'.'; 1000];
    let push = |number: u32| {
        value[..4].copy_from_slice(&number.to_be_bytes());
        queue.push(&draft(&value, false), metrics) != Pushed::Dropped
    };
    (0..count).map(push).filter(|taken| *taken).count()
}

#[test]
fn lines_come_out_as_they_went_in_under_rising_numbers() {
    let (queue, metrics) = (
        queue(1 << 20, DropPolicy::Newest, Duration::ZERO),
        Metrics::default(),
    );
    assert_eq!(queue.push(&draft(b"a", false), &metrics), Pushed::Taken(1));
    assert_eq!(queue.push(&draft(b"b", true), &metrics), Pushed::Taken(2));
    let large = vec![b'x'; CHUNK_BYTES * 2];
    assert_eq!(
        queue.push(&draft(&large, false), &metrics),
        Pushed::Taken(3)
    );
    assert_eq!(queue.push(&draft(b"c", false), &metrics), Pushed::Taken(4));
    assert_eq!(queue.settled(), None);
    assert_eq!(
        values(&queue),
        [b"a".to_vec(), b"b".to_vec(), large, b"c".to_vec()]
    );
    assert_eq!(queue.settled(), Some(4));
}

#[test]
fn memory_never_exceeds_its_bound_and_every_line_is_kept_or_counted() {
    for policy in [DropPolicy::Newest, DropPolicy::Oldest] {
        let memory = 5 * CHUNK_BYTES;
        let (queue, metrics) = (queue(memory, policy, Duration::ZERO), Metrics::default());
        fill(&queue, &metrics, 2000);
        assert!(queue.lock().used <= memory);
        let kept = values(&queue);
        assert_eq!(
            kept.len() as u64 + metrics.dropped.get(),
            2000,
            "{policy:?}"
        );
        let numbers: Vec<u32> = kept
            .iter()
            .map(|value| u32::from_be_bytes(value[..4].try_into().unwrap()))
            .collect();
        assert!(numbers.is_sorted(), "{policy:?}");
        let expected = if policy == DropPolicy::Newest {
            0
        } else {
            2000 - numbers.len() as u32
        };
        assert_eq!(numbers[0], expected, "{policy:?}");
    }
}

#[test]
fn a_line_larger_than_the_memory_goes_alone_and_at_once() {
    let budget = Duration::from_secs(20);
    for policy in [DropPolicy::Newest, DropPolicy::Oldest] {
        let (queue, metrics) = (queue(4 * CHUNK_BYTES, policy, budget), Metrics::default());
        assert_eq!(fill(&queue, &metrics, 100), 100);
        let huge = vec![b'x'; 8 * CHUNK_BYTES];
        let started = Instant::now();
        for exempt in [false, true] {
            assert_eq!(queue.push(&draft(&huge, exempt), &metrics), Pushed::Dropped);
        }
        assert!(started.elapsed() < budget, "it waited in vain");
        assert!(!queue.take_pressed(), "no spill can make way for it");
        assert_eq!((values(&queue).len(), metrics.dropped.get()), (100, 2));
    }
}

#[test]
fn exempt_lines_take_the_place_of_others() {
    let memory = 4 * CHUNK_BYTES;
    let (queue, metrics) = (
        queue(memory, DropPolicy::Newest, Duration::ZERO),
        Metrics::default(),
    );
    fill(&queue, &metrics, 1000);
    let value = [b'!'; 1000];
    for _ in 0..200 {
        assert!(matches!(
            queue.push(&draft(&value, true), &metrics),
            Pushed::Taken(_)
        ));
    }
    assert!(queue.lock().used <= memory + memory / 4);
    let kept = values(&queue);
    assert_eq!(kept.iter().filter(|kept| kept[..] == value).count(), 200);
    assert_eq!(kept.len() as u64 + metrics.dropped.get(), 1200);
}

#[test]
fn where_all_is_exempt_the_bound_holds_and_the_spill_is_asked_to_make_way() {
    let memory = 4 * CHUNK_BYTES;
    let (queue, metrics) = (
        queue(memory, DropPolicy::Newest, Duration::ZERO),
        Metrics::default(),
    );
    let value = [b'!'; 1000];
    for _ in 0..1000 {
        queue.push(&draft(&value, true), &metrics);
    }
    assert!(queue.lock().used <= memory + memory / 4);
    assert!(queue.take_pressed());
    assert!(metrics.dropped.get() > 0);
    assert_eq!(values(&queue).len() as u64 + metrics.dropped.get(), 1000);
}

#[test]
fn one_thread_waits_for_the_budget_and_the_others_do_not_after_it() {
    let budget = Duration::from_millis(30);
    let (queue, metrics) = (
        queue(CHUNK_BYTES, DropPolicy::Newest, budget),
        Metrics::default(),
    );
    let started = Instant::now();
    fill(&queue, &metrics, 1000);
    let took = started.elapsed();
    assert!(took >= budget, "nobody waited: {took:?}");
    assert!(took < budget * 300, "more than one wait: {took:?}");
    assert!(metrics.dropped.get() > 900);
}

#[test]
fn a_line_that_waits_is_taken_once_there_is_room() {
    let budget = Duration::from_secs(20);
    let queue = Arc::new(queue(CHUNK_BYTES, DropPolicy::Newest, budget));
    let metrics = Arc::new(Metrics::default());
    let large = vec![b'x'; CHUNK_BYTES - 100];
    queue.push(&draft(&large, false), &metrics);
    let (other, counted) = (Arc::clone(&queue), Arc::clone(&metrics));
    let waiting = std::thread::spawn(move || other.push(&draft(&[b'y'; 1000], false), &counted));
    while queue.pop().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(waiting.join().unwrap(), Pushed::Taken(2));
    assert_eq!(metrics.dropped.get(), 0);
}

#[test]
fn a_closed_queue_takes_nothing_and_counts_it() {
    let (queue, metrics) = (
        queue(1 << 20, DropPolicy::Newest, Duration::ZERO),
        Metrics::default(),
    );
    queue.close();
    assert_eq!(queue.push(&draft(b"late", true), &metrics), Pushed::Closed);
    assert_eq!(metrics.dropped.get(), 1);
}

#[test]
fn a_line_that_waits_in_vain_while_others_leave_keeps_no_one_from_waiting() {
    let budget = Duration::from_millis(300);
    let memory = 4 * CHUNK_BYTES;
    let queue = Arc::new(queue(memory, DropPolicy::Newest, budget));
    let metrics = Arc::new(Metrics::default());
    assert_eq!(fill(&queue, &metrics, 200), 200);
    let (other, counted) = (Arc::clone(&queue), Arc::clone(&metrics));
    // It needs all of the memory, and only a part becomes free.
    let large = vec![b'x'; memory - 1000];
    let waiting = std::thread::spawn(move || other.push(&draft(&large, false), &counted));
    while queue.lock().waiting == 0 && !waiting.is_finished() {
        std::thread::yield_now();
    }
    assert!(queue.pop().is_some());
    assert_eq!(waiting.join().unwrap(), Pushed::Dropped);
    let state = queue.lock();
    assert!(!state.stalled);
    assert_eq!(state.waiting, 0);
}
