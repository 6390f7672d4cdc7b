//! Which partition of an internal topic holds an id.
//!
//! Kafka takes Java's `String.hashCode` of the id, so a log directory written by either broker is read by both.

/// The partition, below `partitions`, that keeps the group (or transactional id) `id`.
pub(crate) fn of_group(id: &str, partitions: usize) -> usize {
    let hash = java_hash(id);
    // Java's `Math.abs` cannot negate the smallest integer; Kafka counts it as zero.
    let magnitude = if hash == i32::MIN {
        0
    } else {
        hash.unsigned_abs()
    };
    magnitude as usize % partitions.max(1)
}

/// Java's `String.hashCode`: a polynomial in 31 over the UTF-16 units, wrapping.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::{java_hash, of_group};

    #[test]
    fn partitions_are_those_of_apache_kafka() {
        for (id, partition) in [
            ("my-group", 12),
            ("console-consumer", 40),
            ("connect-cluster", 13),
            ("my-txn", 45),
            ("", 0),
        ] {
            assert_eq!(of_group(id, 50), partition, "{id}");
        }
    }

    #[test]
    fn the_smallest_hash_counts_as_zero() {
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(of_group("polygenelubricants", 50), 0);
    }

    #[test]
    fn characters_outside_the_basic_plane_count_as_two_units() {
        assert_eq!(java_hash("\u{1F600}"), 0xD83D_i32 * 31 + 0xDE00);
    }
}
