//! `millrace dlq replay`.

use clap::Args;
use millrace_worker::dead_letters::{Outcome, Replay};

use super::{choose::Choose, edits::Edits};
use crate::tools::{
    server::Server,
    stdout::{print, print_json},
};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The queue
    #[arg(long, value_name = "TOPIC")]
    queue: String,
    /// Send letters to this topic, rather than to where they came from
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    #[command(flatten)]
    choose: Choose,
    #[command(flatten)]
    edits: Edits,
    /// The most letters to replay
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Send letters in doubt again: a replay that was killed may have delivered them
    #[arg(long)]
    in_doubt: bool,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl ReplayArgs {
    pub(super) async fn act(&self) -> anyhow::Result<()> {
        let replay = Replay {
            filter: self.choose.filter()?,
            to: self.to.clone(),
            edits: self.edits.edits()?,
            limit: self.limit,
            dry_run: self.dry_run,
            take_over: self.in_doubt,
        };
        let queues = super::queues(&self.server).await?;
        let outcome = queues.replay(&self.queue, &replay).await?;
        match self.json {
            true => print_json(&outcome.json(&self.queue, self.dry_run))?,
            false => print(self.text(&outcome))?,
        }
        Ok(())
    }

    fn text(&self, outcome: &Outcome) -> String {
        let mut text = String::new();
        for shown in &outcome.shown {
            text.push_str(&format!("{shown}\n"));
        }
        let would = if self.dry_run { "would be " } else { "" };
        for (topic, letters) in &outcome.replayed {
            text.push_str(&format!("{letters} letters {would}replayed to {topic}\n"));
        }
        text.push_str(&format!(
            "{} of {} letters {would}replayed, {} were replayed before, {} are in doubt\n",
            outcome.total(),
            outcome.chosen,
            outcome.before,
            outcome.in_doubt
        ));
        if outcome.in_doubt > 0 {
            text.push_str(
                "In doubt are letters of a replay that runs elsewhere or was killed; --in-doubt sends them again.\n",
            );
        }
        text
    }
}
