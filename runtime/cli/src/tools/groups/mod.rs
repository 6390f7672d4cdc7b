//! `millrace groups`: lists, describes, resets and deletes consumer groups, with the options of
//! `kafka-consumer-groups.sh`.

mod delete;
mod describe;
mod lag;
mod list;
mod members;
mod reset;
mod scenario;
mod scope;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args};
use millrace_client::admin::{Admin, GroupListing};
use regex::Regex;

pub(super) use self::scope::Scope;

use self::scenario::Scenario;
use super::{
    run::{self, Usage},
    server::Server,
    stdout::print,
};
use crate::failure::Failure;

/// Protocol type of consumer groups; it is empty where only offsets are kept.
const CONSUMER: &str = "consumer";

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("action").required(true).args(["list", "describe", "delete", "reset_offsets", "delete_offsets", "validate_regex"])),
    group(ArgGroup::new("scenario").args([
        "to_earliest", "to_latest", "to_offset", "to_datetime", "by_duration", "shift_by", "to_current", "from_file",
    ])),
    group(ArgGroup::new("groups").args(["group", "all_groups"])),
    group(ArgGroup::new("view").args(["members", "offsets", "state"]))
)]
pub(crate) struct Groups {
    /// List groups
    #[arg(long)]
    list: bool,
    /// Show how far groups have read, or their members or state
    #[arg(long, requires = "groups")]
    describe: bool,
    /// Delete groups that have no members
    #[arg(long, requires = "groups")]
    delete: bool,
    /// Set where groups go on; without --execute it only shows what would be set
    #[arg(long, requires = "groups", requires = "scenario")]
    reset_offsets: bool,
    /// Delete what groups have committed for topics
    #[arg(long, requires = "groups", requires = "topic")]
    delete_offsets: bool,
    /// Say whether this is a regular expression that a subscription can have
    #[arg(long, value_name = "PATTERN")]
    validate_regex: Option<String>,
    /// A group; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// All groups
    #[arg(long)]
    all_groups: bool,
    /// A topic, or TOPIC:0,1 for some of its partitions; may be repeated
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// All topics that the group has committed offsets of
    #[arg(long, conflicts_with = "topic")]
    all_topics: bool,
    /// Describe members
    #[arg(long, requires = "describe")]
    members: bool,
    /// Describe offsets and lag, which is what --describe does
    #[arg(long, requires = "describe")]
    offsets: bool,
    /// Describe the state; with --list show it, or list the groups in these states only
    #[arg(long, value_name = "STATES", num_args = 0..=1, default_missing_value = "")]
    state: Option<String>,
    /// With --list show the type of groups, or list those of these types only
    #[arg(long = "type", value_name = "TYPES", num_args = 0..=1, default_missing_value = "", requires = "list")]
    types: Option<String>,
    /// Describe more
    #[arg(long)]
    verbose: bool,
    /// To the first offsets
    #[arg(long)]
    to_earliest: bool,
    /// To the ends
    #[arg(long)]
    to_latest: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    to_offset: Option<i64>,
    /// To the first records of a time or later: 2026-03-02T09:00:00.000
    #[arg(long, value_name = "TIME")]
    to_datetime: Option<String>,
    /// To the first records of a time back from now: P1DT2H
    #[arg(long, value_name = "DURATION")]
    by_duration: Option<String>,
    /// By so many records, back if negative
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To what is committed now, or the end
    #[arg(long)]
    to_current: bool,
    /// To what a file of topic,partition,offset lines says
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Only show what would be set
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,
    /// Set it
    #[arg(long)]
    execute: bool,
    /// Print it as topic,partition,offset lines
    #[arg(long, requires = "reset_offsets")]
    export: bool,
    /// How long a call may take
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Groups {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        if let Some(pattern) = &self.validate_regex {
            return validate(pattern);
        }
        let scenario = self.scenario()?;
        let scopes = scope::Scope::parse_all(&self.topic)?;
        let listing = list::Listing::new(self.state.as_deref(), self.types.as_deref())?;
        let limit = Duration::from_millis(self.timeout);
        let (_, admin) = self.server.admin(limit).await?;
        if self.list {
            return listing.print(&admin, self.json).await;
        }
        let groups = self.chosen(&admin).await?;
        if self.describe {
            let shown = describe::Shown {
                view: self.view(),
                verbose: self.verbose,
                json: self.json,
            };
            return shown.describe(&admin, &groups).await;
        }
        if self.delete {
            return delete::groups(&admin, &groups, self.json).await;
        }
        if self.delete_offsets {
            return delete::offsets(&admin, &groups, &scopes, self.json).await;
        }
        let Some(scenario) = scenario else {
            return Ok(());
        };
        if scopes.is_empty() && !self.all_topics && !matches!(scenario, Scenario::File(_)) {
            return Err(
                Usage::new("--reset-offsets needs --topic, --all-topics or --from-file").into(),
            );
        }
        let reset = reset::Reset {
            scenario,
            scopes,
            execute: self.execute,
            dry_run: self.dry_run,
            export: self.export,
            json: self.json,
        };
        reset.run(&admin, &groups).await
    }

    fn view(&self) -> describe::View {
        if self.members {
            describe::View::Members
        } else if self.state.is_some() {
            describe::View::State
        } else {
            describe::View::Offsets
        }
    }

    fn scenario(&self) -> Result<Option<Scenario>, Usage> {
        let now = millrace_wire::clock::system().now_ms();
        Ok(if self.to_earliest {
            Some(Scenario::Earliest)
        } else if self.to_latest {
            Some(Scenario::Latest)
        } else if self.to_current {
            Some(Scenario::Current)
        } else if let Some(offset) = self.to_offset {
            Some(Scenario::Offset(offset))
        } else if let Some(by) = self.shift_by {
            Some(Scenario::Shift(by))
        } else if let Some(text) = &self.to_datetime {
            Some(Scenario::Time(super::time::datetime_ms(text)?))
        } else if let Some(text) = &self.by_duration {
            let back = super::time::duration_ms(text)?;
            Some(Scenario::Time(now.saturating_sub(back)))
        } else {
            let read = |path: &PathBuf| scenario::Plan::read(path, &self.group);
            self.from_file
                .as_ref()
                .map(read)
                .transpose()?
                .map(Scenario::File)
        })
    }

    async fn chosen(&self, admin: &Admin) -> anyhow::Result<Vec<String>> {
        if !self.all_groups {
            return Ok(self.group.clone());
        }
        let listed = consumer_groups(admin.list_groups().await?);
        Ok(listed.into_iter().map(|group| group.group_id).collect())
    }
}

/// The engine has the syntax of RE2, as that of brokers has.
fn validate(pattern: &str) -> anyhow::Result<()> {
    Regex::new(pattern)
        .map_err(|error| Usage::new(format!("{pattern} is no regular expression: {error}")))?;
    Ok(print(format!(
        "The regular expression `{pattern}` is valid.\n"
    ))?)
}

/// Groups of consumers only: a Connect cluster is a group, too.
fn consumer_groups(mut groups: Vec<GroupListing>) -> Vec<GroupListing> {
    groups.retain(|group| group.protocol_type.is_empty() || group.protocol_type == CONSUMER);
    groups
}
