//! What the offsets of records are, kept until the broker has acknowledged them.
//!
//! A mark is the number of a page, and in its lower bits which of the page's new records it is. The worker turns a mark
//! into an offset when it commits, always that at the end of the unbroken acknowledged prefix: so a page is needed until
//! all of the next one is acknowledged too.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_api::{BatchAcks, OffsetMap};

use super::level::Level;
use super::position::Position;

const INDEX_BITS: u32 = 28;

/// A new record of a page: where the source is behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Records of the page that are done.
    pub(super) skip: u64,
    /// Which of the page's levels is the highest, and how many records had it by then.
    pub(super) level: usize,
    pub(super) seen: usize,
}

/// The offsets of a page's new records.
#[derive(Debug)]
pub(super) struct PageBook {
    /// Where the source was before the page.
    pub(super) before: Position,
    /// Where it is behind the page.
    pub(super) after: Position,
    /// The highest offsets, one after the other.
    pub(super) levels: Vec<Level>,
    pub(super) steps: Vec<Step>,
}

impl PageBook {
    fn position(&self, index: usize) -> Position {
        // Behind the last new record there is nothing but what was given before.
        if index + 1 >= self.steps.len() {
            return self.after.clone();
        }
        let step = self.steps[index];
        let highest = self.levels.get(step.level);
        Position {
            highest: highest.map_or_else(Level::default, |level| level.up_to(step.seen)),
            skip: step.skip,
            validators: None,
            ..self.before.clone()
        }
    }
}

/// Pages whose records are on their way.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pages: VecDeque<Entry>,
    next: i64,
}

#[derive(Debug)]
struct Entry {
    number: i64,
    page: PageBook,
    /// Records that are not acknowledged.
    open: usize,
}

impl Book {
    /// Takes a page and returns the mark of its first record; the others follow one by one.
    pub(super) fn add(&self, page: PageBook) -> i64 {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        let open = page.steps.len();
        inner.pages.push_back(Entry { number, page, open });
        number << INDEX_BITS
    }

    /// The offset behind the record with this mark.
    pub(super) fn offset(&self, mark: i64) -> OffsetMap {
        let inner = self.lock();
        let (number, index) = (mark >> INDEX_BITS, mark & ((1 << INDEX_BITS) - 1));
        let entry = inner.pages.iter().find(|entry| entry.number == number);
        entry.map_or_else(OffsetMap::new, |entry| {
            let index = usize::try_from(index).unwrap_or(usize::MAX - 1);
            entry.page.position(index).to_map()
        })
    }

    fn acknowledged(&self, number: i64, records: usize) {
        let mut inner = self.lock();
        let mut pages = inner.pages.iter_mut();
        if let Some(entry) = pages.find(|entry| entry.number == number) {
            entry.open = entry.open.saturating_sub(records);
        }
        let is_done = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.open == 0);
        while is_done(inner.pages.front()) && is_done(inner.pages.get(1)) {
            inner.pages.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the book which of a batch's records are acknowledged. All of them are of one page.
#[derive(Debug)]
pub(super) struct Acks {
    pub(super) book: Arc<Book>,
    /// The mark of any of the records.
    pub(super) mark: i64,
}

impl BatchAcks for Acks {
    fn acknowledged(&self, rows: Range<usize>, _stored: bool) {
        self.book.acknowledged(self.mark >> INDEX_BITS, rows.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str, records: usize) -> PageBook {
        let at = |page: &str| Position {
            page: Some(page.to_owned()),
            ..Position::default()
        };
        PageBook {
            before: at(name),
            after: at(&format!("behind {name}")),
            levels: vec![Level::default()],
            steps: (1..=records as u64)
                .map(|skip| Step {
                    skip,
                    level: 0,
                    seen: 0,
                })
                .collect(),
        }
    }

    #[test]
    fn pages_are_kept_as_long_as_they_are_needed() {
        let book = Book::default();
        let (first, second) = (book.add(page("a", 2)), book.add(page("b", 1)));
        assert_eq!(book.offset(first)["page"], "a");
        assert_eq!(book.offset(first)["skip"], 1);
        assert_eq!(book.offset(first + 1)["page"], "behind a");
        book.acknowledged(second >> INDEX_BITS, 1);
        book.acknowledged(first >> INDEX_BITS, 1);
        assert_eq!(book.offset(first)["page"], "a");
        book.acknowledged(first >> INDEX_BITS, 1);
        assert_eq!(book.lock().pages.len(), 1);
        assert_eq!(book.offset(second)["page"], "behind b");
    }
}
