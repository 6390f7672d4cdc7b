//! From a source's batch and back.

use std::sync::Arc;

use super::multiply::MultipliedAcks;
use super::{Origin, Records, Run};
use crate::batch::source::mark_from;
use crate::{BatchAcks, SourceBatch, SourceRun};

impl From<SourceBatch> for Records {
    fn from(batch: SourceBatch) -> Self {
        let SourceBatch {
            blocks,
            rows,
            runs,
            acks,
        } = batch;
        let run = |run: SourceRun| Run {
            end: run.end,
            topic: run.topic,
            partition: run.partition,
            key: run.key,
            value: run.value,
            headers: run.headers,
            origin: Origin::Source(run.source),
        };
        Self {
            blocks,
            rows,
            runs: runs.into_iter().map(run).collect(),
            acks,
            ..Self::default()
        }
    }
}

impl Records {
    /// The source's batch and the rows of it that are left out, ascending. Records of a sink have none.
    pub fn into_source(self) -> (SourceBatch, Vec<usize>) {
        let left_out = self.left_out.iter().enumerate();
        let left_out = left_out.filter_map(|(row, left_out)| left_out.then_some(row));
        let left_out = left_out.collect();
        let parents = self.parents;
        let acks = match self.acks {
            Some(acks) if !parents.is_empty() => {
                Some(Arc::new(MultipliedAcks::new(acks, parents)) as Arc<dyn BatchAcks>)
            }
            acks => acks,
        };
        let run = |run: Run| match run.origin {
            Origin::Sink { .. } => None,
            Origin::Source(source) => Some(SourceRun {
                end: run.end,
                topic: run.topic,
                partition: run.partition,
                source,
                key: run.key,
                value: run.value,
                headers: run.headers,
            }),
        };
        let batch = SourceBatch {
            blocks: self.blocks,
            rows: self.rows,
            runs: self.runs.into_iter().filter_map(run).collect(),
            acks,
        };
        (batch, left_out)
    }

    /// The mark of a row, or of the next row that has one.
    pub(super) fn mark_from(&self, row: usize) -> i64 {
        mark_from(&self.rows, row)
    }
}
