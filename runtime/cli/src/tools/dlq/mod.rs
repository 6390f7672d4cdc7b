//! `millrace dlq`: lists the queues of dead letters, shows letters with their causes, and replays them.

mod choose;
mod command;
mod edits;
mod replay;
mod show;

use clap::{Args, Subcommand};
use millrace_worker::dead_letters::DeadLetterQueues;

use super::{
    run::{self, Usage},
    server::Server,
    stdout::{print, print_json},
    table::{Column, Table},
    time::show as shown,
};
use crate::{failure::Failure, older::Place};

#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List queues and how many letters they hold
    List(List),
    /// Show letters of a queue with their causes
    Show(show::Show),
    /// Give letters back to the topics they came from
    Replay(replay::ReplayArgs),
}

#[derive(Debug, Args)]
struct List {
    /// A queue; may be repeated. Without it all topics whose last records say why they failed
    #[arg(long, value_name = "TOPIC")]
    queue: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Dlq {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::List(list) => run::to_end(list.act()),
            Action::Show(show) => run::to_end(show.act()),
            Action::Replay(replay) => run::to_end(replay.act()),
        }
    }
}

/// The queues of the cluster that was named.
async fn queues(server: &Server) -> anyhow::Result<DeadLetterQueues> {
    let defaults = [("client.id", "millrace-dlq"), ("acks", "all")];
    let properties = server.properties(Place::Client, &defaults)?;
    let cluster = Server::cluster(&properties).await?;
    let queues = DeadLetterQueues::new(cluster, &properties);
    Ok(queues.map_err(|error| Usage::new(error.to_string()))?)
}

impl List {
    async fn act(&self) -> anyhow::Result<()> {
        let queues = queues(&self.server).await?;
        let found = queues.list(&self.queue).await?;
        let missing: Vec<&str> = self
            .queue
            .iter()
            .filter(|name| !found.iter().any(|queue| *queue.queue == ***name))
            .map(String::as_str)
            .collect();
        if self.json {
            print_json(&found.iter().map(|queue| queue.json()).collect())?;
        } else {
            let mut table = Table::new(&[
                Column("QUEUE", 0),
                Column("LETTERS", 0),
                Column("WAITING", 0),
                Column("REPLAYED", 0),
                Column("IN DOUBT", 0),
                Column("NEWEST", 0),
            ]);
            for queue in &found {
                table.row(vec![
                    queue.queue.to_string(),
                    queue.letters.to_string(),
                    queue.waiting().to_string(),
                    queue.replayed.to_string(),
                    queue.in_doubt.to_string(),
                    queue.newest.map_or_else(|| "-".to_owned(), shown),
                ]);
            }
            print(table.to_text())?;
        }
        match missing.is_empty() {
            true => Ok(()),
            false => anyhow::bail!("there is no topic {}", missing.join(", ")),
        }
    }
}
