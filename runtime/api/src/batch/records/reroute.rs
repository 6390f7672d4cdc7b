//! Changing topics, and leaving records out.

use std::sync::Arc;

use super::{Records, Run, split_column};
use crate::{ConnectError, RecordView};

impl Records {
    /// Gives every record that the step works on the topic that `route` makes of its old one; none leaves it. `route`
    /// is called once a run, not once a record.
    pub fn reroute_topics(&mut self, mut route: impl FnMut(&str) -> Option<Arc<str>>) {
        let routes: Vec<Option<Arc<str>>> = self.runs.iter().map(|run| route(&run.topic)).collect();
        if routes.iter().all(Option::is_none) {
            return;
        }
        if self.chosen.is_empty() {
            for (run, topic) in self.runs.iter_mut().zip(routes) {
                run.topic = topic.unwrap_or_else(|| Arc::clone(&run.topic));
            }
            return;
        }
        let mut topics = Vec::with_capacity(self.rows.len());
        for ((start, run), topic) in self.spans().zip(&routes) {
            let of_row = |row| topic.clone().filter(|_| self.is_chosen(row));
            topics.extend((start..run.end).map(of_row));
        }
        self.set_topics(topics);
    }

    /// Gives every record that the step works on the topic that `route` finds for it; none leaves it. A record for
    /// which it fails is left out and reported.
    pub fn reroute(
        &mut self,
        mut route: impl FnMut(RecordView<'_>) -> Result<Option<Arc<str>>, ConnectError>,
    ) {
        let mut topics = Vec::with_capacity(self.rows.len());
        let mut failed = Vec::new();
        for (start, run) in self.spans() {
            for row in start..run.end {
                let topic = match self.is_chosen(row) {
                    true => route(RecordView::new(self, run, start, row)),
                    false => Ok(None),
                };
                topics.push(topic.unwrap_or_else(|error| {
                    failed.push((row, error));
                    None
                }));
            }
        }
        for (row, error) in failed {
            self.fail(row, error);
        }
        self.set_topics(topics);
    }

    /// Leaves out every record that the step works on.
    pub fn leave_out_chosen(&mut self) {
        self.left_out = (0..self.rows.len())
            .map(|row| !self.is_live(row) || self.is_chosen(row))
            .collect();
    }

    /// Leaves out the records that the step works on and `is_unwanted` is true for.
    pub fn leave_out_where(
        &mut self,
        mut is_unwanted: impl FnMut(RecordView<'_>) -> Result<bool, ConnectError>,
    ) {
        let mut outcomes = Vec::new();
        for view in self.views().filter(|view| self.is_chosen(view.row())) {
            match is_unwanted(view) {
                Ok(false) => {}
                outcome => outcomes.push((view.row(), outcome)),
            }
        }
        for (row, outcome) in outcomes {
            match outcome {
                Ok(_) => self.leave_out(row),
                Err(error) => self.fail(row, error),
            }
        }
    }

    /// Sets the topic of each row, none for the old one; runs are cut where neighbours differ.
    fn set_topics(&mut self, topics: Vec<Option<Arc<str>>>) {
        if topics.iter().all(Option::is_none) {
            return;
        }
        let mut topics = topics.into_iter().peekable();
        let mut start = 0;
        for run in std::mem::take(&mut self.runs) {
            self.cut(run, start, &mut topics);
            start = self.runs.last().map_or(0, |run| run.end);
        }
    }

    fn cut(
        &mut self,
        mut run: Run,
        mut start: usize,
        topics: &mut std::iter::Peekable<impl Iterator<Item = Option<Arc<str>>>>,
    ) {
        let old = Arc::clone(&run.topic);
        while start < run.end {
            let topic = topics.next().flatten();
            let mut end = start + 1;
            while end < run.end && topics.next_if(|next| *next == topic).is_some() {
                end += 1;
            }
            let headers = run.headers.as_mut().map(|all| {
                let rest = all.split_off((end - start).min(all.len()));
                std::mem::replace(all, rest)
            });
            self.runs.push(Run {
                end,
                topic: topic.unwrap_or_else(|| Arc::clone(&old)),
                partition: run.partition,
                key: split_column(&mut run.key, end - start),
                value: split_column(&mut run.value, end - start),
                headers,
                origin: run.origin.clone(),
            });
            start = end;
        }
    }
}
