//! Variable-length integers of records: seven bits a byte, low group first, the high bit says that
//! more follow. Signed values are zig-zag coded, so that small negatives stay short.

/// The most bytes that a 32-bit value takes.
pub const MAX_VARINT_LEN: usize = 5;
/// The most bytes that a 64-bit value takes.
pub const MAX_VARLONG_LEN: usize = 10;

/// Maps small magnitudes of either sign to small unsigned values.
#[inline]
#[must_use]
pub fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// Undoes [`zigzag32`].
#[inline]
#[must_use]
pub fn unzigzag32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Maps small magnitudes of either sign to small unsigned values.
#[inline]
#[must_use]
pub fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Undoes [`zigzag64`].
#[inline]
#[must_use]
pub fn unzigzag64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Bytes that the zig-zag coded `value` takes.
#[inline]
#[must_use]
pub fn varint_len(value: i32) -> usize {
    uvarint_len(u64::from(zigzag32(value)))
}

/// Bytes that the zig-zag coded `value` takes.
#[inline]
#[must_use]
pub fn varlong_len(value: i64) -> usize {
    uvarint_len(zigzag64(value))
}

/// Bytes that the unsigned `value` takes.
#[inline]
#[must_use]
pub fn uvarint_len(value: u64) -> usize {
    // Lengths and deltas of records are short; predicted branches beat counting bits.
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => (64 - value.leading_zeros() as usize).div_ceil(7),
    }
}

/// Writes the unsigned `value` at the start of `out` and returns the number of bytes written.
///
/// # Panics
///
/// Where `out` is shorter than [`uvarint_len`] of the value.
#[inline]
pub fn write_uvarint(out: &mut [u8], mut value: u64) -> usize {
    if value < 0x80 {
        out[0] = value as u8;
        return 1;
    }
    let mut at = 0;
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

/// Writes the zig-zag coded `value` at the start of `out` and returns the number of bytes written.
#[inline]
pub fn write_varint(out: &mut [u8], value: i32) -> usize {
    write_uvarint(out, u64::from(zigzag32(value)))
}

/// Writes the zig-zag coded `value` at the start of `out` and returns the number of bytes written.
#[inline]
pub fn write_varlong(out: &mut [u8], value: i64) -> usize {
    write_uvarint(out, zigzag64(value))
}

/// Reads an unsigned value of at most 32 bits; `None` where the input ends early or is too long.
#[inline]
#[must_use]
pub fn read_uvarint32(input: &[u8]) -> Option<(u32, usize)> {
    let first = *input.first()?;
    if first < 0x80 {
        return Some((u32::from(first), 1));
    }
    let (value, used) = read_long_form(input, MAX_VARINT_LEN)?;
    Some((u32::try_from(value).ok()?, used))
}

/// Reads a zig-zag coded 32-bit value and the number of bytes it took.
#[inline]
#[must_use]
pub fn read_varint(input: &[u8]) -> Option<(i32, usize)> {
    read_uvarint32(input).map(|(value, used)| (unzigzag32(value), used))
}

/// Reads a zig-zag coded 64-bit value and the number of bytes it took.
#[inline]
#[must_use]
pub fn read_varlong(input: &[u8]) -> Option<(i64, usize)> {
    let first = *input.first()?;
    if first < 0x80 {
        return Some((unzigzag64(u64::from(first)), 1));
    }
    let (value, used) = read_long_form(input, MAX_VARLONG_LEN)?;
    Some((unzigzag64(value), used))
}

#[inline]
fn read_long_form(input: &[u8], max_len: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (at, &byte) in input.iter().take(max_len).enumerate() {
        let group = u64::from(byte & 0x7f);
        let shift = 7 * at as u32;
        // The tenth byte of a 64-bit value has room for one bit.
        if shift == 63 && group > 1 {
            return None;
        }
        value |= group << shift;
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_encodings() {
        let table: &[(i32, &[u8])] = &[
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[126]),
            (-64, &[127]),
            (64, &[128, 1]),
            (i32::MAX, &[254, 255, 255, 255, 15]),
            (i32::MIN, &[255, 255, 255, 255, 15]),
        ];
        for (value, expected) in table {
            let mut out = [0; MAX_VARINT_LEN];
            let used = write_varint(&mut out, *value);
            assert_eq!(&out[..used], *expected, "{value}");
            assert_eq!(read_varint(expected), Some((*value, used)));
        }
    }

    #[test]
    fn too_long_or_cut_input_is_refused() {
        assert_eq!(read_varint(&[]), None);
        assert_eq!(read_varint(&[0x80]), None);
        assert_eq!(read_varint(&[0x80; 6]), None);
        assert_eq!(read_uvarint32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
        assert_eq!(read_varlong(&[0x80; 11]), None);
        assert_eq!(
            read_varlong(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            None
        );
    }

    proptest! {
        #[test]
        fn round_trips(value: i64) {
            let mut out = [0; MAX_VARLONG_LEN];
            let used = write_varlong(&mut out, value);
            prop_assert_eq!(used, varlong_len(value));
            prop_assert_eq!(read_varlong(&out[..used]), Some((value, used)));
            let short = value as i32;
            let used = write_varint(&mut out, short);
            prop_assert_eq!(used, varint_len(short));
            prop_assert_eq!(read_varint(&out[..used]), Some((short, used)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(input: Vec<u8>) {
            let _ = (read_varint(&input), read_varlong(&input), read_uvarint32(&input));
        }
    }
}
