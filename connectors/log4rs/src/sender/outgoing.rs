//! From the window to the producer.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_client::Cluster;
use millrace_client::producer::{AckSink, Appended, ProduceError, Producer};

use super::acks::{Acks, Outcome};
use super::window::{Sent, Window};
use crate::core::Core;
use crate::own;

/// The producer, and what has to be known of it.
pub(super) struct Outgoing {
    core: Arc<Core>,
    /// There from the first line on.
    producer: Option<Arc<Producer>>,
    acks: Arc<Acks>,
    /// Topics whose metadata is being asked for.
    asking: Arc<Mutex<HashSet<Arc<str>>>>,
    flushing: Arc<AtomicBool>,
    /// The producer is a new one: all that is not done has to be sent again.
    is_anew: bool,
    /// Lines refused by the producer before they were sent.
    refused: Vec<(Range<u64>, Outcome)>,
}

/// How far giving lines to the producer came.
enum Step {
    Given(usize),
    /// The next line will never be taken.
    Refused(String),
    /// Nothing goes at the moment.
    Wait,
    /// This producer is of no more use.
    Broken(String),
}

impl Outgoing {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            producer: None,
            acks: Acks::new(core),
            asking: Arc::default(),
            flushing: Arc::default(),
            is_anew: false,
            refused: Vec::new(),
        }
    }

    /// What has become of lines since this was last asked.
    pub(super) fn heard(&mut self) -> Vec<(Range<u64>, Outcome)> {
        let mut heard = self.acks.take();
        heard.append(&mut self.refused);
        heard
    }

    /// Gives the producer up; the next line has a new one.
    pub(super) fn begin_anew(&mut self) {
        if let Some(producer) = self.producer.take() {
            // Tasks that still hold it must not keep it sending.
            tokio::spawn(async move { producer.close(Duration::ZERO).await });
        }
        self.asking = Arc::default();
        self.flushing = Arc::default();
        self.acks = Acks::new(&self.core);
        self.is_anew = true;
    }

    /// Whether all that is not done has to be sent again.
    pub(super) fn take_anew(&mut self) -> bool {
        std::mem::take(&mut self.is_anew)
    }

    /// Gives the producer as many lines as it takes; says how many that were.
    pub(super) fn send(&mut self, window: &mut Window) -> usize {
        let mut given = 0;
        for sent in window.waiting() {
            while let Some((run, topic)) = self.run(sent) {
                if run == 0 {
                    sent.step(1);
                    continue;
                }
                match self.give(sent, run, &topic) {
                    Step::Given(lines) => {
                        sent.step(lines);
                        given += lines;
                    }
                    Step::Refused(reason) => {
                        let ticket = sent.ticket();
                        self.refused
                            .push((ticket..ticket + 1, Outcome::Refused(reason)));
                        self.core.queue.wake.notify_one();
                        sent.step(1);
                    }
                    Step::Wait => return given,
                    Step::Broken(reason) => {
                        own::say(
                            &*self.core.clock,
                            format_args!("sending lines again: {reason}"),
                        );
                        self.begin_anew();
                        self.core.queue.wake.notify_one();
                        return given;
                    }
                }
            }
        }
        given
    }

    /// How many of the next lines go to one topic; none of them if the next one is done already.
    fn run(&self, sent: &Sent) -> Option<(usize, Arc<str>)> {
        let topics = &self.core.settings.topics;
        let (first, _) = sent.waiting().next()?;
        let topic = topics.of(first.level);
        let run = sent
            .waiting()
            .take_while(|(line, done)| !done && Arc::ptr_eq(topics.of(line.level), topic))
            .count();
        Some((run, Arc::clone(topic)))
    }

    fn give(&mut self, sent: &Sent, run: usize, topic: &Arc<str>) -> Step {
        let producer = self.producer();
        let acks: Arc<dyn AckSink> = Arc::clone(&self.acks) as Arc<dyn AckSink>;
        let mut rows = sent.waiting().take(run).map(|(line, _)| line.record());
        match producer.append(topic, None, &mut rows, sent.ticket(), &acks) {
            Ok(Appended { rows: 0, .. }) => Step::Wait,
            Ok(appended) => Step::Given(appended.rows),
            Err(ProduceError::NotReady { .. }) => {
                self.ask_for(topic);
                Step::Wait
            }
            Err(error @ ProduceError::Closed) => Step::Broken(error.to_string()),
            Err(error) if error.is_retriable() => Step::Wait,
            Err(error) => Step::Refused(error.to_string()),
        }
    }

    /// The producer; made with the first line, so that nothing is connected before there is one.
    fn producer(&mut self) -> Arc<Producer> {
        let core = &self.core;
        let make = || {
            let config = core.settings.producer.clone();
            let cluster = Cluster::tcp(config.cluster.clone());
            Arc::new(Producer::new(config, cluster))
        };
        Arc::clone(self.producer.get_or_insert_with(make))
    }

    /// Asks for a topic's metadata in the background.
    fn ask_for(&mut self, topic: &Arc<str>) {
        let is_new = self
            .asking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Arc::clone(topic));
        if !is_new {
            return;
        }
        let (producer, core) = (self.producer(), Arc::clone(&self.core));
        let (asking, topic) = (Arc::clone(&self.asking), Arc::clone(topic));
        tokio::spawn(async move {
            if let Err(error) = producer.ready(&topic).await {
                own::say(&*core.clock, format_args!("{error}; lines wait"));
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            asking
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&topic);
            core.queue.wake.notify_one();
        });
    }

    /// Does not let batches wait for more lines.
    pub(super) fn flush(&mut self) {
        let Some(producer) = self.producer.clone() else {
            return;
        };
        if self.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let flushing = Arc::clone(&self.flushing);
        tokio::spawn(async move {
            producer.flush().await;
            flushing.store(false, Ordering::Release);
        });
    }

    pub(super) async fn close(&mut self, limit: Duration) {
        if let Some(producer) = self.producer.take() {
            producer.close(limit).await;
        }
    }
}
