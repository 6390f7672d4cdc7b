//! Logs by partition, and the syncs of them all.

use millrace_storage::Log;
use millrace_wire::metrics::{Exposition, Family, Value};

use super::{Recent, Scrape};
use crate::metrics::families::{
    FLUSH_DURATION, FLUSH_TIME, LOG_END, LOG_SEGMENTS, LOG_SIZE, LOG_START, PARTITION_CURRENT,
    PARTITION_OLDEST, PARTITIONS_OF_TOPIC,
};

/// A figure of a log.
type Figure = fn(&Log) -> Value;

const FIGURES: [(&Family, Figure); 6] = [
    (&LOG_SIZE, |log| log.size().into()),
    (&LOG_SEGMENTS, |log| log.segment_count().into()),
    (&LOG_START, |log| log.log_start_offset().into()),
    (&LOG_END, |log| log.log_end_offset().into()),
    (&PARTITION_OLDEST, |log| log.log_start_offset().into()),
    (&PARTITION_CURRENT, |log| log.high_watermark().into()),
];

pub(super) fn collect(scrape: &Scrape<'_>, recent: &mut Recent, into: &mut Exposition) {
    for (family, figure) in FIGURES {
        let mut samples = into.family(family);
        for topic in &scrape.topics {
            for partition in &topic.partitions {
                let index = partition.index().to_string();
                samples.add(&[&topic.name, &index], figure(&partition.log));
            }
        }
    }
    let mut partitions = into.family(&PARTITIONS_OF_TOPIC);
    for topic in &scrape.topics {
        partitions.add(&[&topic.name], topic.partitions.len());
    }
    let times = scrape.broker.running.data_dir.flush_times().snapshot();
    recent.flushes.update(&times, scrape.now);
    into.family(&FLUSH_TIME)
        .summary(&[], &times, &recent.flushes);
    into.family(&FLUSH_DURATION).histogram(&[], &times);
}
