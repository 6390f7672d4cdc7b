//! Whether each line came, and when: in order within each file, whatever was rotated meanwhile; again only where a killed
//! worker's offsets had not been committed; and none left out but what was written between a copy and its cut.
//!
//! A broker that is restarted remembers the last batch of each producer only, as Kafka's does. An earlier one that it had
//! stored without the producer hearing of it is stored again, or several.

use std::collections::{HashMap, HashSet};

use super::files::Writer;

/// How a life of the worker ended.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// It was stopped, and has committed whatever was acknowledged.
    pub(super) clean: bool,
    /// By file, the first line that its committed offsets leave out.
    pub(super) committed: HashMap<u64, u64>,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    files: HashMap<u64, Came>,
    endings: Vec<Ending>,
    /// Lives during which the broker was restarted.
    restarted: HashSet<usize>,
    /// Lines that came again in a life in which they had come.
    pub(super) resent: u64,
    /// Lines that came again.
    pub(super) repeated: u64,
    /// Lines that were written between a copy and its cut, and did not come.
    pub(super) lost: u64,
}

/// The lines of one file.
#[derive(Debug, Default)]
struct Came {
    /// The life of the worker that brought the last one.
    life: usize,
    /// The first line that it brought.
    first: u64,
    /// The line to follow in this life.
    next: u64,
    /// Above all that have come.
    high: u64,
}

impl Order {
    /// The life that has just ended; the first one is 0.
    pub(super) fn ended(&mut self, mut ending: Ending) {
        if let Some(before) = self.endings.last() {
            for (file, line) in &before.committed {
                let known = ending.committed.entry(*file).or_default();
                *known = (*known).max(*line);
            }
        }
        self.endings.push(ending);
    }

    /// The broker was restarted during a life.
    pub(super) fn broker_restarted(&mut self, life: usize) {
        self.restarted.insert(life);
    }

    /// A line came, brought by a life of the worker.
    pub(super) fn take(&mut self, life: usize, file: u64, line: u64, writers: &[Writer]) {
        let came = self.files.entry(file).or_default();
        let fail = |what: &str| -> ! {
            panic!(
                "line {line} of file {file} {what}{}",
                history(writers, file)
            )
        };
        if life != came.life {
            let between = self.endings.get(came.life..life);
            let Some(between) = between else {
                fail(&format!("came with life {life} after life {}", came.life))
            };
            let committed = between
                .last()
                .and_then(|ending| ending.committed.get(&file));
            let committed = committed.copied().unwrap_or(0);
            // A life that brought nothing of the file, and was stopped, has committed nothing of it.
            let floor = match between.first() {
                Some(Ending { clean: true, .. }) => came.next.max(committed),
                _ => committed,
            };
            if line < floor {
                fail(&format!(
                    "came again, though the offsets committed before lead to line {floor}: "
                ));
            }
            came.life = life;
            came.first = line.min(came.high);
            came.next = came.first;
        }
        if (came.first..came.next).contains(&line) && self.restarted.contains(&life) {
            self.resent += 1;
            return;
        }
        if line != came.next {
            let left_out = came.next..line;
            if left_out.is_empty() || !left_out.clone().all(|line| exposed(writers, file, line)) {
                fail(&format!(
                    "came where line {} should, in life {life}: ",
                    came.next
                ));
            }
            self.lost += left_out.filter(|line| *line >= came.high).count() as u64;
        }
        self.repeated += u64::from(line < came.high);
        came.next = line + 1;
        came.high = came.high.max(came.next);
    }

    /// Lines that did not come, once none is missing that was not written between a copy and its cut.
    pub(super) fn left_out(&self, writers: &[Writer]) -> u64 {
        let written = writers.iter().flat_map(Writer::written);
        let after_last = written.map(|(file, written)| {
            let high = self.files.get(&file).map_or(0, |came| came.high);
            written - high
        });
        self.lost + after_last.sum::<u64>()
    }

    /// The first line that is missing, with its file: one that was not written between a copy and its cut.
    pub(super) fn missing(&self, writers: &[Writer]) -> Option<(u64, u64)> {
        let written = writers.iter().flat_map(Writer::written);
        written.into_iter().find_map(|(file, written)| {
            let high = self.files.get(&file).map_or(0, |came| came.high);
            let mut rest = high..written;
            rest.find(|line| !exposed(writers, file, *line))
                .map(|line| (file, line))
        })
    }
}

fn exposed(writers: &[Writer], file: u64, line: u64) -> bool {
    writers.iter().any(|writer| writer.is_exposed(file, line))
}

pub(super) fn history(writers: &[Writer], file: u64) -> String {
    writers
        .iter()
        .find_map(|writer| writer.history(file))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Ending, Order};

    fn order(lives: &[&[u64]], clean: bool, committed: u64) -> Order {
        let mut order = Order::default();
        for (life, lines) in lives.iter().enumerate() {
            for line in *lines {
                order.take(life, 7, *line, &[]);
            }
            let committed = [(7, committed)].into();
            order.ended(Ending { clean, committed });
        }
        order
    }

    #[test]
    fn lines_may_come_again_after_a_kill_from_what_was_committed_on() {
        assert_eq!(
            order(&[&[0, 1, 2], &[1, 2, 3], &[3, 4]], false, 1).repeated,
            3
        );
        assert_eq!(order(&[&[0, 1, 2], &[3]], true, 0).repeated, 0);
    }

    #[test]
    fn a_stop_covers_what_was_brought_before_it() {
        let mut order = Order::default();
        for (lines, clean) in [
            (&[0, 1, 2][..], false),
            (&[], true),
            (&[0, 1], true),
            (&[2, 3], false),
        ] {
            let life = order.endings.len();
            for line in lines {
                order.take(life, 7, *line, &[]);
            }
            let committed = HashMap::new();
            order.ended(Ending { clean, committed });
        }
        assert_eq!(order.repeated, 3);
    }

    #[test]
    fn lines_may_come_again_where_the_broker_was_restarted() {
        let mut order = Order::default();
        order.broker_restarted(0);
        for line in [0, 1, 2, 3, 1, 2, 4] {
            order.take(0, 7, line, &[]);
        }
        assert_eq!((order.resent, order.repeated), (2, 0));
    }

    #[test]
    #[should_panic(expected = "came where line 3 should")]
    fn lines_do_not_come_again_in_one_life_where_the_broker_was_not_restarted() {
        order(&[&[0, 1, 2, 1]], false, 0);
    }

    #[test]
    #[should_panic(expected = "came where line 1 should")]
    fn a_line_that_comes_early_is_told() {
        order(&[&[0, 2, 1]], false, 0);
    }

    #[test]
    #[should_panic(expected = "came where line 2 should")]
    fn a_line_that_is_left_out_after_a_kill_is_told() {
        order(&[&[0, 1], &[3]], false, 0);
    }

    #[test]
    #[should_panic(expected = "came again")]
    fn a_line_that_was_committed_and_comes_again_is_told() {
        order(&[&[0, 1], &[0]], false, 1);
    }

    #[test]
    #[should_panic(expected = "came again")]
    fn a_line_that_comes_again_after_a_stop_is_told() {
        order(&[&[0, 1], &[1]], true, 0);
    }
}
