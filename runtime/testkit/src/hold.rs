//! How long a call keeps its thread without giving other tasks a turn.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Runs `call` and returns its result with the longest time one of its steps kept the thread.
#[expect(
    clippy::disallowed_methods,
    reason = "measures the machine, not the program's idea of time"
)]
pub async fn longest_hold<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let mut call = pin!(call);
    let mut longest = Duration::ZERO;
    let result = std::future::poll_fn(|context| {
        let started = Instant::now();
        let step = call.as_mut().poll(context);
        longest = longest.max(started.elapsed());
        step
    })
    .await;
    (result, longest)
}

/// As [`longest_hold`], but gives up after `deadline`.
pub(crate) async fn within<T>(deadline: Duration, what: &str, call: impl Future<Output = T>) -> T {
    tokio::select! {
        result = call => result,
        () = tokio::time::sleep(deadline) => panic!("{what} took more than {deadline:?}"),
    }
}

/// A future that is ready at its second step.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
