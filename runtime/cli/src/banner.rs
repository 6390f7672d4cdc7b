//! The lines a start prints for people: what runs where. They go to standard error, for standard output is for data.
#![expect(
    clippy::print_stderr,
    reason = "these lines are for the person at the terminal"
)]

use millrace_broker::Broker;

use crate::included;

/// The first line: the version, and what was asked for.
pub(crate) fn title(what: &str) {
    eprintln!("millrace {}: {what}", env!("CARGO_PKG_VERSION"));
}

/// A part, and where it is.
pub(crate) fn part(name: &str, place: &str) {
    eprintln!("  {name:<10} {place}");
}

/// The line of the included broker.
pub(crate) fn broker(broker: &Broker) {
    let data = broker.config().data_dir.display();
    part(
        "broker",
        &format!(
            "{}  (data in {data}, cluster {})",
            included::addresses(broker),
            broker.cluster_id()
        ),
    );
}

/// The last line: it is all there.
pub(crate) fn ready() {
    eprintln!("  ready; Ctrl-C stops it");
}

/// Something worth knowing that keeps nothing from running.
pub(crate) fn note(text: &str) {
    eprintln!("millrace: {text}");
}

/// Why the process ends with another code than 0.
pub(crate) fn failure(failure: &crate::failure::Failure) {
    eprintln!("millrace: {failure}");
}
