//! How far a string goes on without anything that is special, which is all of it for most.

/// Bytes looked at together: as many as a register holds.
const STEP: usize = 16;

/// The number of bytes before the first that is special; all of them where none is.
pub(super) fn plain_len(bytes: &[u8], is_special: impl Fn(u8) -> bool + Copy) -> usize {
    let is_plain = |step: &&[u8]| !step.iter().fold(false, |any, &byte| any | is_special(byte));
    let steps = bytes.chunks_exact(STEP).take_while(is_plain).count();
    let (_, rest) = bytes.split_at(steps * STEP);
    let plain = rest.iter().position(|&byte| is_special(byte));
    steps * STEP + plain.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_ends_it() {
        for len in 0..70 {
            for place in 0..=len {
                let mut bytes = vec![b'a'; len];
                bytes
                    .get_mut(place)
                    .into_iter()
                    .for_each(|byte| *byte = b'!');
                assert_eq!(plain_len(&bytes, |byte| byte == b'!'), place);
            }
        }
    }
}
