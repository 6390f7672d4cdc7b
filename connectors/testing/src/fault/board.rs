//! The faults of all connectors of a process, and how often each has happened.
//!
//! A connector's faults belong to its name, so that they and their counts outlive restarts of the connector and of its
//! tasks: a fault that has happened often enough is over. Those of the configuration are taken anew when its text
//! changes. Replacing or clearing the faults of a connector ends the calls that hang because of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_api::ConnectError;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::rule::{self, Fault, Place, Rule};

/// Connectors whose faults are remembered; of more, the first by name are forgotten.
const CONNECTORS_MAX: usize = 10_000;

/// A fault and what has become of it.
#[derive(Debug)]
struct Armed {
    rule: Rule,
    calls: u64,
    happened: u64,
}

impl Armed {
    fn new(rule: Rule) -> Self {
        Self {
            rule,
            calls: 0,
            happened: 0,
        }
    }

    /// Counts a call, and says whether the fault happens in it.
    fn happens(&mut self, place: Place, task: Option<u32>) -> bool {
        let concerns =
            self.rule.call == place && (self.rule.task.is_none() || self.rule.task == task);
        if !concerns {
            return false;
        }
        self.calls += 1;
        let is_over = u64::try_from(self.rule.times).is_ok_and(|times| self.happened >= times);
        let happens = self.calls > self.rule.after && !is_over;
        self.happened += u64::from(happens);
        happens
    }
}

/// The faults of one connector.
#[derive(Debug, Default)]
struct Faults {
    armed: Vec<Armed>,
    /// The configuration that they were last taken from.
    configured: Option<String>,
    /// How often they were replaced.
    round: u64,
}

#[derive(Default)]
struct Shared {
    connectors: Mutex<BTreeMap<String, Faults>>,
    /// Wakes tasks that hang.
    tasks: Notify,
    /// Wakes threads that hang.
    threads: Condvar,
}

/// The faults of all connectors of a process; clones share them.
#[derive(Clone, Default)]
pub struct FaultBoard(Arc<Shared>);

impl fmt::Debug for FaultBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultBoard")
    }
}

impl FaultBoard {
    /// The faults of a connector as JSON, with how often each was passed and how often it has happened.
    pub fn show(&self, connector: &str) -> Value {
        let connectors = self.lock();
        let armed = connectors.get(connector).map(|faults| &faults.armed);
        let shown = armed.into_iter().flatten().map(|armed| {
            let mut shown = serde_json::to_value(&armed.rule).unwrap_or_default();
            shown["calls"] = armed.calls.into();
            shown["happened"] = armed.happened.into();
            shown
        });
        json!({"faults": shown.collect::<Vec<_>>()})
    }

    /// Replaces the faults of a connector by those of a JSON array, and ends the calls that hang.
    ///
    /// # Errors
    /// What is wrong with the array.
    pub fn replace(&self, connector: &str, rules: &[u8]) -> Result<(), String> {
        self.arm(connector, rule::parse(rules)?);
        Ok(())
    }

    /// Forgets the faults of a connector, and ends the calls that hang.
    pub fn clear(&self, connector: &str) {
        self.arm(connector, Vec::new());
    }

    /// Takes the faults of a configuration, unless they were taken from the same text before.
    pub(super) fn configure(&self, connector: &str, text: &str) -> Result<(), ConnectError> {
        let is_known = |faults: &Faults| faults.configured.as_deref() == Some(text);
        if self.lock().get(connector).is_some_and(is_known) {
            return Ok(());
        }
        let rules = rule::parse(text.as_bytes())
            .map_err(|error| ConnectError::config(format!("the key 'faults' is {error}")))?;
        self.arm(connector, rules);
        if let Some(faults) = self.lock().get_mut(connector) {
            faults.configured = Some(text.to_owned());
        }
        Ok(())
    }

    fn arm(&self, connector: &str, rules: Vec<Rule>) {
        let mut connectors = self.lock();
        if connectors.len() >= CONNECTORS_MAX && !connectors.contains_key(connector) {
            connectors.pop_first();
        }
        let faults = connectors.entry(connector.to_owned()).or_default();
        faults.armed = rules.into_iter().map(Armed::new).collect();
        faults.round += 1;
        drop(connectors);
        self.0.tasks.notify_waiters();
        self.0.threads.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Faults>> {
        self.0
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that happens in a call that is being made, and the round that it belongs to.
    fn next(&self, connector: &str, place: Place, task: Option<u32>) -> Option<(Rule, u64)> {
        let mut connectors = self.lock();
        let faults = connectors.get_mut(connector)?;
        let round = faults.round;
        let happening = faults
            .armed
            .iter_mut()
            .filter_map(|armed| armed.happens(place, task).then(|| armed.rule.clone()));
        let all: Vec<Rule> = happening.collect();
        all.into_iter().next().map(|rule| (rule, round))
    }

    async fn hang(&self, connector: &str, round: u64) {
        loop {
            let changed = self.0.tasks.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !is_round(&self.lock(), connector, round) {
                return;
            }
            changed.await;
        }
    }

    fn block(&self, connector: &str, round: u64) {
        let mut connectors = self.lock();
        while is_round(&connectors, connector, round) {
            let woken = self.0.threads.wait(connectors);
            connectors = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn is_round(connectors: &BTreeMap<String, Faults>, connector: &str, round: u64) -> bool {
    connectors
        .get(connector)
        .is_some_and(|faults| faults.round == round)
}

/// The faults as one connector or one of its tasks meets them.
#[derive(Debug, Clone, Default)]
pub(super) struct Injector {
    board: FaultBoard,
    connector: Arc<str>,
    task: Option<u32>,
}

impl Injector {
    /// Those of a connector.
    pub(super) fn new(board: FaultBoard, connector: &str, task: Option<u32>) -> Self {
        Self {
            board,
            connector: connector.into(),
            task,
        }
    }

    /// Makes happen what is to happen in this call; returns what the call has to see to itself.
    pub(super) async fn meet(&self, place: Place) -> Result<Option<Fault>, ConnectError> {
        let Some((rule, round)) = self.board.next(&self.connector, place, self.task) else {
            return Ok(None);
        };
        match rule.fault {
            Fault::Error => return Err(ConnectError::connect(self.text("error", place))),
            Fault::Retriable => {
                return Err(ConnectError::retriable(self.text("retriable error", place)));
            }
            Fault::Delay => tokio::time::sleep(Duration::from_millis(rule.ms)).await,
            Fault::Hang => self.board.hang(&self.connector, round).await,
            Fault::Block => self.board.block(&self.connector, round),
            Fault::Panic => self.panic(place),
            own => return Ok(Some(own)),
        }
        Ok(None)
    }

    /// The same in a call that can neither wait nor fail.
    pub(super) fn meet_now(&self, place: Place) {
        let Some((rule, round)) = self.board.next(&self.connector, place, self.task) else {
            return;
        };
        match rule.fault {
            Fault::Delay => std::thread::park_timeout(Duration::from_millis(rule.ms)),
            Fault::Hang | Fault::Block => self.board.block(&self.connector, round),
            Fault::Panic => self.panic(place),
            _ => {}
        }
    }

    fn text(&self, what: &str, place: Place) -> String {
        let place = serde_json::to_value(place).unwrap_or_default();
        format!(
            "the {what} in {} that the faults of {} ask for",
            place.as_str().unwrap_or_default(),
            self.connector
        )
    }

    fn panic(&self, place: Place) -> ! {
        panic!("{}", self.text("panic", place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(rules: &str) -> (FaultBoard, Injector) {
        let board = FaultBoard::default();
        board.replace("c", rules.as_bytes()).unwrap();
        (board.clone(), Injector::new(board, "c", Some(1)))
    }

    #[tokio::test]
    async fn a_fault_happens_as_often_as_it_is_told_to() {
        let (board, faults) =
            board(r#"[{"call": "put", "fault": "error", "after": 1, "times": 2}]"#);
        let mut failed = Vec::new();
        for _ in 0..5 {
            failed.push(faults.meet(Place::Put).await.is_err());
        }
        assert_eq!(failed, [false, true, true, false, false]);
        let shown = board.show("c");
        assert_eq!(
            (
                &shown["faults"][0]["calls"],
                &shown["faults"][0]["happened"]
            ),
            (&json!(5), &json!(2))
        );
    }

    #[tokio::test]
    async fn a_fault_of_another_task_or_call_is_none() {
        let (_, faults) = board(
            r#"[{"call": "put", "fault": "error", "task": 0}, {"call": "open", "fault": "error"}]"#,
        );
        assert!(faults.meet(Place::Put).await.is_ok());
        assert!(faults.meet(Place::Open).await.is_err());
    }

    #[tokio::test]
    async fn the_same_configuration_does_not_begin_again() {
        let board = FaultBoard::default();
        let faults = Injector::new(board.clone(), "c", None);
        let text = r#"[{"call": "start", "fault": "error"}]"#;
        for fails in [true, false] {
            board.configure("c", text).unwrap();
            assert_eq!(faults.meet(Place::Start).await.is_err(), fails);
        }
        board.configure("c", &format!("{text} ")).unwrap();
        assert!(faults.meet(Place::Start).await.is_err());
    }

    #[tokio::test]
    async fn what_hangs_goes_on_when_the_faults_are_cleared() {
        for fault in ["hang", "block"] {
            let (board, faults) = board(&format!(r#"[{{"call": "poll", "fault": "{fault}"}}]"#));
            let hanging = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.unwrap().block_on(faults.meet(Place::Poll))
            });
            while board.show("c")["faults"][0]["happened"] == 0 {
                tokio::task::yield_now().await;
            }
            assert!(!hanging.is_finished());
            board.clear("c");
            assert_eq!(hanging.join().unwrap().unwrap(), None);
        }
    }
}
