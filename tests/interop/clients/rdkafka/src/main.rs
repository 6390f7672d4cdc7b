//! The crate rdkafka under the commands of `../README.md`.
#![allow(clippy::disallowed_methods, reason = "a program of the tests")]

mod admin;
mod clients;
mod member;
mod records;
mod standard;

use std::{env, process::ExitCode};

use anyhow::{Context as _, bail};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut report = Report::default();
    match arguments.as_slice() {
        ["version"] => println!(
            "rdkafka 0.39.0, librdkafka {}",
            rdkafka::util::get_rdkafka_version().1
        ),
        ["checks", server] => checks(server, &mut report).await,
        ["produce", server, prefix, codecs @ ..] => {
            for codec in codecs {
                let topic = format!("{prefix}-{codec}");
                report.note(&topic, standard::produce(server, &topic, codec).await);
            }
        }
        ["consume", server, topics @ ..] => {
            for topic in topics {
                report.note(topic, standard::consume(server, topic).await);
            }
        }
        ["fill", server, topic, from, to] => {
            let numbers = number(from)?..number(to)?;
            clients::fill(server, topic, numbers).await?;
        }
        ["member", server, group, topic] => member::run(server, group, topic).await?,
        _ => bail!("no such command: {arguments:?}"),
    }
    Ok(report.exit_code())
}

fn number(text: &str) -> anyhow::Result<usize> {
    text.parse().with_context(|| format!("{text} is no number"))
}

async fn checks(server: &str, report: &mut Report) {
    report.note("idempotent", records::idempotent(server).await);
    report.note("large", records::large(server).await);
    report.note("commit", records::commit(server).await);
    report.note("seek", records::seek(server).await);
    report.note("long poll", records::long_poll(server).await);
    report.note("topics", admin::topics(server).await);
    report.note("partitions", admin::partitions(server).await);
    report.note("configs", admin::configs(server).await);
    report.note("delete records", admin::delete_records(server).await);
    report.note("groups", admin::groups(server).await);
    report.note("cluster", admin::cluster(server).await);
}

/// Prints how checks end, and remembers whether all held.
#[derive(Default)]
struct Report {
    failed: bool,
}

impl Report {
    fn note(&mut self, name: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                self.failed = true;
                println!("FAILED {name}: {error:#}");
            }
        }
    }

    fn exit_code(&self) -> ExitCode {
        if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
