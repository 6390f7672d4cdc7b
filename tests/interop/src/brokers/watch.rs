//! Asks the workers all the while: each must answer what it is asked, none may show a failed task, and a change is taken
//! or refused with a reason.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{anyhow, ensure};
use millrace_system::{
    group::{Placement, placement},
    rest::{Answer, Rest},
};

use super::group::{CHANGED, changed};

/// How long an answer may take that needs no broker, on a machine where Java starts again and again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The pauses between two questions, and between two changes.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const CHANGE_EVERY: Duration = Duration::from_millis(500);

/// Threads that ask, until they are stopped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    looks: Vec<JoinHandle<Looks>>,
    changes: JoinHandle<Changes>,
}

/// What a worker answered.
#[derive(Debug, Default)]
struct Looks {
    count: u64,
    slowest: Duration,
    amiss: Option<String>,
}

/// What became of the changes.
#[derive(Debug, Default)]
struct Changes {
    taken: u64,
    refused: u64,
    /// A reason that was given for a refusal.
    said: String,
    amiss: Option<String>,
}

impl Watch {
    /// Begins to ask the workers at these addresses.
    pub(super) fn start(workers: &[String]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let each = workers.iter().map(|address| {
            let (rest, stop) = (Rest::new(address), Arc::clone(&stop));
            thread::spawn(move || look(&rest, &stop))
        });
        let looks = each.collect();
        let all: Vec<Rest> = workers.iter().map(|address| Rest::new(address)).collect();
        let stopped = Arc::clone(&stop);
        Self {
            stop,
            looks,
            changes: thread::spawn(move || change(&all, &stopped)),
        }
    }

    /// Ends it; what there was, in one line.
    pub(super) fn end(self) -> anyhow::Result<String> {
        self.stop.store(true, Ordering::Release);
        let mut all = Looks::default();
        for look in self.looks {
            let looks = look
                .join()
                .map_err(|_| anyhow!("a worker did not answer, see above"))?;
            ensure!(looks.amiss.is_none(), "{:?}", looks.amiss);
            all.count += looks.count;
            all.slowest = all.slowest.max(looks.slowest);
        }
        ensure!(
            all.slowest < ANSWER_WITHIN,
            "an answer took {:?}",
            all.slowest
        );
        let changes = self
            .changes
            .join()
            .map_err(|_| anyhow!("a change was not answered, see above"))?;
        ensure!(changes.amiss.is_none(), "{:?}", changes.amiss);
        ensure!(changes.taken > 0, "no change was taken: {changes:?}");
        Ok(format!(
            "{} questions were answered, each within {} ms; {} changes were taken and {} refused{}",
            all.count,
            all.slowest.as_millis(),
            changes.taken,
            changes.refused,
            changes.said
        ))
    }
}

/// Asks a worker for all statuses.
fn look(rest: &Rest, stop: &AtomicBool) -> Looks {
    let mut looks = Looks::default();
    while !stop.load(Ordering::Acquire) && looks.amiss.is_none() {
        let started = Instant::now();
        let shown = placement(rest);
        looks.slowest = looks.slowest.max(started.elapsed());
        looks.count += 1;
        looks.amiss = amiss(&shown);
        thread::park_timeout(LOOK_EVERY);
    }
    looks
}

/// What no worker may ever show.
fn amiss(shown: &Placement) -> Option<String> {
    if shown.is_empty() {
        return Some("a worker shows no connectors".to_owned());
    }
    let mut failed = shown.iter().filter(|(_, (_, state))| state == "FAILED");
    failed.next().map(|item| format!("{item:?}"))
}

/// Changes a connector again and again, at one worker after the other.
fn change(workers: &[Rest], stop: &AtomicBool) -> Changes {
    let mut changes = Changes::default();
    let path = format!("/connectors/{CHANGED}/config");
    for (revision, rest) in (1..).zip(workers.iter().cycle()) {
        if stop.load(Ordering::Acquire) || changes.amiss.is_some() {
            break;
        }
        let answer = rest.put(&path, &changed(revision));
        match answer.status {
            200 => changes.taken += 1,
            _ => match reason(&answer) {
                Some(reason) => {
                    changes.refused += 1;
                    changes.said = format!(", as in {}: {reason:?}", answer.status);
                }
                None => {
                    changes.amiss =
                        Some(format!("a change is refused without a reason: {answer:?}"))
                }
            },
        }
        thread::park_timeout(CHANGE_EVERY);
    }
    changes
}

/// Why a change was refused that is good and may be taken later.
fn reason(answer: &Answer) -> Option<&str> {
    let says_why = matches!(answer.status, 409 | 500 | 503 | 504);
    let code_fits = answer.body["error_code"] == answer.status;
    let message = answer.body["message"].as_str()?;
    (says_why && code_fits && !message.is_empty()).then_some(message)
}
