//! From a sink's batch and back.

use std::sync::Arc;

use super::{Origin, Records, Run};
use crate::{Column, SinkBatch, SinkRun};

impl From<SinkBatch> for Records {
    fn from(batch: SinkBatch) -> Self {
        let SinkBatch {
            blocks,
            rows,
            runs,
            header_converter,
        } = batch;
        let run = |run: SinkRun| Run {
            end: run.end,
            partition: Some(run.partition),
            key: run.key,
            value: run.value,
            headers: run.headers,
            origin: Origin::Sink {
                topic: run.original_topic.unwrap_or_else(|| Arc::clone(&run.topic)),
                partition: run.partition,
                log_append_time: run.log_append_time,
            },
            topic: run.topic,
        };
        Self {
            blocks,
            rows: Arc::unwrap_or_clone(rows),
            runs: Arc::unwrap_or_clone(runs).into_iter().map(run).collect(),
            header_converter,
            ..Self::default()
        }
    }
}

impl Records {
    /// The sink's batch, without the records that were left out. Records of a source are none.
    pub fn into_sink(mut self) -> SinkBatch {
        if !self.left_out.is_empty() {
            self.remove_left_out();
        }
        let run = |run: Run| match run.origin {
            Origin::Source(_) => None,
            Origin::Sink {
                topic,
                partition,
                log_append_time,
            } => Some(SinkRun {
                end: run.end,
                original_topic: (topic != run.topic).then_some(topic),
                topic: run.topic,
                partition: run.partition.unwrap_or(partition),
                log_append_time,
                key: run.key,
                value: run.value,
                headers: run.headers,
            }),
        };
        SinkBatch {
            blocks: self.blocks,
            rows: Arc::new(self.rows),
            runs: Arc::new(self.runs.into_iter().filter_map(run).collect()),
            header_converter: self.header_converter,
        }
    }

    fn remove_left_out(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        let (mut start, mut end) = (0, 0);
        for run in &mut self.runs {
            let gone = &left_out[start..run.end];
            start = run.end;
            end += gone.iter().filter(|gone| !**gone).count();
            run.end = end;
            for column in [&mut run.key, &mut run.value] {
                if let Column::Owned(values) = column {
                    keep(values, gone);
                }
            }
            if let Some(headers) = &mut run.headers {
                keep(headers, gone);
            }
        }
        keep(&mut self.rows, &left_out);
        let mut before = 0;
        self.runs.retain(|run| {
            let is_empty = run.end == before;
            before = run.end;
            !is_empty
        });
    }
}

/// Removes what is gone.
fn keep<T>(items: &mut Vec<T>, gone: &[bool]) {
    let mut gone = gone.iter();
    items.retain(|_| !gone.next().copied().unwrap_or(false));
}
