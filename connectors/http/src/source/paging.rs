//! Which page comes next, and where the next sweep begins.

use super::config::{AtEnd, Pagination, SourceConfig};
use super::position::Position;

/// How pages follow each other.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    pub(super) kind: Pagination,
    pub(super) at_end: AtEnd,
    pub(super) start: i64,
    size: u64,
}

/// What is known of a page that was read.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// Records in it.
    pub(super) count: u64,
    /// Records in it that were new.
    pub(super) new: u64,
    /// The next page's URL or cursor, if it named one.
    pub(super) next: Option<&'a str>,
}

impl Paging {
    pub(super) fn new(config: &SourceConfig) -> Self {
        let usual = match config.pagination {
            Pagination::Page => 1,
            _ => 0,
        };
        Self {
            kind: config.pagination,
            at_end: config.at_end,
            start: config.pagination_start.unwrap_or(usual),
            size: config.pagination_size.unsigned_abs(),
        }
    }

    /// The number of the page at `position`, or of records before it.
    pub(super) fn number(&self, position: &Position) -> i64 {
        let page = position.page.as_deref();
        page.and_then(|page| page.parse().ok())
            .unwrap_or(self.start)
    }

    /// Moves `position` behind its page; true if that was the last one of the sweep.
    pub(super) fn advance(&self, position: &mut Position, read: &Read<'_>) -> bool {
        position.validators = None;
        let number = self.number(position);
        let is_short = read.count == 0 || read.count < self.size;
        let next = match self.kind {
            Pagination::None => None,
            Pagination::LinkHeader | Pagination::NextLink | Pagination::Cursor => {
                let next = read.next.filter(|next| !next.is_empty());
                // A page that names itself would be asked for without an end.
                next.filter(|next| position.page.as_deref() != Some(*next))
                    .map(str::to_owned)
            }
            Pagination::Page => (!is_short).then(|| number.saturating_add(1).to_string()),
            Pagination::Offset => {
                (!is_short).then(|| number.saturating_add_unsigned(read.count).to_string())
            }
            Pagination::Chaining => {
                position.since = position.highest.clone();
                position.skip = 0;
                return read.new == 0;
            }
        };
        match next {
            // A cursor that comes with nothing is where to go on later.
            Some(cursor) if self.kind == Pagination::Cursor && read.count == 0 => {
                match self.at_end {
                    AtEnd::Continue => move_to(position, Some(cursor), 0),
                    AtEnd::Restart => self.end(position, number, read.count),
                }
                true
            }
            Some(next) => {
                move_to(position, Some(next), 0);
                false
            }
            None => {
                self.end(position, number, read.count);
                true
            }
        }
    }

    fn end(&self, position: &mut Position, number: i64, count: u64) {
        position.since = position.highest.clone();
        match (self.at_end, self.kind) {
            (AtEnd::Restart, _) => move_to(position, None, 0),
            (AtEnd::Continue, Pagination::Offset) => {
                let behind = number.saturating_add_unsigned(count);
                move_to(position, Some(behind.to_string()), 0);
            }
            (AtEnd::Continue, _) => position.skip = count,
        }
    }
}

fn move_to(position: &mut Position, page: Option<String>, skip: u64) {
    position.page = page;
    position.skip = skip;
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;

    use super::*;

    fn paging(pairs: &[(&str, &str)]) -> Paging {
        let properties = properties([("url", "http://x/"), ("topic", "t")].iter().chain(pairs));
        Paging::new(&SourceConfig::parse(&properties).unwrap())
    }

    /// Pages as (count, next), and where the source is after each: page, skip, whether the sweep has ended.
    fn walk(
        pairs: &[(&str, &str)],
        pages: &[(u64, Option<&str>)],
    ) -> Vec<(Option<String>, u64, bool)> {
        let paging = paging(pairs);
        let mut position = Position::default();
        let mut step = |(count, next): &(u64, Option<&str>)| {
            let read = Read {
                count: *count,
                new: *count,
                next: *next,
            };
            let ended = paging.advance(&mut position, &read);
            (position.page.clone(), position.skip, ended)
        };
        pages.iter().map(&mut step).collect()
    }

    fn at(page: &str, skip: u64, ended: bool) -> (Option<String>, u64, bool) {
        (Some(page.to_owned()), skip, ended)
    }

    #[test]
    fn sweeps_that_begin_again() {
        let first = (None, 0, true);
        assert_eq!(walk(&[], &[(3, None)]), std::slice::from_ref(&first));
        assert_eq!(
            walk(
                &[("pagination", "cursor")],
                &[(2, Some("a")), (2, Some("a")), (1, Some(""))]
            ),
            [at("a", 0, false), first.clone(), first.clone()]
        );
        assert_eq!(
            walk(
                &[("pagination", "page")],
                &[(2, None), (2, None), (0, None)]
            ),
            [at("2", 0, false), at("3", 0, false), first.clone()]
        );
        assert_eq!(
            walk(
                &[
                    ("pagination", "page"),
                    ("pagination.start", "0"),
                    ("pagination.size", "2")
                ],
                &[(2, None), (1, None)]
            ),
            [at("1", 0, false), first.clone()]
        );
        assert_eq!(
            walk(
                &[("pagination", "offset")],
                &[(2, None), (3, None), (0, None)]
            ),
            [at("2", 0, false), at("5", 0, false), first]
        );
    }

    #[test]
    fn lists_that_only_grow() {
        let go_on = ("pagination.end", "continue");
        assert_eq!(
            walk(
                &[go_on, ("pagination", "next-link")],
                &[(2, Some("b")), (1, None), (4, Some("c"))]
            ),
            [at("b", 0, false), at("b", 1, true), at("c", 0, false)]
        );
        assert_eq!(
            walk(
                &[go_on, ("pagination", "cursor")],
                &[(2, Some("b")), (0, Some("c")), (0, None)]
            ),
            [at("b", 0, false), at("c", 0, true), at("c", 0, true)]
        );
        assert_eq!(
            walk(
                &[go_on, ("pagination", "offset"), ("pagination.size", "3")],
                &[(3, None), (2, None)]
            ),
            [at("3", 0, false), at("5", 0, true)]
        );
        assert_eq!(
            walk(
                &[go_on, ("pagination", "page"), ("pagination.size", "3")],
                &[(3, None), (2, None)]
            ),
            [at("2", 0, false), at("2", 2, true)]
        );
    }
}
