//! Keys and the last offset of each, in bounded memory.
//!
//! A key is known by a hash of 16 bytes, so that a slot has 24 whatever the key's length. Two keys with
//! the same hash would lose the older one's record: the hash is keyed with random numbers of this process
//! (SipHash twice), so that nobody can look for such keys. Slots are probed one behind the other.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Hash and offset + 1; an offset field of 0 is a free slot.
type Slot = [u64; 3];

/// Bytes of a slot.
const SLOT_BYTES: usize = size_of::<Slot>();

pub(super) struct KeyMap {
    slots: Vec<Slot>,
    len: usize,
    max_len: usize,
    hashers: [RandomState; 2],
}

impl KeyMap {
    /// A map for `keys` keys, or for as many as `max_bytes` hold where those are fewer.
    pub(super) fn new(keys: u64, max_bytes: usize, load_factor: f64) -> Self {
        let load_factor = load_factor.clamp(0.01, 1.0);
        // A guess of how much room is of use: exactness is not needed here.
        let wanted = (keys as f64 / load_factor) as usize + 2;
        let slots = wanted.min(max_bytes / SLOT_BYTES).max(2);
        // One slot stays free, so that every search ends.
        let max_len = ((slots as f64 * load_factor) as usize).clamp(1, slots - 1);
        Self {
            slots: vec![[0; 3]; slots],
            len: 0,
            max_len,
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Notes a key's offset, which must not be below one noted before. Says false, and notes nothing,
    /// where the map has no room for a key that it does not hold yet.
    pub(super) fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let (at, hash) = self.find(key);
        let slot = &mut self.slots[at];
        if slot[2] == 0 {
            if self.len >= self.max_len {
                return false;
            }
            self.len += 1;
        }
        *slot = [hash[0], hash[1], offset.cast_unsigned() + 1];
        true
    }

    /// The last offset noted for a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        let (at, _) = self.find(key);
        self.slots[at][2]
            .checked_sub(1)
            .map(|offset| offset.cast_signed())
    }

    /// The slot that holds a key, or the free one that would.
    fn find(&self, key: &[u8]) -> (usize, [u64; 2]) {
        let hash = [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)];
        let mut at = (hash[0] % self.slots.len() as u64) as usize;
        loop {
            let slot = self.slots[at];
            if slot[2] == 0 || slot[..2] == hash {
                return (at, hash);
            }
            at = (at + 1) % self.slots.len();
        }
    }
}

impl fmt::Debug for KeyMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMap")
            .field("len", &self.len)
            .field("max_len", &self.max_len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn knows_the_last_offset_of_each_key(keys in prop::collection::vec(0u8..40, 0..200), bytes in 0usize..2000) {
            let mut map = KeyMap::new(keys.len() as u64, bytes, 0.9);
            let mut model = HashMap::new();
            for (offset, key) in keys.iter().enumerate() {
                let offset = offset as i64;
                if map.put(&[*key], offset) {
                    model.insert(*key, offset);
                } else {
                    prop_assert!(!model.contains_key(key), "a key that is there always fits");
                }
            }
            prop_assert_eq!(map.len(), model.len());
            for key in 0u8..40 {
                prop_assert_eq!(map.get(&[key]), model.get(&key).copied());
            }
        }
    }

    #[test]
    fn room_is_what_is_needed_and_no_more_than_allowed() {
        let mut small = KeyMap::new(1_000_000, 10 * SLOT_BYTES, 0.9);
        let stored = (0u32..).take_while(|key| small.put(&key.to_be_bytes(), 0));
        assert_eq!(stored.count(), 9);
        assert!(KeyMap::new(10, 1 << 30, 0.9).slots.len() < 20);
        assert!(KeyMap::new(0, 0, 0.9).put(b"one key always fits", 7));
    }
}
