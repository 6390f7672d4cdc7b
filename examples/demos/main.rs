//! One demo for each connector: `cargo run -p millrace-examples --example demo -- NAME`; without a name, the list.
//!
//! A demo is a folder with the configuration that it shows, as a user writes it, and a short program that puts
//! something in, looks at what comes out, and says so. It starts the real binary in a temporary folder, on ports that
//! the system picks, needs nothing else installed, and ends with an error where something is not as it says.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a synchronous program that moves files, waits and reads the clock; nothing shares a runtime with it"
)]

mod binary;
mod data_generator;
mod exec;
mod faults;
mod file_sink;
mod file_stream;
mod file_tail;
mod http;
mod http_listener;
mod http_sink;
mod http_source;
mod log;
mod mock;
mod picky;
mod schema;
mod server;
mod spool_dir;
mod stage;
mod stdout;
mod syslog;
mod verifiable;

use anyhow::{Context, Result};

use stage::Stage;

/// What a demo is made of.
struct Demo {
    /// By which it is run; the folder has the same name.
    name: &'static str,
    /// What it shows.
    about: &'static str,
    /// The properties files of its folder, by name.
    files: &'static [(&'static str, &'static str)],
    /// Folders that are there before the worker starts.
    folders: &'static [&'static str],
    /// Keys of the worker file beside those of all demos.
    worker: &'static [(&'static str, &'static str)],
    /// What happens.
    run: fn(&mut Stage) -> Result<()>,
}

const DEMOS: &[Demo] = &[
    file_stream::DEMO,
    file_tail::DEMO,
    spool_dir::DEMO,
    syslog::DEMO,
    exec::DEMO,
    file_sink::DEMO,
    stdout::DEMO,
    log::DEMO,
    http_sink::DEMO,
    http_source::DEMO,
    http_listener::DEMO,
    data_generator::DEMO,
    verifiable::DEMO,
    schema::DEMO,
    mock::DEMO,
    picky::DEMO,
    faults::DEMO,
];

fn main() -> Result<()> {
    let Some(name) = std::env::args().nth(1) else {
        for demo in DEMOS {
            println!("{:16} {}", demo.name, demo.about);
        }
        return Ok(());
    };
    let demo = DEMOS.iter().find(|demo| demo.name == name);
    let demo =
        demo.with_context(|| format!("there is no demo {name}; without a name all are listed"))?;
    println!("{}", demo.about);
    let mut stage = Stage::start(demo.files, demo.folders, demo.worker)?;
    (demo.run)(&mut stage)?;
    stage.stop()?;
    println!("\nThat was {}.", demo.name);
    Ok(())
}
