//! A peer's claims allocate nothing: what decoding allocates is bounded by the bytes that are there.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use millrace_wire::codec::{Decoder, Encoder};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the bytes that a thread asks for.
struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|allocated| allocated.set(allocated.get() + layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated_by(work: impl FnOnce()) -> usize {
    let before = ALLOCATED.with(Cell::get);
    work();
    ALLOCATED.with(Cell::get) - before
}

fn body(write: impl FnOnce(&mut Encoder)) -> Bytes {
    let mut encoder = Encoder::new();
    write(&mut encoder);
    encoder.finish().into_contiguous(Pool::global()).unwrap()
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let long_array = body(|encoder| encoder.put_i32(i32::MAX));
    let long_compact_array = body(|encoder| encoder.put_uvarint(u32::MAX));
    let long_string = body(|encoder| {
        encoder.put_i32(1);
        encoder.put_i16(i16::MAX);
    });
    for (version, bytes) in [(1, long_array), (9, long_compact_array), (1, long_string)] {
        let allocated = allocated_by(|| {
            assert!(MetadataRequest::decode(&mut Decoder::new(bytes), version).is_err());
        });
        assert!(allocated < 64 * 1024, "{allocated} bytes");
    }
}

#[test]
fn an_array_that_breaks_off_allocates_little_more_than_it_brought() {
    // 100,000 claimed elements, of which a hundred are there, with enough bytes behind them to be believable.
    let bytes = body(|encoder| {
        encoder.put_i32(100_000);
        for _ in 0..100 {
            encoder.put_i16(1);
            encoder.put_slice(b"t");
        }
        encoder.put_i16(i16::MIN);
        encoder.put_slice(&[0; 200_000]);
    });
    let allocated = allocated_by(|| {
        assert!(MetadataRequest::decode(&mut Decoder::new(bytes), 1).is_err());
    });
    assert!(allocated < 64 * 1024, "{allocated} bytes");
}

#[test]
fn record_data_is_a_slice_of_the_request() {
    let records = Bytes::from(vec![1; 1 << 20]);
    let partition = PartitionProduceData {
        index: 0,
        records: Some(records.into()),
    };
    let topic = TopicProduceData {
        name: "t".to_owned(),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest {
        topic_data: vec![topic],
        ..Default::default()
    };
    let frame = encode_request(1, None, 9, &request).unwrap();
    let bytes = frame.clone().into_contiguous(Pool::global()).unwrap();
    let in_one = allocated_by(|| {
        let mut decoder = Decoder::new(bytes);
        decode_request_header(&mut decoder).unwrap();
        ProduceRequest::decode(&mut decoder, 9).unwrap();
    });
    let in_segments = allocated_by(|| {
        let mut decoder = Decoder::from_frame(frame).unwrap();
        decode_request_header(&mut decoder).unwrap();
        ProduceRequest::decode(&mut decoder, 9).unwrap();
    });
    let encoding = allocated_by(|| drop(encode_request(1, None, 9, &request).unwrap()));
    for allocated in [in_one, in_segments, encoding] {
        assert!(allocated < 16 * 1024, "{allocated} bytes");
    }
}
