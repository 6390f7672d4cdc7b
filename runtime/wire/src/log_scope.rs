//! On whose behalf code runs, for its log lines.
//!
//! A connector's task logs on a target of its own, whichever crate the line comes from. The target goes with the task of
//! the runtime; what that one starts in turn inherits it where it is started by [`inherited`].

use std::future::Future;
use std::sync::Arc;

use tokio::task_local;

task_local! {
    static TARGET: Arc<str>;
}

/// Runs a future whose lines belong to `target`.
pub async fn within<F: Future>(target: Arc<str>, future: F) -> F::Output {
    TARGET.scope(target, future).await
}

/// Calls something whose lines belong to `target`.
pub fn enter<T>(target: Arc<str>, call: impl FnOnce() -> T) -> T {
    TARGET.sync_scope(target, call)
}

/// A future whose lines belong to whom this call's lines belong to.
pub fn inherited<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let target = TARGET.try_with(Arc::clone).ok();
    async move {
        match target {
            Some(target) => within(target, future).await,
            None => future.await,
        }
    }
}

/// Shows the target that lines belong to here, if there is one.
pub fn current<T>(look: impl FnOnce(Option<&str>) -> T) -> T {
    let target = TARGET.try_with(Arc::clone).ok();
    look(target.as_deref())
}

#[cfg(test)]
mod tests {
    use super::{current, enter, inherited, within};

    fn target() -> Option<String> {
        current(|target| target.map(str::to_owned))
    }

    #[tokio::test]
    async fn what_is_started_inherits_the_target() {
        assert_eq!(target(), None);
        let (own, plain, inherits) = within("a".into(), async {
            let plain = tokio::spawn(async { target() });
            let inherits = tokio::spawn(inherited(async { target() }));
            (target(), plain.await.unwrap(), inherits.await.unwrap())
        })
        .await;
        let a = Some("a".to_owned());
        assert_eq!((own, plain, inherits), (a.clone(), None, a));
        assert_eq!(
            tokio::spawn(inherited(async { target() })).await.unwrap(),
            None
        );
        assert_eq!(enter("b".into(), target).as_deref(), Some("b"));
    }
}
