//! The lines that are for people: what runs where, what is worth knowing, what failed. They go to standard error, for
//! standard output is for data. Nobody may be reading them (`2>&1 | head`), which is no reason to fail.

use std::{
    fmt,
    io::{self, Write as _},
};

use millrace_broker::Broker;

use crate::included;

/// The first line: the version, and what was asked for.
pub(crate) fn title(what: &str) {
    line(format_args!(
        "millrace {}: {what}",
        env!("CARGO_PKG_VERSION")
    ));
}

/// A part, and where it is.
pub(crate) fn part(name: &str, place: &str) {
    line(format_args!("  {name:<10} {place}"));
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
    line(format_args!("  ready; Ctrl-C stops it"));
}

/// Something worth knowing that keeps nothing from running.
pub(crate) fn note(text: &str) {
    line(format_args!("millrace: {text}"));
}

/// Why the process ends with another code than 0.
pub(crate) fn failure(failure: &crate::failure::Failure) {
    line(format_args!("millrace: {failure}"));
}

/// One line, whether or not somebody reads it.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let text = format!("{text}\n");
    drop(io::stderr().write_all(text.as_bytes()));
}
