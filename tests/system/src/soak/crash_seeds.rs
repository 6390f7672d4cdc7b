//! The storage's crash check, seed after seed: files that forget unsynced writes, tear and scramble, and a directory
//! that must open with every acknowledged record in its place.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use millrace_storage::testing::{CrashReport, crash_check};

use super::Plan;

/// Seeds of a run in full.
const SEEDS: u64 = 1000;

pub(super) fn run(plan: Plan) -> String {
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let total = Mutex::new(CrashReport::default());
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while plan.duration.is_none_or(|limit| started.elapsed() < limit) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if plan.duration.is_none() && index >= SEEDS {
                        break;
                    }
                    let report = crash_check(plan.seed.wrapping_add(index))
                        .unwrap_or_else(|error| panic!("{error}"));
                    add(
                        &mut total.lock().unwrap_or_else(PoisonError::into_inner),
                        report,
                    );
                }
            });
        }
    });
    let seeds = next.into_inner();
    let CrashReport {
        appended,
        acknowledged,
        lost,
        cuts,
        clean_stops,
    } = total.into_inner().unwrap_or_default();
    format!(
        "{} seeds: {appended} records appended, {acknowledged} acknowledged, none of those lost; {lost} others lost, \
         {cuts} torn tails cut, {clean_stops} orderly stops",
        if plan.duration.is_none() {
            seeds.min(SEEDS)
        } else {
            seeds
        }
    )
}

fn add(total: &mut CrashReport, report: CrashReport) {
    total.appended += report.appended;
    total.acknowledged += report.acknowledged;
    total.lost += report.lost;
    total.cuts += report.cuts;
    total.clean_stops += report.clean_stops;
}
