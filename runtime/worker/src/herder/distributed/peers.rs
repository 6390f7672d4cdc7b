//! The other workers of the group: who leads, and what is said to the leader.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::Properties;

use crate::group::protocol::Version;
use crate::herder::error::HerderError;
use crate::herder::share::PublishTasks;
use crate::store::topic::config_state::{Known, commit_written, task_written};
use crate::store::topic::configs::{ConfigTopic, ConfigWriteError};
use crate::store::topic::session_key::{Algorithm, from_base64};
use crate::task::TargetState;

/// The headers of a signed request.
pub(crate) const SIGNATURE: &str = "X-Connect-Authorization";
pub(crate) const SIGNATURE_ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";
/// How long the leader may take to write configurations of tasks.
const LEADER_ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// The place of this worker in its group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Role {
    /// Where the leader is reached; none before the first generation.
    pub(super) leader_url: Option<String>,
    pub(super) is_leader: bool,
    /// The protocol of the generation; none before the first.
    pub(super) version: Option<Version>,
}

/// A request that another worker has signed, or should have.
#[derive(Debug, Clone, Default)]
pub struct InternalRequest {
    /// What is signed.
    pub body: Vec<u8>,
    /// The signature, as its header has it.
    pub signature: Option<String>,
    /// How it was made.
    pub algorithm: Option<String>,
}

/// Knows the group's leader, and speaks to it.
#[derive(Debug)]
pub(super) struct Peers {
    role: Mutex<Role>,
    pub(super) configs: Arc<ConfigTopic>,
    http: reqwest::Client,
    signs_with: Algorithm,
    accepts: Vec<Algorithm>,
    /// What the leader writes, it writes one after another.
    pub(super) writing: tokio::sync::Mutex<()>,
}

impl Peers {
    pub(super) fn new(
        configs: Arc<ConfigTopic>,
        http: reqwest::Client,
        signs_with: Algorithm,
        accepts: Vec<Algorithm>,
    ) -> Self {
        Self {
            role: Mutex::default(),
            configs,
            http,
            signs_with,
            accepts,
            writing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn role(&self) -> Role {
        self.role
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_role(&self, role: Role) {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role;
    }

    /// Fails where another worker leads: the request is for that one.
    pub(super) fn only_leader(&self) -> Result<(), HerderError> {
        let role = self.role();
        match (role.is_leader, role.leader_url) {
            (true, _) => Ok(()),
            (false, Some(url)) => Err(HerderError::elsewhere(url)),
            (false, None) => Err(in_conflict()),
        }
    }

    /// Checks what another worker has signed.
    pub(super) fn verify(&self, request: &InternalRequest) -> Result<(), HerderError> {
        if self
            .role()
            .version
            .is_some_and(|version| version < Version::Sessioned)
        {
            return Ok(());
        }
        let bad = |text: String| Err(HerderError::bad_request(text));
        let (Some(signature), Some(algorithm)) = (&request.signature, &request.algorithm) else {
            return bad("Internal request missing required signature".to_owned());
        };
        let Some(signature) = from_base64(signature) else {
            return bad("Internal request has a signature that is not base64".to_owned());
        };
        let Some(known) = Algorithm::named(algorithm) else {
            return bad(format!(
                "Internal request has the unknown signature algorithm {algorithm}"
            ));
        };
        if !self.accepts.contains(&known) {
            return bad(format!(
                "Internal request has the signature algorithm {algorithm}, which inter.worker.verification.algorithms does not name"
            ));
        }
        let key = self.configs.look(|state| state.session_key().cloned());
        let Some(key) = key else {
            return Err(HerderError {
                kind: crate::herder::Kind::Unavailable,
                message: "This worker has not read the session key of its group yet".to_owned(),
            });
        };
        if key.verifies(known, &request.body, &signature) {
            Ok(())
        } else {
            Err(HerderError::forbidden(
                "Internal request contained invalid signature.",
            ))
        }
    }

    /// Writes the configurations of a connector's tasks; none where it was deleted meanwhile. For the leader.
    ///
    /// # Errors
    /// Where it is stopped, or they cannot be written.
    pub(super) async fn write_tasks(
        &self,
        name: &str,
        tasks: &[Properties],
    ) -> Result<(), HerderError> {
        let _writing = self.writing.lock().await;
        // Looked at only now: a stop that was being written would be undone by half.
        let target = self.configs.look(|state| {
            let known = state.connector(name);
            known.map(|_| state.target(name))
        });
        match target {
            None => return Ok(()),
            Some(TargetState::Stopped) if !tasks.is_empty() => {
                return Err(HerderError::bad_request(format!(
                    "Cannot submit non-empty set of task configs for stopped connector {name}"
                )));
            }
            Some(_) => {}
        }
        let mut records: Vec<_> = tasks
            .iter()
            .enumerate()
            .map(|(task, config)| task_written(name, task, config))
            .collect();
        records.push(commit_written(name, tasks.len()));
        let written = self.configs.write(&records).await;
        written.map_err(|error| not_written(&error))
    }

    async fn ask_leader(
        &self,
        url: &str,
        name: &str,
        tasks: &[Properties],
        version: Option<Version>,
    ) -> Result<(), HerderError> {
        let body = serde_json::to_vec(tasks).unwrap_or_default();
        let path = format!(
            "{}/connectors/{}/tasks",
            url.trim_end_matches('/'),
            escaped(name)
        );
        let mut request = self
            .http
            .post(path)
            .timeout(LEADER_ANSWERS_WITHIN)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json");
        if version.is_none_or(|version| version >= Version::Sessioned) {
            let key = self.configs.look(|state| state.session_key().cloned());
            let key =
                key.ok_or_else(|| HerderError::internal("the group has no session key yet"))?;
            request = request
                .header(SIGNATURE, key.sign(self.signs_with, &body))
                .header(SIGNATURE_ALGORITHM, self.signs_with.name());
        }
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| {
            HerderError::internal(format!("the leader at {url} cannot be asked: {error}"))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = answer.text().await.unwrap_or_default();
        Err(HerderError::internal(format!(
            "the leader at {url} refuses with {status}: {text}"
        )))
    }
}

#[async_trait]
impl PublishTasks for Peers {
    async fn publish(&self, name: &str, tasks: Vec<Properties>) -> Result<(), HerderError> {
        let known = self.configs.look(|state| state.connector(name).cloned());
        let Some(known) = known else {
            // It was deleted meanwhile.
            return Ok(());
        };
        if !is_changed(&known, &tasks) {
            return Ok(());
        }
        let role = self.role();
        match (role.is_leader, &role.leader_url) {
            (true, _) => self.write_tasks(name, &tasks).await,
            (false, Some(url)) => self.ask_leader(url, name, &tasks, role.version).await,
            (false, None) => Err(in_conflict()),
        }
    }
}

/// Whether tasks are others than those that were written, or were written for another configuration of the connector.
fn is_changed(known: &Known, tasks: &[Properties]) -> bool {
    known.inconsistent || known.applied != known.config || known.tasks != tasks
}

/// What is said while nobody can say who is to answer.
pub(super) fn in_conflict() -> HerderError {
    HerderError::conflict(
        "Cannot complete request because of a conflicting operation (e.g. worker rebalance)",
    )
}

pub(super) fn not_written(error: &ConfigWriteError) -> HerderError {
    HerderError::internal(format!(
        "Error writing connector configuration to Kafka: {}",
        crate::causes::chain(error)
    ))
}

/// A name as a segment of a path.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                text.push(char::from(byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
