//! Makes requests of the records of a queue, also while the request before is on its way.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{ConnectError, SinkRow};

use super::body::Body;
use super::compress::compress;
use super::config::OnNull;
use super::presets::Framing;
use super::queue::Queue;
use super::rows::{Held, Piece, Pieces, Record, Rows, place};
use super::shared::Shared;
use super::target::{Target, Targets};
use super::view::View;

/// So many records are made into a body without giving the thread back.
const STRIDE: usize = 512;

/// What a request sends.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) records: Pieces,
    pub(crate) target: Arc<Target>,
    /// The body, compressed if it is to be; none for a request without one.
    pub(crate) body: Option<Bytes>,
}

/// The body of a request with records that were in one before; none if it is to have none.
///
/// # Errors
/// When the body cannot be made, which was possible before.
pub(crate) fn body_again(records: &Pieces, shared: &Shared) -> Result<Option<Bytes>, ConnectError> {
    let plan = &shared.plan;
    let mut body = Body::default();
    for (held, row) in records.iter() {
        let Some(view) = held.row(row).map(View::new) else {
            continue;
        };
        if view.is_null() && !plan.deletes_in_body {
            return Ok(None);
        }
        let render = |out: &mut Vec<u8>| plan.renderer.render(&view, out);
        body.add(&plan.framing, usize::MAX, render)?;
    }
    let body = body.finish(&plan.framing);
    compress(body, plan.compression)
        .map(Some)
        .map_err(cannot_compress)
}

fn cannot_compress(error: std::io::Error) -> ConnectError {
    ConnectError::connect("cannot compress a request's body").caused_by(error)
}

/// A request that may take further records.
#[derive(Debug)]
struct Draft {
    records: Pieces,
    target: Arc<Target>,
    body: Option<Body>,
}

/// Makes requests of the records of a queue.
#[derive(Debug)]
pub(crate) struct Preparer {
    shared: Arc<Shared>,
    targets: Targets,
    queue: Arc<Queue>,
    /// What was taken from the queue and is in no request yet.
    taken: Option<Piece>,
    draft: Option<Draft>,
    /// A request that takes no further records.
    ready: Option<Parcel>,
    /// Bytes of the last body.
    size: usize,
}

impl Preparer {
    pub(crate) fn new(shared: Arc<Shared>, targets: Targets, queue: Arc<Queue>) -> Self {
        Self {
            shared,
            targets,
            queue,
            taken: None,
            draft: None,
            ready: None,
            size: 0,
        }
    }

    /// The next request. Waits for records.
    pub(crate) async fn next(&mut self) -> Parcel {
        loop {
            if let Some(parcel) = self.queue.pick_up() {
                return parcel;
            }
            self.fill().await;
            if self.ready.is_none() {
                self.close();
            }
            if self.queue.is_shared() {
                self.give_back();
            }
            match self.ready.take() {
                Some(ready) => return ready,
                None => self.queue.filled().await,
            }
        }
    }

    /// Prepares of the next request what there is of it by now. Where lanes share a queue, whatever one of them keeps would
    /// have to wait for its request that is on its way, while another one may have nothing to do: a whole request is left to any lane, and
    /// what makes none goes back.
    pub(crate) async fn ahead(&mut self) {
        if !self.queue.is_shared() {
            self.fill().await;
        } else if self.queue.begin() {
            self.fill().await;
            self.give_back();
            self.queue.lay_out(self.ready.take());
        }
    }

    /// Adds records to the request that is being made, until it is ready or there are none.
    async fn fill(&mut self) {
        while self.ready.is_none() {
            let Some(mut piece) = self.take() else { return };
            let used = self.add_all(&piece);
            if used < piece.rows.len() {
                self.taken = Some(piece.split_off(used));
            }
            if used == STRIDE {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns to the queue what is in no request that is ready.
    fn give_back(&mut self) {
        let drafted = self.draft.take().map(|draft| draft.records.into_pieces());
        let drafted = drafted.unwrap_or_default().into_iter();
        let mut left: Vec<Piece> = drafted.collect();
        left.extend(self.taken.take());
        if !left.is_empty() {
            self.queue.give_back(left.into_iter());
        }
    }

    fn take(&mut self) -> Option<Piece> {
        let drafted = self.draft.as_ref().map_or(0, |draft| draft.records.len());
        let room = self.shared.plan.batch_max.saturating_sub(drafted).max(1);
        self.taken.take().or_else(|| self.queue.take(room))
    }

    /// Adds records until the request is full, and says how many of them were seen to.
    fn add_all(&mut self, piece: &Piece) -> usize {
        let batch_max = self.shared.plan.batch_max;
        let count = piece.rows.len().min(STRIDE);
        let mut used = 0;
        while let Some(row) = piece.rows.get(used).filter(|_| used < count) {
            if !self.add(&piece.held, row) {
                self.close();
                break;
            }
            used += 1;
            used += self.add_verbatim(piece, used..count);
            let full = |draft: &Draft| draft.records.len() >= batch_max;
            if self.draft.as_ref().is_some_and(full) {
                self.close();
                break;
            }
        }
        used
    }

    /// Adds the records at `indexes` of `piece` to the request that is being made, as far as their values are all that matters of them;
    /// says how many.
    fn add_verbatim(&mut self, piece: &Piece, indexes: Range<usize>) -> usize {
        let plan = &self.shared.plan;
        let Framing::Text { separator, .. } = &plan.framing else {
            return 0;
        };
        let alike = plan.renderer.is_verbatim() && self.targets.is_constant();
        let (Some(draft), Rows::Range(rows)) = (self.draft.as_mut().filter(|_| alike), &piece.rows)
        else {
            return 0;
        };
        let of_this = draft.records.ends_with(&piece.held);
        let Some(body) = draft.body.as_mut().filter(|_| of_this) else {
            return 0;
        };
        let room = plan.batch_max.saturating_sub(draft.records.len());
        let start = rows.start + indexes.start as u32;
        let end = start + indexes.len().min(room) as u32;
        let values = piece.held.values(start..end);
        let added = body.add_values(separator, plan.batch_max_bytes, values);
        draft.records.extend_last(start..start + added as u32);
        added
    }

    /// Sees to a record; false if it cannot share the request that is being made.
    fn add(&mut self, held: &Arc<Held>, row: u32) -> bool {
        let Some(view) = held.row(row).map(View::new) else {
            return true;
        };
        match self.draft(held, row, &view) {
            Ok(added) => added,
            Err(error) => {
                let held = Arc::clone(held);
                self.shared.failed(Record { held, row }, error);
                true
            }
        }
    }

    fn draft(&mut self, held: &Arc<Held>, row: u32, view: &View<'_>) -> Result<bool, ConnectError> {
        let plan = &self.shared.plan;
        let null = view.is_null();
        if null && plan.on_null != OnNull::Delete {
            self.without_value(&view.row)?;
            let held = Arc::clone(held);
            self.shared.done(&Record { held, row });
            return Ok(true);
        }
        let has_body = !null || plan.deletes_in_body;
        let target = self.targets.of(view, !has_body)?;
        if let Some(draft) = self
            .draft
            .as_mut()
            .filter(|draft| !draft.records.is_empty())
        {
            let Some(body) = draft.body.as_mut().filter(|_| has_body) else {
                return Ok(false);
            };
            if !draft.target.is(target) {
                return Ok(false);
            }
            let render = |out: &mut Vec<u8>| plan.renderer.render(view, out);
            let added = body.add(&plan.framing, plan.batch_max_bytes, render)?;
            if added {
                draft.records.push(held, row);
            }
            return Ok(added);
        }
        let mut body = has_body.then(|| Body::with_capacity(self.size));
        if let Some(body) = &mut body {
            let render = |out: &mut Vec<u8>| plan.renderer.render(view, out);
            body.add(&plan.framing, plan.batch_max_bytes, render)?;
        }
        let mut records = Pieces::default();
        records.push(held, row);
        self.draft = Some(Draft {
            records,
            target: Arc::clone(target),
            body,
        });
        Ok(true)
    }

    fn without_value(&self, row: &SinkRow<'_>) -> Result<(), ConnectError> {
        match self.shared.plan.on_null {
            OnNull::Ignore | OnNull::Delete => {}
            OnNull::Log => {
                let id = self.shared.context().id();
                log::warn!("{id} leaves out {}, which has no value", place(*row));
            }
            OnNull::Fail => {
                return Err(ConnectError::data(format!(
                    "{} has no value, and behavior.on.null.values is fail",
                    place(*row)
                )));
            }
        }
        Ok(())
    }

    /// What was drafted takes no further records.
    fn close(&mut self) {
        let Some(draft) = self.draft.take() else {
            return;
        };
        let plan = &self.shared.plan;
        let body = draft.body.map(|body| body.finish(&plan.framing));
        if let Some(body) = &body {
            self.size = body.len();
        }
        match body
            .map(|body| compress(body, plan.compression))
            .transpose()
        {
            Ok(body) => {
                self.ready = Some(Parcel {
                    records: draft.records,
                    target: draft.target,
                    body,
                });
            }
            Err(error) => {
                let error = cannot_compress(error);
                self.shared
                    .give_up(&draft.records, &draft.target, &error.to_string());
            }
        }
    }
}
