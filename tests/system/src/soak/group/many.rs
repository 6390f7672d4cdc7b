//! Three workers with 200 connectors of 5 tasks each: started, one of them killed and lost, one killed and back in time,
//! all restarted one after the other. Beside it lines go through, none of which may be lost or doubled, and the REST API
//! is asked all the while.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    super::{Plan, sequence},
    latency::Prober,
    site::{Placement, Setup, Site, WORKERS},
};
use crate::{topic, wait};

const CONNECTORS: usize = 200;
const TASKS: usize = 5;

/// Connectors with their tasks, and the source of the lines.
const PARTS: usize = CONNECTORS * (TASKS + 1) + 2;

const SETUP: Setup = Setup {
    delay_ms: 8000,
    session_ms: 6000,
    flush_ms: 500,
    direct: false,
};

/// Far above what is needed: a busy machine is no measure.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a median answer may take on a busy machine; it is a hundredth of it on one that is not.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

pub(in crate::soak) fn run(_plan: Plan) -> String {
    let mut site = Site::new(SETUP);
    site.start_all();
    let mut lines = Lines::new(&site);
    create(&site);
    let created = await_running(&site, &[0, 1, 2]);
    assert_spread(&created, &site);
    for index in 0..WORKERS {
        site.stop(index);
    }
    let started = Instant::now();
    for index in 0..WORKERS {
        site.start(index);
    }
    for place in &site.places {
        place.await_healthy();
    }
    let answering = started.elapsed();
    await_running(&site, &[0, 1, 2]);
    let running = started.elapsed();

    let prober = Prober::new(&site);
    let stop = AtomicBool::default();
    let moved = thread::scope(|scope| {
        prober.start(scope);
        scope.spawn(|| lines.grow(&stop));
        // Also where something here fails: the scope waits for both.
        let _stopping = StopWhenDropped(&prober, &stop);
        back_in_time(&mut site, &prober);
        let moved = lost(&mut site, &prober);
        rolling(&mut site, &prober);
        moved
    });
    let count = lines.count;
    let sequence = lines.check(&site);
    assert_eq!(sequence.distinct, count, "lines are lost");
    assert_eq!(
        sequence.repeated, 0,
        "lines came twice though only stops were orderly"
    );
    for index in 0..WORKERS {
        site.stop(index);
    }
    let (latency, nearly_all) = prober.report();
    assert!(nearly_all < ANSWER_WITHIN, "{latency}");
    format!(
        "{CONNECTORS} connectors with {TASKS} tasks each: REST after {answering:.1?}, all RUNNING after {running:.1?}; back in \
         time nothing moved; of a lost worker {moved} parts moved, and no other; {count} lines through a rolling \
         restart, each once; REST: {latency}"
    )
}

fn create(site: &Site) {
    for number in 0..CONNECTORS {
        let name = format!("c{number}");
        let config = json!({
            "connector.class": "DataGenerator", "topic": "made", "rate": "1", "records": "0",
            "tasks.max": TASKS.to_string(),
        });
        put(site, &name, &config);
    }
}

fn put(site: &Site, name: &str, config: &Value) {
    let path = format!("/connectors/{name}/config");
    wait::until(&format!("{name} to be taken"), PATIENCE, || {
        matches!(site.places[0].rest.put(&path, config).status, 200 | 201)
    });
}

/// Waits until these workers all say that everything runs, at one of them.
fn await_running(site: &Site, living: &[usize]) -> Placement {
    let ids: BTreeSet<String> = living
        .iter()
        .map(|index| site.places[*index].id())
        .collect();
    let mut last = Placement::new();
    for index in living {
        wait::until("all parts to run", PATIENCE, || {
            last = site.places[*index].placement();
            thread::park_timeout(Duration::from_millis(20));
            last.len() == PARTS
                && last
                    .values()
                    .all(|(worker, state)| state == "RUNNING" && ids.contains(worker))
        });
    }
    last
}

/// Each worker has its part, by one or two more or less.
fn assert_spread(placement: &Placement, site: &Site) {
    for place in &site.places {
        let id = place.id();
        let held = placement
            .values()
            .filter(|(worker, _)| *worker == id)
            .count();
        let even = PARTS / WORKERS;
        assert!(
            held.abs_diff(even) <= 2,
            "{held} parts at {id}, not about {even}"
        );
    }
}

/// The parts that are elsewhere than they were.
fn moved<'a>(before: &'a Placement, after: &Placement) -> Vec<&'a String> {
    let is_moved = |(part, place): &(&String, &(String, String))| after.get(*part) != Some(*place);
    before
        .iter()
        .filter(is_moved)
        .map(|(part, _)| part)
        .collect()
}

/// A worker that carries no lines: their source may lose and double some at a kill.
fn victim(site: &Site, placement: &Placement) -> usize {
    let source = &placement["lines-0"].0;
    (0..WORKERS)
        .rev()
        .find(|index| site.places[*index].id() != *source)
        .unwrap_or_default()
}

fn back_in_time(site: &mut Site, prober: &Prober) {
    let before = await_running(site, &[0, 1, 2]);
    let index = victim(site, &before);
    prober.set_away(index, true);
    site.kill(index);
    site.start(index);
    site.places[index].await_healthy();
    prober.set_away(index, false);
    let after = await_running(site, &[0, 1, 2]);
    assert!(
        moved(&before, &after).is_empty(),
        "{:?} moved",
        moved(&before, &after)
    );
}

fn lost(site: &mut Site, prober: &Prober) -> usize {
    let before = await_running(site, &[0, 1, 2]);
    let index = victim(site, &before);
    let id = site.places[index].id();
    prober.set_away(index, true);
    site.kill(index);
    let living: Vec<usize> = (0..WORKERS).filter(|other| *other != index).collect();
    let after = await_running(site, &living);
    let moved = moved(&before, &after);
    let own = before.values().filter(|(worker, _)| *worker == id).count();
    let others: Vec<_> = moved.iter().filter(|part| before[**part].0 != id).collect();
    assert!(
        others.is_empty(),
        "{others:?} moved, though {id} did not run them"
    );
    assert_eq!(moved.len(), own);
    site.start(index);
    site.places[index].await_healthy();
    prober.set_away(index, false);
    await_running(site, &[0, 1, 2]);
    own
}

fn rolling(site: &mut Site, prober: &Prober) {
    for index in 0..WORKERS {
        prober.set_away(index, true);
        site.stop(index);
        site.start(index);
        site.places[index].await_healthy();
        prober.set_away(index, false);
        await_running(site, &[0, 1, 2]);
    }
}

/// Lines that grow, and their source.
struct Lines {
    file: File,
    count: u64,
}

impl Lines {
    fn new(site: &Site) -> Self {
        let path = site.sandbox.write("in.log", "");
        let config = json!({
            "connector.class": "FileStreamSource", "file": path.display().to_string(), "topic": "lines",
        });
        put(site, "lines", &config);
        let file = OpenOptions::new().append(true).open(path);
        Self {
            file: file.expect("the file is there"),
            count: 0,
        }
    }

    fn grow(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::SeqCst) {
            let mut bytes = Vec::new();
            for number in self.count..self.count + 20 {
                writeln!(bytes, "{number:012} of many").expect("a Vec takes all");
            }
            self.file.write_all(&bytes).expect("the file grows");
            self.count += 20;
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits for the last line and looks at all of them.
    fn check(&self, site: &Site) -> sequence::Sequence {
        let data = site.sandbox.join("data");
        let last = format!("{:012} of many", self.count - 1);
        wait::until("the last line to come through", PATIENCE, || {
            thread::park_timeout(Duration::from_millis(100));
            let values = topic::values(&data, "lines-0");
            values.last().is_some_and(|value| *value == last.as_bytes())
        });
        let values = topic::values(&data, "lines-0");
        sequence::check("topic", values.iter().map(Vec::as_slice))
    }
}

/// Tells those who go on until then to stop.
struct StopWhenDropped<'a>(&'a Prober, &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.1.store(true, Ordering::SeqCst);
    }
}
