//! How a run can fail, what is printed then, and with which exit code.

use std::{fmt, io, process::ExitCode};

/// Why the process ends with another code than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user wrote cannot be run; found before any port is opened.
    Configuration(Vec<Problem>),
    /// The configuration is sound, but the machine did not allow it.
    Start(anyhow::Error),
    /// It ran, and stopped; these things were given up at the deadline or failed while stopping.
    Unclean(Vec<String>),
    /// The command line asks for what cannot be.
    Usage(String),
    /// A tool ran, and what it was asked for did not come about.
    Failed(anyhow::Error),
    /// A tool compared two things, which differ.
    Differs(String),
    /// A signal, by its number, ended a tool before it was done.
    Interrupted(u8),
}

impl Failure {
    /// The exit code that `--help` names for this failure.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unclean(_) | Self::Failed(_) => ExitCode::from(1),
            Self::Configuration(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Start(_) => ExitCode::from(3),
            Self::Differs(_) => ExitCode::from(4),
            // The shell's convention for a process that a signal ended.
            Self::Interrupted(signal) => ExitCode::from(signal.saturating_add(128)),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Start(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => {
                let count = problems.len();
                let noun = if count == 1 { "problem" } else { "problems" };
                write!(
                    f,
                    "nothing was started: {count} {noun} in the configuration"
                )?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
            Self::Start(error) | Self::Failed(error) => {
                write!(f, "{}", chain(error))?;
                remedy(error).map_or(Ok(()), |remedy| write!(f, "\n  {remedy}"))
            }
            Self::Usage(text) | Self::Differs(text) => write!(f, "{text}"),
            Self::Interrupted(_) => write!(f, "interrupted"),
            Self::Unclean(abandoned) => {
                write!(f, "stopped, but not cleanly")?;
                abandoned
                    .iter()
                    .try_for_each(|what| write!(f, "\n  {what}"))
            }
        }
    }
}

/// An error and its causes in a line. What the text above a cause says already is not said again.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// What to do about an error that has an obvious remedy.
fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::AddrInUse).then_some(
        "Another process listens there: stop it, or choose another port by listeners (in a worker file \
         broker.listeners, for the included broker).",
    )
}

/// One thing that is wrong in what the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file or flag it is in.
    place: String,
    text: String,
}

impl Problem {
    pub(crate) fn new(place: impl fmt::Display, text: impl fmt::Display) -> Self {
        Self {
            place: place.to_string(),
            text: text.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Problem};

    #[test]
    fn problems_are_listed_together() {
        let failure = Failure::Configuration(vec![
            Problem::new("a.properties", "no name"),
            Problem::new("b.json", "no class"),
        ]);
        assert_eq!(
            failure.to_string(),
            "nothing was started: 2 problems in the configuration\n  a.properties: no name\n  b.json: no class"
        );
    }

    #[test]
    fn a_cause_is_said_once_and_a_port_in_use_has_a_remedy() {
        let cause = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        let above = format!("cannot listen on 127.0.0.1:9092: {cause}");
        let shown = Failure::Start(anyhow::Error::new(cause).context(above.clone())).to_string();
        assert!(
            shown.starts_with(&format!("{above}\n  Another process listens there")),
            "{shown}"
        );
    }

    #[test]
    fn a_start_failure_shows_its_causes() {
        let failure = Failure::Start(
            anyhow::anyhow!("address in use").context("cannot listen on 127.0.0.1:9092"),
        );
        assert_eq!(
            failure.to_string(),
            "cannot listen on 127.0.0.1:9092: address in use"
        );
    }
}
