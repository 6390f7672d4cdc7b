//! The key that requests between workers are signed with: made by the leader, changed now and then.

use super::DistributedHerder;
use crate::group::protocol::Version;
use crate::store::topic::config_state::session_key_written;
use crate::store::topic::session_key::{Algorithm, SessionKey};

impl DistributedHerder {
    /// Writes a new key if this worker leads and there is none that can still be used.
    pub(super) async fn renew_key_if_due(&self) {
        let role = self.peers.role();
        if !role.is_leader || role.version < Some(Version::Sessioned) {
            return;
        }
        let Some(algorithm) = Algorithm::named(&self.group.key_algorithm) else {
            return;
        };
        let len = self.group.key_bits.map_or(algorithm.len(), |bits| {
            usize::try_from(bits / 8).unwrap_or(0).max(1)
        });
        let now_ms = self.clock.now_ms();
        let ttl_ms = i64::from(self.group.key_ttl_ms);
        let is_good = self.configs.look(|state| {
            state.session_key().is_some_and(|key| {
                is_usable(key, algorithm, len) && (ttl_ms == 0 || key.created_ms + ttl_ms > now_ms)
            })
        });
        if is_good {
            return;
        }
        let key = match SessionKey::random(algorithm, len, now_ms) {
            Ok(key) => key,
            Err(error) => return log::error!("cannot make a session key: {error}"),
        };
        let _writing = self.peers.writing.lock().await;
        if let Err(error) = self.configs.write(&[session_key_written(&key)]).await {
            log::error!("cannot write a new session key, trying again: {error}");
        }
    }
}

fn is_usable(key: &SessionKey, algorithm: Algorithm, len: usize) -> bool {
    key.algorithm == algorithm.name() && key.bytes.len() == len
}
