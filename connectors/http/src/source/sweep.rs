//! Which records of a page are new, and where that leaves the source. No I/O.

use std::cmp::Ordering;

use super::book::{PageBook, Step};
use super::level::{Level, compare};
use super::page::{Item, Page};
use super::paging::{Paging, Read};
use super::position::{Position, Validators};

/// What a page has brought.
#[derive(Debug)]
pub(super) struct Taken {
    /// The records that are new, in order.
    pub(super) items: Vec<Item>,
    /// Their offsets.
    pub(super) book: PageBook,
    /// Whether it was the last page.
    pub(super) ended: bool,
}

/// How pages are gone through.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) paging: Paging,
    /// Records of one offset that are remembered at most.
    pub(super) window: usize,
}

impl Rules {
    /// Goes through the page that was asked for at `position`. `validators` are those of the answer, `next` is the page
    /// that it names.
    pub(super) fn take(
        &self,
        position: &Position,
        items: Vec<Item>,
        next: Option<&str>,
        validators: Option<Validators>,
    ) -> Taken {
        let count = items.len() as u64;
        let mut progress = Progress {
            since: &position.since,
            levels: vec![position.highest.clone()],
            window: self.window,
        };
        let mut steps = Vec::new();
        let mut new = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let index = index as u64;
            if index < position.skip || !progress.takes(&item) {
                continue;
            }
            steps.push(Step {
                skip: index + 1,
                level: progress.levels.len() - 1,
                seen: progress.levels.last().map_or(0, |level| level.seen.len()),
            });
            new.push(item);
        }
        let levels = progress.levels;
        let mut after = Position {
            highest: levels.last().cloned().unwrap_or_default(),
            ..position.clone()
        };
        let read = Read {
            count,
            new: new.len() as u64,
            next,
        };
        let ended = self.paging.advance(&mut after, &read);
        // Only what is asked for again can be asked for on condition.
        after.validators = validators.filter(|_| ended);
        Taken {
            items: new,
            book: PageBook {
                before: position.clone(),
                after,
                levels,
                steps,
            },
            ended,
        }
    }
}

struct Progress<'a> {
    since: &'a Level,
    /// The last one is the highest.
    levels: Vec<Level>,
    window: usize,
}

impl Progress<'_> {
    /// Whether an element is new; if so, it is remembered.
    fn takes(&mut self, item: &Item) -> bool {
        let Some(offset) = &item.offset else {
            return true;
        };
        let against = |level: &Level| {
            let value = level.value.as_ref()?;
            compare(offset, value)
        };
        match against(self.since) {
            Some(Ordering::Less) => return false,
            Some(Ordering::Equal) if self.since.seen.contains(&item.identity) => return false,
            _ => {}
        }
        let window = self.window;
        let Some(highest) = self.levels.last_mut() else {
            return true;
        };
        match (highest.value.is_some(), against(highest)) {
            (true, Some(Ordering::Equal)) => {
                if highest.seen.contains(&item.identity) {
                    return false;
                }
                if highest.seen.len() < window {
                    highest.seen.push(item.identity);
                }
            }
            (true, Some(Ordering::Less)) => {}
            _ => self.levels.push(Level {
                value: Some(offset.clone()),
                seen: vec![item.identity],
            }),
        }
        true
    }
}

impl Page {
    /// The page without its records, which go their own way.
    pub(super) fn take_items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;
    use serde_json::json;

    use super::*;
    use crate::source::config::SourceConfig;

    fn rules(pairs: &[(&str, &str)], window: usize) -> Rules {
        let properties = properties([("url", "http://x/"), ("topic", "t")].iter().chain(pairs));
        Rules {
            paging: Paging::new(&SourceConfig::parse(&properties).unwrap()),
            window,
        }
    }

    fn items(pairs: &[(i64, u64)]) -> Vec<Item> {
        let item = |&(offset, identity): &(i64, u64)| Item {
            value: 0..0,
            key: None,
            timestamp: None,
            offset: Some(json!(offset)),
            identity,
        };
        pairs.iter().map(item).collect()
    }

    fn identities(taken: &Taken) -> Vec<u64> {
        taken.items.iter().map(|item| item.identity).collect()
    }

    #[test]
    fn equal_offsets_are_told_apart_by_who_had_them() {
        let rules = rules(&[], 10);
        let first = rules.take(
            &Position::default(),
            items(&[(1, 1), (2, 2), (2, 3)]),
            None,
            None,
        );
        assert_eq!(identities(&first), [1, 2, 3]);
        let second = rules.take(
            &first.book.after,
            items(&[(1, 9), (2, 2), (2, 3), (2, 4), (3, 5), (2, 6)]),
            None,
            None,
        );
        assert_eq!(identities(&second), [4, 5, 6]);
        assert_eq!(second.book.after.highest.value, Some(json!(3)));
        let third = rules.take(&second.book.after, items(&[(3, 5)]), None, None);
        assert!(third.items.is_empty());
    }

    #[test]
    fn newest_first_loses_nothing_within_a_sweep() {
        let rules = rules(&[("pagination", "page")], 10);
        let first = rules.take(&Position::default(), items(&[(9, 9), (8, 8)]), None, None);
        let second = rules.take(&first.book.after, items(&[(8, 8), (7, 7)]), None, None);
        assert_eq!(identities(&second), [8, 7]);
        let third = rules.take(&second.book.after, items(&[]), None, None);
        assert!(third.ended);
        assert_eq!(third.book.after.since.value, Some(json!(9)));
    }

    #[test]
    fn from_each_record_the_rest_follows() {
        let rules = rules(&[], 10);
        let all = [(2, 1), (2, 2), (1, 3), (5, 4), (5, 5)];
        let taken = rules.take(&Position::default(), items(&all), None, None);
        let book = super::super::book::Book::default();
        let first = book.add(taken.book);
        for index in 0..all.len() {
            let stored = book.offset(first + index as i64);
            let position = Position::from_map(&stored).unwrap();
            let rest = rules.take(&position, items(&all), None, None);
            let expected: Vec<u64> = (index as u64 + 2..=5).collect();
            assert_eq!(identities(&rest), expected, "behind {index}: {stored:?}");
        }
    }

    #[test]
    fn chains_end_when_nothing_new_comes() {
        let rules = rules(&[("pagination", "chaining")], 10);
        let first = rules.take(&Position::default(), items(&[(1, 1), (2, 2)]), None, None);
        assert!(!first.ended);
        assert_eq!(first.book.after.since.text().as_deref(), Some("2"));
        let second = rules.take(&first.book.after, items(&[(2, 2)]), None, None);
        assert!(second.ended);
    }
}
