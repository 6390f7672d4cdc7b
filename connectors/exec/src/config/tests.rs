use millrace_testkit::properties;

use super::*;

#[test]
fn everything_wrong_is_told_together_with_key_value_and_remedy() {
    let keys = properties(&[
        ("topic", "a b"),
        ("shell", " "),
        ("restart", "often"),
        ("stderr", "mail"),
        ("environment", "A=1,B"),
        ("charset", "EBCDIC"),
        ("batchSize", "0"),
        ("restartThrottle", "1"),
        ("restart.pause.ms", "1"),
    ]);
    let told = ExecConfig::read(&keys).unwrap_err().to_string();
    for mention in [
        "\"command\"",
        "a b for configuration topic",
        "often for configuration restart",
        "mail for configuration stderr",
        "'B' is no variable",
        "EBCDIC for configuration charset",
        "0 for configuration batchSize",
    ] {
        assert!(told.contains(mention), "{mention}: {told}");
    }
    let beside = ExecConfig::contradictions(&keys);
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert!(beside[0].1.contains("another name of restart.pause.ms"));
}

#[test]
fn flumes_keys_are_taken() {
    let keys = properties(&[
        ("command", "tail -F /var/log/my.log"),
        ("topic", "t"),
        ("restart", "true"),
        ("restartThrottle", "5"),
        ("logStdErr", "false"),
        ("batchSize", "20"),
        ("batchTimeout", "3000"),
    ]);
    let config = ExecConfig::read(&keys).unwrap();
    assert_eq!(config.words(), ["tail", "-F", "/var/log/my.log"]);
    assert!(config.restarts_after(false) && config.restarts_after(true));
    let pause = config.restarts().pause_after(true, Duration::ZERO);
    assert_eq!(pause, Some(Duration::from_millis(5)));
    assert_eq!(config.stderr(), Stderr::Discard);
    assert_eq!(config.rows_max(), 20);
    assert_eq!(config.batch_timeout(), Duration::from_secs(3));
}

#[test]
fn a_shell_gets_the_command_whole() {
    let keys = properties(&[
        ("command", "echo 'a  b' | cat"),
        ("shell", "/bin/sh -c"),
        ("topic", "t"),
    ]);
    let config = ExecConfig::read(&keys).unwrap();
    assert_eq!(config.words(), ["/bin/sh", "-c", "echo 'a  b' | cat"]);
    assert!(!config.restarts_after(true));
}

/// Keys with their values, or with a part of what is told.
type Pairs<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn what_is_wrong_is_told_by_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, file) = (dir.path(), dir.path().join("file"));
    std::fs::write(&file, "").unwrap();
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    let path = format!("PATH={folder}");
    let sh = ("shell", "/bin/sh -c");
    let cases: &[(Pairs<'_>, Pairs<'_>)] = &[
        (&[], &[]),
        (&[sh, ("command", "echo 'a  b' | cat")], &[]),
        (&[sh, ("command", "no-such-program 'x'")], &[]),
        (
            &[
                ("command", "/bin/sh -c true"),
                ("environment", "PATH=/none"),
            ],
            &[],
        ),
        (
            &[("command", "no-such-program -x")],
            &[("command", "no program no-such-program")],
        ),
        (
            &[("command", "/no/such/program")],
            &[("command", "is not there")],
        ),
        (&[("command", file)], &[("command", "chmod +x")]),
        (&[("command", folder)], &[("command", "is a folder")]),
        (&[("environment", &path)], &[("command", "in PATH=")]),
        (
            &[("command", "grep 'a b' /etc/hosts")],
            &[("command", "set shell=/bin/sh -c")],
        ),
        (
            &[sh, ("command", "echo 'a")],
            &[("command", "the shell does not understand it")],
        ),
        (
            &[("command", "ls | wc")],
            &[("command", "| is an argument like others")],
        ),
        (&[("command", "a\0b")], &[("command", "NUL")]),
        (&[("shell", "/bin/nosh -c")], &[("shell", "is not there")]),
        (&[("shell", "/bin/sh")], &[("shell", "write /bin/sh -c")]),
        (
            &[("working.directory", "/no/such")],
            &[("working.directory", "make it")],
        ),
        (
            &[("working.directory", file)],
            &[("working.directory", "it is a file")],
        ),
        (
            &[("working.directory", "")],
            &[("working.directory", "it is empty")],
        ),
        (
            &[
                sh,
                ("command", "echo 'a"),
                ("working.directory", "/no"),
                ("topic", "a b"),
                ("restart.failures.max", "1"),
            ],
            &[
                ("topic", "a b"),
                ("restart.failures.max", "leave it out"),
                ("working.directory", "make it"),
                ("command", "understand"),
            ],
        ),
    ];
    for (keys, expected) in cases {
        let base = [("command", "true"), ("topic", "t")];
        let keys: Vec<_> = base.iter().chain(*keys).copied().collect();
        let told = all(&properties(&keys)).await;
        assert_eq!(told.len(), expected.len(), "{keys:?}: {told:?}");
        for ((key, why), (expected, mention)) in told.iter().zip(*expected) {
            assert_eq!(key, expected, "{keys:?}: {told:?}");
            assert!(why.contains(mention), "{keys:?}: {why}");
            assert!(why.contains(&format!("for configuration {key}: ")), "{why}");
        }
    }
}

/// All that validating tells, as the worker puts it together.
async fn all(properties: &Properties) -> Vec<(String, String)> {
    let mut told: Vec<_> = match ExecConfig::parse(properties) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            let errors = errors.iter();
            errors
                .map(|error| (error.key.clone(), error.message.clone()))
                .collect()
        }
    };
    told.extend(ExecConfig::contradictions(properties));
    told.extend(ExecConfig::impossibilities(properties).await);
    told
}
