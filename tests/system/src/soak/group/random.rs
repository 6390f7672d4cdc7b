//! Random operations on three workers: connectors are created, changed, paused, stopped, restarted and deleted while
//! workers are killed, stopped, stand still, and are cut from the broker and from each other.
//!
//! After each operation everything has to settle: every task runs exactly once, at the worker that the group names for
//! it, and all three workers give the same answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    super::Plan,
    proxy::Cut,
    site::{Setup, Site, WORKERS},
};
use crate::{random::Random, wait};

/// Operations of a run in full.
const OPERATIONS: u32 = 1000;

/// A session is short, so that a run sees many of them end; the delay is there, and short as well.
const SETUP: Setup = Setup {
    delay_ms: 1000,
    session_ms: 3000,
    flush_ms: 500,
    direct: false,
};

/// How long everything may take to settle. It is far above what is needed: a run on a busy machine is no measure.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a worker stands still or is cut off, at most; now and then it is longer than a session.
const FAULT_MS_MAX: u64 = 5000;

const NAMES: u64 = 8;
const TASKS_MAX: u64 = 4;

/// What a connector should be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// How many tasks its configuration asks for.
    tasks: u64,
    /// How many it has: one that is paused keeps those it had until it is resumed.
    has: u64,
    /// Changes with each update, so that two configurations differ.
    revision: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    Stopped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }
}

/// The run: what there should be, and what was done so far.
struct Run {
    site: Site,
    random: Random,
    wanted: BTreeMap<String, Wanted>,
    done: BTreeMap<&'static str, u32>,
    story: Vec<String>,
    /// What took longest to settle, and how long.
    slowest: (Duration, String),
}

pub(in crate::soak) fn run(plan: Plan) -> String {
    let mut site = Site::new(SETUP);
    site.start_all();
    let mut run = Run {
        site,
        random: Random::new(plan.seed),
        wanted: BTreeMap::new(),
        done: BTreeMap::new(),
        story: Vec::new(),
        slowest: Default::default(),
    };
    let started = Instant::now();
    let mut operations = 0;
    while operations < OPERATIONS && plan.duration.is_none_or(|limit| started.elapsed() < limit) {
        run.operation();
        run.settle();
        operations += 1;
    }
    let mut report = format!("{operations} operations (");
    for (index, (name, count)) in run.done.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _written = write!(report, "{comma}{count} {name}");
    }
    let (slowest, what) = &run.slowest;
    let _written = write!(
        report,
        "): after each every task ran once and the workers agreed; {slowest:.1?} at most, after: {what}"
    );
    for index in 0..WORKERS {
        run.site.stop(index);
    }
    report
}

impl Run {
    fn note(&mut self, kind: &'static str, text: String) {
        *self.done.entry(kind).or_default() += 1;
        self.story.push(text);
    }

    /// A worker by chance.
    fn any(&mut self) -> usize {
        self.random.below(WORKERS as u64) as usize
    }

    /// A connector by chance, if there is one.
    fn any_name(&mut self) -> Option<String> {
        let count = self.wanted.len() as u64;
        let index = (count > 0).then(|| self.random.below(count) as usize)?;
        self.wanted.keys().nth(index).cloned()
    }

    fn operation(&mut self) {
        match self.random.below(20) {
            0..=11 => self.change(),
            12 | 13 => self.kill(),
            14 => self.restart_worker(),
            15 | 16 => self.stand_still(),
            17 | 18 => self.cut(),
            _ => self.broker_stands_still(),
        }
    }

    /// A change of connectors by REST, at any worker.
    fn change(&mut self) {
        let at = self.any();
        let name = self.any_name();
        match (self.random.below(10), name) {
            (0..=2, _) | (_, None) => self.put(at),
            (3 | 4, Some(name)) => self.update(at, &name),
            (5, Some(name)) => self.send(at, &name, State::Paused),
            (6, Some(name)) => self.send(at, &name, State::Stopped),
            (7, Some(name)) => self.send(at, &name, State::Running),
            (8, Some(name)) => self.restart(at, &name),
            (_, Some(name)) => self.delete(at, &name),
        }
    }

    fn put(&mut self, at: usize) {
        let name = format!("c{}", self.random.below(NAMES));
        if self.wanted.contains_key(&name) {
            return self.update(at, &name);
        }
        let tasks = self.random.below(TASKS_MAX) + 1;
        let wanted = Wanted {
            tasks,
            has: tasks,
            revision: 0,
            state: State::Running,
        };
        self.note("creates", format!("create {name} at {at}: {wanted:?}"));
        self.put_config(at, &name, &wanted);
        self.wanted.insert(name, wanted);
    }

    fn update(&mut self, at: usize, name: &str) {
        let tasks = self.random.below(TASKS_MAX) + 1;
        let Some(mut wanted) = self.wanted.get(name).cloned() else {
            return;
        };
        wanted.tasks = tasks;
        wanted.revision += 1;
        if wanted.state == State::Running {
            wanted.has = tasks;
        }
        self.note("updates", format!("update {name} at {at}: {wanted:?}"));
        self.put_config(at, name, &wanted);
        self.wanted.insert(name.to_owned(), wanted);
    }

    fn put_config(&self, at: usize, name: &str, wanted: &Wanted) {
        let path = format!("/connectors/{name}/config");
        self.until_done(&path, &[200, 201], |site| {
            site.places[at].rest.put(&path, &config(name, wanted))
        });
    }

    fn send(&mut self, at: usize, name: &str, state: State) {
        let verb = match state {
            State::Running => "resume",
            State::Paused => "pause",
            State::Stopped => "stop",
        };
        self.note("changes of state", format!("{verb} {name} at {at}"));
        let path = format!("/connectors/{name}/{verb}");
        self.until_done(&path, &[202, 204], |site| {
            site.places[at].rest.put(&path, &Value::Null)
        });
        if let Some(wanted) = self.wanted.get_mut(name) {
            wanted.state = state;
            match state {
                State::Running => wanted.has = wanted.tasks,
                State::Stopped => wanted.has = 0,
                State::Paused => {}
            }
        }
    }

    fn restart(&mut self, at: usize, name: &str) {
        let with_tasks = self.random.below(2) == 0;
        self.note(
            "restarts of connectors",
            format!("restart {name} at {at}, tasks {with_tasks}"),
        );
        let path = format!("/connectors/{name}/restart?includeTasks={with_tasks}");
        self.until_done(&path, &[202, 204], |site| {
            site.places[at].rest.post(&path, &Value::Null)
        });
    }

    fn delete(&mut self, at: usize, name: &str) {
        self.note("deletes", format!("delete {name} at {at}"));
        let path = format!("/connectors/{name}");
        // A repetition finds it gone.
        self.until_done(&path, &[204, 404], |site| {
            site.places[at].rest.delete(&path)
        });
        self.wanted.remove(name);
    }

    /// Sends a request again until it is taken. Each may be sent twice.
    fn until_done(&self, what: &str, good: &[u16], request: impl Fn(&Site) -> crate::rest::Answer) {
        let mut last = None;
        let end = Instant::now() + PATIENCE;
        let done = wait::until_or(end, || {
            let answer = request(&self.site);
            let is_good = good.contains(&answer.status);
            // Anything else is refused for good.
            assert!(
                is_good || matches!(answer.status, 404 | 409 | 500 | 503),
                "{what}: {answer:?}\n{}",
                self.tell()
            );
            last = Some(answer);
            if !is_good {
                thread::park_timeout(Duration::from_millis(50));
            }
            is_good.then_some(())
        });
        assert!(
            done.is_some(),
            "{what} is not taken: {last:?}\n{}",
            self.tell()
        );
    }

    fn kill(&mut self) {
        let at = self.any();
        let away = self.random.below(FAULT_MS_MAX);
        self.note("kills", format!("kill {at}, away for {away} ms"));
        self.site.kill(at);
        self.meanwhile(at, away);
        self.site.start(at);
        self.site.places[at].await_healthy();
    }

    fn restart_worker(&mut self) {
        let at = self.any();
        self.note("restarts of workers", format!("restart worker {at}"));
        self.site.stop(at);
        self.site.start(at);
        self.site.places[at].await_healthy();
    }

    fn stand_still(&mut self) {
        let at = self.any();
        let still = self.random.below(FAULT_MS_MAX);
        self.note(
            "standstills",
            format!("worker {at} stands still for {still} ms"),
        );
        self.site.places[at].signal(Signal::STOP);
        self.meanwhile(at, still);
        self.site.places[at].signal(Signal::CONT);
    }

    fn broker_stands_still(&mut self) {
        let still = self.random.below(FAULT_MS_MAX);
        self.note(
            "standstills of the broker",
            format!("the broker stands still for {still} ms"),
        );
        self.site.broker.signal(Signal::STOP);
        thread::park_timeout(Duration::from_millis(still));
        self.site.broker.signal(Signal::CONT);
    }

    fn cut(&mut self) {
        let at = self.any();
        let away = self.random.below(FAULT_MS_MAX);
        let (from_broker, from_others) = match self.random.below(3) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        let how = match self.random.below(2) {
            0 => Cut::Silent,
            _ => Cut::Refusing,
        };
        self.note(
            "partitions",
            format!("{at} is cut ({how:?}) from the broker {from_broker}, the others {from_others} for {away} ms"),
        );
        self.site.places[at].cut(from_broker, from_others, how);
        self.meanwhile(at, away);
        self.site.places[at].heal();
    }

    /// The time of a fault, in which now and then another worker is asked to do something.
    fn meanwhile(&mut self, away: usize, ms: u64) {
        thread::park_timeout(Duration::from_millis(ms / 2));
        if self.random.below(3) == 0
            && let Some(name) = self.any_name()
        {
            let at = (away + 1) % WORKERS;
            self.story.push(format!("meanwhile pause {name} at {at}"));
            // Any worker takes it, without asking another.
            let path = format!("/connectors/{name}/pause");
            self.until_done(&path, &[202], |site| {
                site.places[at].rest.put(&path, &Value::Null)
            });
            if let Some(wanted) = self.wanted.get_mut(&name) {
                wanted.state = State::Paused;
            }
        }
        thread::park_timeout(Duration::from_millis(ms / 2));
    }

    /// Waits until everything is as it should be, and stays so at a second look.
    fn settle(&mut self) {
        let started = Instant::now();
        let end = started + PATIENCE;
        let mut why = String::new();
        let mut looks = 0;
        let settled = wait::until_or(end, || match self.differs() {
            None if looks == 1 => Some(()),
            None => {
                looks += 1;
                thread::park_timeout(Duration::from_millis(50));
                None
            }
            Some(difference) => {
                looks = 0;
                why = difference;
                thread::park_timeout(Duration::from_millis(20));
                None
            }
        });
        assert!(
            settled.is_some(),
            "it does not settle: {why}\n{}",
            self.tell()
        );
        let took = started.elapsed();
        if took > self.slowest.0 {
            self.slowest = (took, self.story.last().cloned().unwrap_or_default());
        }
    }

    /// What is not as it should be.
    fn differs(&self) -> Option<String> {
        let ids: BTreeSet<String> = self.site.places.iter().map(|place| place.id()).collect();
        let expected = self.expected();
        for (index, place) in self.site.places.iter().enumerate() {
            let shown = place.placement();
            let states: BTreeMap<&String, &str> = shown
                .iter()
                .map(|(part, (_, state))| (part, state.as_str()))
                .collect();
            let wanted: BTreeMap<&String, &str> = expected
                .iter()
                .map(|(part, state)| (part, *state))
                .collect();
            if states != wanted {
                return Some(format!("worker {index} shows {states:?}, not {wanted:?}"));
            }
            if let Some((part, (worker, _))) =
                shown.iter().find(|(_, (worker, _))| !ids.contains(worker))
            {
                return Some(format!("worker {index} has {part} at {worker}"));
            }
            let configs = place.rest.get("/connectors?expand=info").body;
            for (name, wanted) in &self.wanted {
                let is = &configs[name]["info"]["config"];
                if *is != config(name, wanted) {
                    return Some(format!("worker {index} has {name} as {is}"));
                }
            }
        }
        self.agree()
    }

    /// The workers' answers are the same, and each holds just what they say that it runs.
    fn agree(&self) -> Option<String> {
        let shown: Vec<_> = self
            .site
            .places
            .iter()
            .map(|place| place.placement())
            .collect();
        if shown.iter().any(|other| *other != shown[0]) {
            return Some(format!("they do not agree: {shown:?}"));
        }
        for place in &self.site.places {
            let id = place.id();
            let said: BTreeSet<String> = shown[0]
                .iter()
                .filter(|(part, (worker, _))| *worker == id && part.contains('-'))
                .map(|(part, _)| part.clone())
                .collect();
            let held = place.held();
            if held != said {
                return Some(format!("{id} holds {held:?}, but is said to run {said:?}"));
            }
        }
        None
    }

    /// The states that everybody should show.
    fn expected(&self) -> BTreeMap<String, &'static str> {
        let mut expected = BTreeMap::new();
        for (name, wanted) in &self.wanted {
            expected.insert(name.clone(), wanted.state.word());
        }
        for (name, wanted) in &self.wanted {
            for task in 0..wanted.has {
                expected.insert(format!("{name}-{task}"), wanted.state.word());
            }
        }
        expected
    }

    /// The last operations, and what the workers logged.
    fn tell(&self) -> String {
        let from = self.story.len().saturating_sub(15);
        let mut text = self.story[from..].join("\n");
        for (index, place) in self.site.places.iter().enumerate() {
            let log = place.worker.as_ref().map(|worker| worker.stderr());
            let log = log.unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            let _written = write!(
                text,
                "\n--- worker {index} {} ---\n{}",
                place.id(),
                tail.join("\n")
            );
        }
        text
    }
}

/// A sink: it has as many tasks as it may have.
fn config(name: &str, wanted: &Wanted) -> Value {
    json!({
        "name": name,
        "connector.class": "FileStreamSink",
        "file": format!("{name}.out"),
        "topics": "idle",
        "tasks.max": wanted.tasks.to_string(),
        "revision": wanted.revision.to_string(),
    })
}
