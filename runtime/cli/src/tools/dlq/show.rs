//! `millrace dlq show`.

use std::fmt::Write as _;

use clap::Args;
use millrace_worker::dead_letters::{Fate, Letter};
use serde_json::Value;

use super::choose::Choose;
use crate::tools::{
    server::Server,
    stdout::{print, print_json},
    time::show as shown,
};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The queue
    #[arg(long, value_name = "TOPIC")]
    queue: String,
    #[command(flatten)]
    choose: Choose,
    /// The most letters to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Show the errors with their causes
    #[arg(long)]
    trace: bool,
    /// Print a JSON object a line, with everything
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Show {
    pub(super) async fn act(&self) -> anyhow::Result<()> {
        let filter = self.choose.filter()?;
        let queues = super::queues(&self.server).await?;
        for (letter, fate) in queues.show(&self.queue, &filter, self.limit).await? {
            match self.json {
                true => print_json(&letter.json(fate))?,
                false => print(self.text(&letter, fate))?,
            }
        }
        Ok(())
    }

    /// A letter as a few lines for people.
    fn text(&self, letter: &Letter, fate: Fate) -> String {
        let cause = &letter.cause;
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let mut text = format!(
            "{}-{}@{}  {}  {}\n",
            letter.queue,
            letter.partition,
            letter.offset,
            letter.timestamp.map_or_else(|| "-".to_owned(), shown),
            fate.name()
        );
        if letter.says_why() {
            add(
                &mut text,
                "failed",
                &format!(
                    "connector {} task {}, {} in {}",
                    or_dash(&cause.connector),
                    or_dash(&cause.task),
                    or_dash(&cause.stage),
                    or_dash(&cause.class)
                ),
            );
            let message = format!("{}: {}", or_dash(&cause.exception), or_dash(&cause.message));
            add(&mut text, "because", &message);
            add(&mut text, "record", &place(letter));
        } else {
            add(&mut text, "failed", "the headers do not say why");
        }
        let document = letter.json(fate);
        for header in document["headers"].as_array().into_iter().flatten() {
            let line = format!("{} = {}", member(header, "key"), member(header, "value"));
            add(&mut text, "header", &line);
        }
        add(&mut text, "key", &member(&document, "key"));
        add(&mut text, "value", &member(&document, "value"));
        if let (true, Some(trace)) = (self.trace, &cause.trace) {
            add(&mut text, "trace", trace.trim_end());
        }
        text.push('\n');
        text
    }
}

/// Where the record came from.
fn place(letter: &Letter) -> String {
    let cause = &letter.cause;
    let topic = cause.topic.as_deref().unwrap_or("-");
    match (cause.partition, cause.offset) {
        (Some(partition), Some(offset)) => format!("{topic}-{partition}@{offset}"),
        _ => format!(
            "for {topic}, from source partition {} behind offset {}",
            cause.source_partition.as_deref().unwrap_or("-"),
            cause.source_offset.as_deref().unwrap_or("-")
        ),
    }
}

fn add(text: &mut String, name: &str, value: &str) {
    let value = value.replace('\n', "\n           ");
    // A String takes whatever it is given.
    let _written = writeln!(text, "  {name:<8} {value}");
}

/// A key or a value of a JSON object, which may be base64.
fn member(object: &Value, name: &str) -> String {
    match (&object[name], object.get(format!("{name}Base64"))) {
        (Value::String(text), _) => text.clone(),
        (_, Some(Value::String(text))) => format!("base64:{text}"),
        _ => "null".to_owned(),
    }
}
