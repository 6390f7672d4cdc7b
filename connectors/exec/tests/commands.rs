//! What becomes of commands and of what they print; a test takes the part of worker and broker.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use millrace_exec::Exec;
use millrace_testkit::{MemoryOffsets, SourceRun, properties};

const PATIENCE: Duration = Duration::from_secs(60);

async fn start(pairs: &[(&str, &str)]) -> SourceRun<Exec> {
    let base = [("topic", "t"), ("shell", "/bin/sh -c")];
    let properties = properties(base.iter().chain(pairs));
    let offsets = MemoryOffsets::default();
    let started = SourceRun::start(Exec::default(), &properties, &offsets).await;
    started.unwrap_or_else(|error| panic!("{}", error.trace()))
}

async fn values(run: &mut SourceRun<Exec>, count: usize) -> Vec<String> {
    let records = run.poll_records(count).await.unwrap();
    records
        .into_iter()
        .map(|record| record.value.unwrap_or_default())
        .collect()
}

/// Whether a process is there, and no zombie.
fn is_alive(id: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(id).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

fn await_end(ids: &[String]) {
    let end = Instant::now() + PATIENCE;
    while ids.iter().any(|id| is_alive(id)) {
        assert!(Instant::now() < end, "{ids:?} are still there");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn lines_with_their_limits_and_charsets() {
    for (command, key, value, expected) in [
        (
            "printf 'one\\r\\n\\ntwo'",
            "stderr",
            "log",
            &["one", "", "two"][..],
        ),
        (
            "printf 'a\\351b\\n'",
            "charset",
            "ISO-8859-1",
            &["a\u{e9}b"],
        ),
        ("printf 'a\\351b\\n'", "charset", "utf-8", &["a\u{fffd}b"]),
        (
            "printf '0123456789abcdefgh\\nx\\n'",
            "max.line.bytes",
            "16",
            &["0123456789abcdef", "gh", "x"],
        ),
        (
            "echo \"$GREETING $HOME\" | tr a-z A-Z",
            "environment",
            "GREETING=hello,HOME=",
            &["HELLO "],
        ),
        ("echo out; echo err >&2", "stderr", "discard", &["out"]),
        ("pwd", "working.directory", "/", &["/"]),
    ] {
        let mut run = start(&[("command", command), (key, value)]).await;
        assert_eq!(
            values(&mut run, expected.len()).await,
            expected,
            "{command}"
        );
        run.stop().await;
    }
    let both = [("command", "echo out; echo err >&2"), ("stderr", "records")];
    let mut run = start(&both).await;
    let mut lines = values(&mut run, 2).await;
    lines.sort();
    assert_eq!(lines, ["err", "out"]);
    run.stop().await;
}

#[tokio::test]
async fn the_workers_environment_is_not_the_commands() {
    let mut run = start(&[("command", "env; echo end"), ("environment", "OWN=1")]).await;
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "end") {
        let more = values(&mut run, 1).await;
        names.extend(
            more.iter()
                .map(|line| line.split('=').next().unwrap().to_owned()),
        );
    }
    // Cargo has set variables that the worker of this test has.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(names.contains(&"OWN".to_owned()) && names.contains(&"PATH".to_owned()));
    assert!(
        !names.iter().any(|name| name.starts_with("CARGO")),
        "{names:?}"
    );
    run.stop().await;
}

#[tokio::test]
async fn without_a_shell_nothing_is_understood_but_blanks() {
    let dir = tempfile::tempdir().unwrap();
    let hurt = dir.path().join("hurt");
    let command = format!("echo  'a' $HOME ; touch {}", hurt.display());
    let properties = properties(&[("command", &*command), ("topic", "t")]);
    let started = SourceRun::start(Exec::default(), &properties, &MemoryOffsets::default()).await;
    let mut run = started.unwrap_or_else(|error| panic!("{}", error.trace()));
    let said = values(&mut run, 1).await;
    assert_eq!(said, [format!("'a' $HOME ; touch {}", hurt.display())]);
    run.stop().await;
    assert!(!hurt.exists());
}

#[tokio::test]
async fn a_command_that_fails_fails_the_task_with_its_exit_code_and_last_words() {
    let mut run = start(&[("command", "echo one; echo 'no disk' >&2; exit 3")]).await;
    assert_eq!(values(&mut run, 1).await, ["one"]);
    let failed = run.poll().await.unwrap_err().to_string();
    for mention in ["exit status: 3", "no disk", "restart=on-failure"] {
        assert!(failed.contains(mention), "{mention}: {failed}");
    }
    run.stop().await;
    // One that ends well is over, and the task goes on without it.
    let mut run = start(&[("command", "echo one")]).await;
    assert_eq!(values(&mut run, 1).await, ["one"]);
    let more = tokio::time::timeout(Duration::from_millis(100), run.task().poll()).await;
    assert!(more.is_err(), "{more:?}");
    run.stop().await;
}

#[tokio::test]
async fn commands_are_started_again_by_policy_within_a_budget() {
    let again = [
        ("command", "echo one"),
        ("restart", "true"),
        ("restartThrottle", "1"),
    ];
    let mut run = start(&again).await;
    assert_eq!(values(&mut run, 5).await[..5], ["one"; 5]);
    run.stop().await;

    let failing = [
        ("command", "echo one; exit 7"),
        ("restart", "on-failure"),
        ("restart.pause.ms", "1"),
        ("restart.failures.max", "2"),
    ];
    let mut run = start(&failing).await;
    assert_eq!(values(&mut run, 3).await, ["one"; 3]);
    let failed = run.poll().await.unwrap_err().to_string();
    assert!(
        failed.contains("exit status: 7") && failed.contains("restart.failures.max"),
        "{failed}"
    );
    run.stop().await;
}

#[tokio::test]
async fn batches_wait_for_more_lines_as_long_as_they_are_told() {
    let slow = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.02; done; sleep 60";
    let keys = [
        ("command", slow),
        ("batch.size", "3"),
        ("batch.timeout.ms", "10000"),
    ];
    let mut run = start(&keys).await;
    for _ in 0..2 {
        let batch = run.poll().await.unwrap().unwrap();
        assert_eq!(batch.len(), 3);
    }
    run.stop().await;
}

#[tokio::test]
async fn a_stop_ends_all_that_the_command_has_started() {
    // The second ignores being asked, and so does its parent.
    let stubborn = "trap '' TERM; sleep 300 & echo $!; sh -c 'trap \"\" TERM; echo $$; sleep 300' & echo $$; wait";
    let keys = [("command", stubborn), ("stop.timeout.ms", "100")];
    let mut run = start(&keys).await;
    let ids = values(&mut run, 3).await;
    assert!(ids.iter().all(|id| is_alive(id)), "{ids:?}");
    run.stop().await;
    await_end(&ids);
    // Dropped without a stop, as when a task is abandoned.
    let mut run = start(&keys).await;
    let ids = values(&mut run, 3).await;
    drop(run);
    await_end(&ids);
}

#[tokio::test]
async fn a_command_waits_while_nobody_takes_what_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("count");
    let endless = format!(
        "i=0; while :; do i=$((i+1)); echo $i; echo $i > {}; done",
        path.display()
    );
    let mut run = start(&[("command", &endless)]).await;
    values(&mut run, 10).await;
    let count = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.trim().parse::<u64>().unwrap_or(0)
    };
    // It stands still once the pipe is full.
    let (mut last, mut since) = (count(), Instant::now());
    let end = Instant::now() + PATIENCE;
    while since.elapsed() < Duration::from_millis(300) {
        assert!(Instant::now() < end, "it goes on");
        std::thread::park_timeout(Duration::from_millis(20));
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    values(&mut run, 1).await;
    run.stop().await;
}
