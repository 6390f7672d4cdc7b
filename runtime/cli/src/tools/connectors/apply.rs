//! From files to connectors: `create`, `diff`, `apply` and `validate`.
//!
//! Applying is planned first: what the cluster has is compared with what the files say, every new configuration is
//! judged by a worker, and only then, and if whoever is asked agrees, something is changed.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use anyhow::bail;
use clap::Args;
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Workers, of},
    files,
    plan::{self, Action, Step},
    plan_text,
    secret::Secrets,
    settle::{self, Goal, Patience},
    verdict::judge,
};
use crate::{
    banner,
    plan::ConnectorFile,
    tools::{
        run::{Differs, NoWorker, Usage},
        stdout::{print, print_json},
        table::{Column, Table},
    },
};

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Connectors, properties or JSON, or folders with such files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Connectors, properties or JSON, or folders with such files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// Connectors, properties or JSON, or folders with such files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Delete connectors that are in no file
    #[arg(long)]
    prune: bool,
    /// Look only at connectors whose names match this regular expression, those of files included
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    wanted: Wanted,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Create {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let files = files::read(&self.files)?;
        let mut failed = Vec::new();
        for file in &files {
            if let Err(error) = create(workers, file).await {
                if error.is::<NoWorker>() {
                    return Err(error);
                }
                failed.push(format!("{}: {error:#}", file.path.display()));
                continue;
            }
            if let Err(error) = self.patience.wait(workers, &file.name, goal(file)).await {
                failed.push(format!("{error:#}"));
            } else if as_json {
                print_json(&json!({"connector": file.name, "created": true}))?;
            } else {
                print(format!("{} created\n", file.name))?;
            }
        }
        settle::all_done(&failed)
    }
}

impl Validate {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let mut secrets = Secrets::default();
        let mut documents = Vec::new();
        let mut table = Table::new(&[
            Column("FILE", 0),
            Column("CONNECTOR", 0),
            Column("VERDICT", 0),
        ]);
        let mut invalid = 0;
        for file in files::read(&self.files)? {
            let verdict = judge(workers, &file, &mut secrets).await?;
            let path = file.path.display().to_string();
            let is_valid = verdict.errors.is_empty();
            invalid += usize::from(!is_valid);
            documents.push(json!({
                "file": path, "connector": file.name, "valid": is_valid, "errors": verdict.json(),
            }));
            let said = match is_valid {
                true => vec!["valid".to_owned()],
                false => verdict.lines().collect(),
            };
            for line in said {
                table.row(vec![
                    path.clone(),
                    file.name.clone(),
                    line.replace('\n', " "),
                ]);
            }
        }
        match as_json {
            true => print_json(&Value::Array(documents))?,
            false => print(table.to_text())?,
        }
        match invalid {
            0 => Ok(()),
            count => bail!("{count} of the configurations would be refused"),
        }
    }
}

/// A plan, and what it was made of.
struct Planned {
    files: Vec<ConnectorFile>,
    steps: Vec<Step>,
    secrets: Secrets,
    /// What is wrong with the files' configurations.
    problems: Vec<String>,
}

impl Wanted {
    async fn plan(&self, workers: &Workers) -> anyhow::Result<Planned> {
        let is_meant = |name: &str| self.only.as_ref().is_none_or(|only| only.is_match(name));
        let mut files = files::read(&self.files)?;
        files.retain(|file| is_meant(&file.name));
        let mut actual = plan::actual(&workers.get("/connectors?expand=info").await?);
        actual.retain(|name, _| is_meant(name));
        let steps = plan::steps(&files, &actual, self.prune);
        let mut secrets = Secrets::default();
        let mut problems = Vec::new();
        for step in steps.iter().filter(|step| step.action.is_change()) {
            if let Some(file) = step.file.and_then(|index| files.get(index)) {
                let verdict = judge(workers, file, &mut secrets).await?;
                problems.extend(
                    verdict
                        .lines()
                        .map(|line| format!("{}: {line}", file.path.display())),
                );
            }
        }
        Ok(Planned {
            files,
            steps,
            secrets,
            problems,
        })
    }

    /// Shows the plan; says by the exit code whether there is something to do.
    pub(super) async fn diff(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let planned = self.plan(workers).await?;
        planned.show(as_json, &[])?;
        planned.refuse_problems()?;
        let count = planned.changes().count();
        match count {
            0 => Ok(()),
            1 => Err(Differs("1 connector is not as its file says".to_owned()).into()),
            _ => Err(Differs(format!("{count} connectors are not as the files say")).into()),
        }
    }
}

impl Planned {
    fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action.is_change())
    }

    fn refuse_problems(&self) -> Result<(), Usage> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Usage::new(format!(
                "nothing was changed, for the worker would refuse:\n  {}",
                self.problems.join("\n  ")
            ))),
        }
    }

    fn show(&self, as_json: bool, outcomes: &[(String, Result<(), String>)]) -> anyhow::Result<()> {
        if !as_json {
            return Ok(print(plan_text::text(
                &self.steps,
                &self.files,
                &self.secrets,
            ))?);
        }
        let document = |step: &Step| {
            let outcome = outcomes.iter().find(|(name, _)| *name == step.name);
            plan_text::json(
                step,
                &self.files,
                &self.secrets,
                outcome.map(|(_, outcome)| outcome),
            )
        };
        Ok(print_json(&self.steps.iter().map(document).collect())?)
    }
}

impl Apply {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let planned = self.wanted.plan(workers).await?;
        if !as_json || self.dry_run {
            planned.show(as_json, &[])?;
        }
        planned.refuse_problems()?;
        if self.dry_run {
            return Ok(());
        }
        if planned.changes().next().is_none() {
            return match as_json {
                true => planned.show(true, &[]),
                false => Ok(()),
            };
        }
        if !self.yes {
            ask("apply this?").await?;
        }
        let mut outcomes = Vec::new();
        for step in planned.changes() {
            let outcome = self.carry_out(workers, step, &planned.files).await;
            if !as_json {
                match &outcome {
                    Ok(()) => print(format!("{}: {}d\n", step.name, step.action.word()))?,
                    Err(error) => banner::note(&format!("{}: {error:#}", step.name)),
                }
            }
            let is_gone = outcome.as_ref().is_err_and(anyhow::Error::is::<NoWorker>);
            outcomes.push((
                step.name.clone(),
                outcome.map_err(|error| format!("{error:#}")),
            ));
            if is_gone {
                break;
            }
        }
        if as_json {
            planned.show(true, &outcomes)?;
        }
        let done = outcomes
            .iter()
            .filter(|(_, outcome)| outcome.is_ok())
            .count();
        let wanted = planned.changes().count();
        match done == wanted {
            true => Ok(()),
            false => bail!("{done} of {wanted} changes were made; applying again makes the others"),
        }
    }

    async fn carry_out(
        &self,
        workers: &Workers,
        step: &Step,
        files: &[ConnectorFile],
    ) -> anyhow::Result<()> {
        let file = step.file.and_then(|index| files.get(index));
        match (&step.action, file) {
            (Action::Create, Some(file)) => {
                create(workers, file).await?;
                self.patience.wait(workers, &step.name, goal(file)).await
            }
            (Action::Update, Some(file)) => {
                let path = of(&step.name, "/config")?;
                let config = json!(file.config);
                workers.send(Method::PUT, &path, Some(&config)).await?;
                self.patience.wait(workers, &step.name, Goal::Settled).await
            }
            (Action::Delete, _) => {
                workers
                    .send(Method::DELETE, &of(&step.name, "")?, None)
                    .await?;
                self.patience.wait(workers, &step.name, Goal::Gone).await
            }
            _ => Ok(()),
        }
    }
}

async fn create(workers: &Workers, file: &ConnectorFile) -> anyhow::Result<()> {
    let mut body = json!({"name": file.name, "config": file.config});
    if let Some(state) = &file.initial_state {
        body["initial_state"] = state.as_str().into();
    }
    workers
        .send(Method::POST, "/connectors", Some(&body))
        .await
        .map(drop)
}

/// The state in which a connector of a file begins.
fn goal(file: &ConnectorFile) -> Goal {
    match file.initial_state.as_deref() {
        Some("PAUSED") => Goal::Paused,
        Some("STOPPED") => Goal::Stopped,
        _ => Goal::Running,
    }
}

/// Asks whoever sits at the terminal.
///
/// # Errors
/// An answer other than yes, or nobody to ask.
pub(super) async fn ask(question: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(
            Usage::new("nothing was changed: nobody is there to be asked; add --yes").into(),
        );
    }
    banner::note(&format!("{question} (y or n)"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    match answer.await??.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was changed"),
    }
}
