//! Making and reading `__consumer_offsets` when it is first needed.

use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use super::GroupCoordinator;
use crate::core::Core;

/// How long a request waits for the groups to be read back before its client is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

impl GroupCoordinator {
    /// The coordinator, ready to serve. Makes the topic if it is missing; where reading it takes long, the error is
    /// [`ErrorCode::COORDINATOR_LOAD_IN_PROGRESS`] and the reading goes on.
    pub(crate) async fn ready(core: &Arc<Core>) -> Result<&GroupCoordinator, ErrorCode> {
        if !core.groups.is_loaded() {
            let opening = tokio::spawn(GroupCoordinator::open(Arc::clone(core)));
            match tokio::time::timeout(PATIENCE, opening).await {
                Ok(Ok(outcome)) => outcome?,
                Ok(Err(_)) => return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
                Err(_) => return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            }
        }
        Ok(&core.groups)
    }

    /// Makes the topic if it is missing, and reads the groups back.
    pub(crate) async fn open(core: Arc<Core>) -> Result<(), ErrorCode> {
        let groups = Arc::clone(&core.groups);
        let _opening = groups.opening.lock().await;
        if groups.is_loaded() {
            return Ok(());
        }
        let topic = core.offsets_topic().await.map_err(|error| {
            log::error!("group coordinator: cannot make the topic of offsets: {error}");
            ErrorCode::COORDINATOR_NOT_AVAILABLE
        })?;
        let logs: Vec<_> = topic
            .partitions
            .iter()
            .map(|partition| Arc::clone(&partition.log))
            .collect();
        let loading = tokio::task::spawn_blocking({
            let groups = Arc::clone(&groups);
            move || groups.load(&logs)
        });
        match loading.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                log::error!("group coordinator: {error}");
                Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)
            }
            Err(_) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }
}
