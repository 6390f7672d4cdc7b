//! What sticky assignors tell each other beside the subscription, in the bytes of Kafka's Java clients.
//!
//! `sticky` tells the member's last assignment: `[topic string, [partition i32]] generation i32`, where arrays have an
//! i32 length, strings an i16 one, and members before Kafka 2.3 leave the generation out. `cooperative-sticky` tells
//! the generation alone, an i32.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::LastAssignment;
use crate::consumer::topic_partition::TopicPartition;

/// The generation of a member that does not say one.
const NO_GENERATION: i32 = -1;

/// The data of `sticky`; none for a member that was assigned nothing yet.
pub(super) fn encode_previous(last: &LastAssignment) -> Option<Bytes> {
    if last.generation < 0 {
        return None;
    }
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in &last.partitions {
        let numbers = topics.entry(&partition.topic).or_default();
        numbers.push(partition.partition);
    }
    let mut bytes = BytesMut::new();
    bytes.put_i32(i32::try_from(topics.len()).ok()?);
    for (topic, numbers) in topics {
        bytes.put_i16(i16::try_from(topic.len()).ok()?);
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(i32::try_from(numbers.len()).ok()?);
        numbers.into_iter().for_each(|number| bytes.put_i32(number));
    }
    bytes.put_i32(last.generation);
    Some(bytes.freeze())
}

/// Reads the data of `sticky`. What cannot be read counts as no assignment: it only costs stickiness.
pub(super) fn decode_previous(data: Option<&Bytes>) -> LastAssignment {
    data.and_then(|data| previous(data)).unwrap_or_default()
}

fn previous(mut data: &[u8]) -> Option<LastAssignment> {
    let mut partitions = Vec::new();
    for _ in 0..data.try_get_i32().ok()? {
        let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
        let (name, rest) = data.split_at_checked(length)?;
        let name: Arc<str> = std::str::from_utf8(name).ok()?.into();
        data = rest;
        for _ in 0..data.try_get_i32().ok()? {
            let number = data.try_get_i32().ok()?;
            partitions.push(TopicPartition::new(Arc::clone(&name), number));
        }
    }
    Some(LastAssignment {
        partitions,
        generation: data.try_get_i32().unwrap_or(NO_GENERATION),
    })
}

/// The data of `cooperative-sticky`.
pub(super) fn encode_generation(generation: i32) -> Bytes {
    Bytes::copy_from_slice(&generation.to_be_bytes())
}

/// Reads the data of `cooperative-sticky`.
pub(super) fn decode_generation(data: Option<&Bytes>) -> i32 {
    let number = data.and_then(|data| (&data[..]).try_get_i32().ok());
    number.unwrap_or(NO_GENERATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_java_clients() {
        let last = LastAssignment {
            partitions: vec![TopicPartition::new("ab", 1), TopicPartition::new("ab", 3)],
            generation: 7,
        };
        let bytes = encode_previous(&last).unwrap();
        let expected: &[u8] = &[
            0, 0, 0, 1, 0, 2, b'a', b'b', 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 7,
        ];
        assert_eq!(bytes, expected);
        assert_eq!(decode_previous(Some(&bytes)), last);
        assert_eq!(encode_generation(7), [0u8, 0, 0, 7][..]);
        assert_eq!(decode_generation(Some(&encode_generation(7))), 7);
    }

    #[test]
    fn old_members_tell_no_generation_and_noise_tells_nothing() {
        let old = Bytes::from_static(&[0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 2]);
        let read = decode_previous(Some(&old));
        assert_eq!(read.partitions, [TopicPartition::new("t", 2)]);
        assert_eq!(read.generation, -1);
        for noise in [
            &[][..],
            &[0, 0],
            &[127, 255, 255, 255, 0],
            &[0, 0, 0, 1, 255, 255],
        ] {
            let noise = Bytes::copy_from_slice(noise);
            assert_eq!(decode_previous(Some(&noise)), LastAssignment::default());
        }
        assert_eq!(decode_generation(None), -1);
    }
}
