#![no_main]

#[path = "../decode_any.rs"]
mod decode_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decode_any::decode_any(data));
