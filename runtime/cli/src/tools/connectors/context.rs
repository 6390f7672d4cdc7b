//! Which cluster is meant: `--worker`, or a context, which is a name for a cluster's URLs, credentials and brokers.
//!
//! Contexts are kept in one JSON file, `$MILLRACE_CONTEXTS`, or `millrace/contexts.json` below `$XDG_CONFIG_HOME` or
//! `~/.config`: `{"current": NAME, "contexts": {NAME: {"workers": [URL], "user", "password", "ca", "bootstrap.servers"}}}`.
//! Only its owner may read it.
#![expect(
    clippy::disallowed_methods,
    reason = "a command that reads its files before it does anything else"
)]

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use millrace_config::Properties;
use serde_json::{Map, Value, json};

use crate::{
    plan::{read_text, resolved},
    tools::run::Usage,
};

/// Where a worker answers unless told otherwise.
const DEFAULT_WORKER: &str = "http://127.0.0.1:8083";

/// Names the context where no option does.
const VARIABLE: &str = "MILLRACE_CONTEXT";

/// The options of all commands that say which cluster.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// Workers, of which the first that answers is asked: URL,... [default: that of the context, or http://127.0.0.1:8083]
    #[arg(
        long,
        value_name = "URL",
        value_delimiter = ',',
        global = true,
        conflicts_with = "context"
    )]
    worker: Vec<String>,
    /// A cluster by its name (millrace connectors context)
    #[arg(long, value_name = "NAME", global = true)]
    context: Option<String>,
}

/// A cluster of workers, and how to reach it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) urls: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    ca: Option<PathBuf>,
    pub(super) bootstrap_servers: Option<String>,
}

impl Where {
    /// The cluster that is meant.
    ///
    /// # Errors
    /// Contexts that cannot be read, or do not have the one that was named.
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        if !self.worker.is_empty() {
            return Ok(Target::of(&self.worker));
        }
        let named = self
            .context
            .clone()
            .or_else(|| env::var(VARIABLE).ok().filter(|name| !name.is_empty()));
        let contexts = Contexts::read(&path())?;
        match named.or_else(|| contexts.current().map(str::to_owned)) {
            Some(name) => contexts.target(&name),
            None => Ok(Target::of(&[DEFAULT_WORKER.to_owned()])),
        }
    }
}

impl Target {
    fn of(urls: &[String]) -> Self {
        Self {
            urls: urls.iter().map(|url| with_scheme(url)).collect(),
            ..Self::default()
        }
    }

    /// The certificates to trust in place of the system's.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn certificates(&self) -> Result<Option<Vec<u8>>, Usage> {
        let Some(path) = &self.ca else {
            return Ok(None);
        };
        let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
        Ok(Some(text.into_bytes()))
    }
}

fn with_scheme(url: &str) -> String {
    let url = url.trim();
    match url.contains("://") {
        true => url.to_owned(),
        false => format!("http://{url}"),
    }
}

/// The file of the contexts.
pub(super) fn path() -> PathBuf {
    let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = from("MILLRACE_CONTEXTS") {
        return path.into();
    }
    let folder = from("XDG_CONFIG_HOME").map_or_else(
        || PathBuf::from(from("HOME").unwrap_or_default()).join(".config"),
        PathBuf::from,
    );
    folder.join("millrace/contexts.json")
}

/// The contents of the file.
#[derive(Debug)]
pub(super) struct Contexts {
    path: PathBuf,
    document: Map<String, Value>,
}

impl Contexts {
    /// Reads them; none where there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or is no JSON object.
    pub(super) fn read(path: &Path) -> Result<Self, Usage> {
        let document = match path.exists() {
            false => Map::new(),
            true => {
                let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
                serde_json::from_str(&text).map_err(|error| {
                    Usage::new(format!("{}: not a JSON object: {error}", path.display()))
                })?
            }
        };
        Ok(Self {
            path: path.to_owned(),
            document,
        })
    }

    /// The context that counts where none is named.
    pub(super) fn current(&self) -> Option<&str> {
        self.document.get("current")?.as_str()
    }

    /// All by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Value)> {
        let contexts = self.document.get("contexts").and_then(Value::as_object);
        contexts.into_iter().flatten()
    }

    /// The cluster of a context, with values in place of references such as `${env:PASSWORD}`.
    ///
    /// # Errors
    /// A context that is not there, or names no worker.
    pub(super) fn target(&self, name: &str) -> anyhow::Result<Target> {
        let context = self.find(name)?;
        let text = |key: &str| context[key].as_str().map(str::to_owned);
        let urls: Vec<String> = context["workers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|url| url.as_str().map(with_scheme))
            .collect();
        if urls.is_empty() {
            return Err(self
                .wrong(&format!("context {name} has no \"workers\""))
                .into());
        }
        Ok(Target {
            urls,
            user: text("user"),
            password: text("password")
                .map(|value| self.resolved(&value))
                .transpose()?,
            ca: text("ca").map(PathBuf::from),
            bootstrap_servers: text("bootstrap.servers"),
        })
    }

    fn resolved(&self, value: &str) -> Result<String, Usage> {
        let providers = [
            ("config.providers", "env,file"),
            (
                "config.providers.env.class",
                "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            ),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
            ("password", value),
        ];
        let properties: Properties = providers
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut properties =
            resolved(&properties).map_err(|wrong| self.wrong(&wrong.join("; ")))?;
        Ok(properties.remove("password").unwrap_or_default())
    }

    fn find(&self, name: &str) -> Result<&Value, Usage> {
        self.all()
            .find_map(|(known, context)| (known == name).then_some(context))
            .ok_or_else(|| {
                let known: Vec<&str> = self.all().map(|(name, _)| name.as_str()).collect();
                self.wrong(&format!(
                    "there is no context {name}, there are: {}",
                    known.join(", ")
                ))
            })
    }

    fn wrong(&self, what: &str) -> Usage {
        Usage::new(format!("{}: {what}", self.path.display()))
    }

    /// Makes or changes a context: what is given replaces what is there. The first becomes the current one.
    pub(super) fn set(&mut self, name: &str, given: Map<String, Value>) {
        let contexts = self.document.entry("contexts").or_insert_with(|| json!({}));
        if let Value::Object(contexts) = contexts {
            let context = contexts.entry(name).or_insert_with(|| json!({}));
            for (key, value) in given {
                context[key] = value;
            }
        }
        self.document
            .entry("current")
            .or_insert_with(|| name.into());
    }

    /// Makes a context the current one.
    ///
    /// # Errors
    /// A context that is not there.
    pub(super) fn choose(&mut self, name: &str) -> Result<(), Usage> {
        self.find(name)?;
        self.document.insert("current".to_owned(), name.into());
        Ok(())
    }

    /// Forgets a context.
    ///
    /// # Errors
    /// A context that is not there.
    pub(super) fn delete(&mut self, name: &str) -> Result<(), Usage> {
        self.find(name)?;
        if let Some(Value::Object(contexts)) = self.document.get_mut("contexts") {
            contexts.remove(name);
        }
        if self.current() == Some(name) {
            self.document.remove("current");
        }
        Ok(())
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        self.replace()
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn replace(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = self.path.with_extension("json.new");
        // An old one may have been left behind with other permissions.
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        let text = serde_json::to_string_pretty(&self.document)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        fs::rename(&beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::{Contexts, Target};

    fn object(value: &serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn contexts_are_kept_chosen_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/contexts.json");
        let secret = folder.path().join("secret.properties");
        std::fs::write(&secret, "p=wonder\n").unwrap();
        let password = format!("${{file:{}:p}}", secret.display());
        let mut contexts = Contexts::read(&path).unwrap();
        assert_eq!(contexts.current(), None);
        contexts.set("test", object(&json!({"workers": ["h:1"]})));
        contexts.set(
            "prod",
            object(&json!({"workers": ["https://a", "b"], "user": "u", "password": password})),
        );
        contexts.write().unwrap();
        contexts.write().unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        let mut contexts = Contexts::read(&path).unwrap();
        assert_eq!(contexts.current(), Some("test"));
        contexts.choose("prod").unwrap();
        assert_eq!(contexts.current(), Some("prod"));
        let target = contexts.target("prod").unwrap();
        assert_eq!(
            target,
            Target {
                urls: vec!["https://a".into(), "http://b".into()],
                user: Some("u".into()),
                password: Some("wonder".into()),
                ..Target::default()
            }
        );
        contexts.delete("prod").unwrap();
        assert_eq!(contexts.current(), None);
        let said = contexts.target("prod").unwrap_err().to_string();
        assert!(said.contains("there are: test"), "{said}");
    }
}
