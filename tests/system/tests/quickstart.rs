//! The README's first command, from the files it names.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{fs, io::Write as _, time::Duration};

use millrace_system::{binary::repository, input, process::Millrace, sandbox::Sandbox, wait};

const FILES: [&str; 4] = [
    "worker.properties",
    "file-source.properties",
    "stdout-sink.properties",
    "shop.log",
];

/// The sandbox with a copy of `config/quickstart`; only the ports differ, so that tests may run side by side.
fn copy() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.join("config/quickstart")).unwrap();
    for file in FILES {
        let name = format!("config/quickstart/{file}");
        let text = fs::read_to_string(repository().join(&name)).unwrap();
        sandbox.write(&name, text.replace(":8083", ":0").replace(":9092", ":0"));
    }
    sandbox
}

#[test]
fn a_file_is_tailed_into_a_topic_and_printed() {
    let sandbox = copy();
    let files = FILES.map(|file| format!("config/quickstart/{file}"));
    let mut millrace = Millrace::start(&sandbox, ["standalone", &files[0], &files[1], &files[2]]);
    let mut expected = sandbox.read(&files[3]);
    let printed = |millrace: &Millrace, expected: &[u8]| {
        let stdout = millrace.stdout();
        input::lines(expected)
            .iter()
            .all(|line| input::lines(&stdout).iter().any(|out| out.ends_with(line)))
    };
    wait::until("the sample to be printed", Duration::from_secs(60), || {
        printed(&millrace, &expected)
    });

    let added = b"2026-03-02T09:03:00.000Z INFO  order 4713 paid\n";
    fs::OpenOptions::new()
        .append(true)
        .open(sandbox.join(&files[3]))
        .unwrap()
        .write_all(added)
        .unwrap();
    expected.extend_from_slice(added);
    wait::until(
        "the new line to be printed",
        Duration::from_secs(60),
        || printed(&millrace, &expected),
    );

    assert!(millrace.stop().success(), "{}", millrace.stderr());
}

#[test]
fn help_and_version_need_nothing() {
    let sandbox = Sandbox::new();
    for arguments in [
        ["--help"].as_slice(),
        &["standalone", "--help"],
        &["broker", "--help"],
        &["--version"],
    ] {
        let mut millrace = Millrace::start(&sandbox, arguments);
        assert!(millrace.wait().success());
        assert!(!millrace.stdout().is_empty());
        assert_eq!(millrace.stderr(), "");
    }
}
