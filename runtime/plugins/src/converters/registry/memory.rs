//! What is remembered of a few things, the latest used first; the one that was not used for longest makes room.

/// A bounded memory. Looking up begins with what was found last, which is what is looked for next.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    entries: Vec<(K, V)>,
    max: usize,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self::new(1000)
    }
}

impl<K, V> Memory<K, V> {
    /// A memory of `max` things, of one at least.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            entries: Vec::new(),
            max: max.max(1),
        }
    }

    /// What is remembered under the key that `is` knows.
    pub(crate) fn get(&mut self, is: impl Fn(&K) -> bool) -> Option<V>
    where
        V: Clone,
    {
        let found = self.entries.iter().rposition(|(key, _)| is(key))?;
        let last = self.entries.len() - 1;
        self.entries[found..].rotate_left(usize::from(found != last));
        self.entries.last().map(|(_, value)| value.clone())
    }

    /// Remembers `value`.
    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.entries.len() >= self.max {
            self.entries.remove(0);
        }
        self.entries.push((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut memory = Memory::new(2);
        memory.put("a", 1);
        memory.put("b", 2);
        assert_eq!(memory.get(|key| *key == "a"), Some(1));
        memory.put("c", 3);
        assert_eq!(memory.get(|key| *key == "b"), None);
        assert_eq!(memory.get(|key| *key == "a"), Some(1));
        assert_eq!(memory.get(|key| *key == "c"), Some(3));
    }
}
