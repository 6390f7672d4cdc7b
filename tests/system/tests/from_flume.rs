//! `examples/from-flume` runs as it is: what the Flume agent collected is collected, and goes where it went.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests use sockets and files and end on a failed expectation"
)]

use std::{
    fs,
    io::Write,
    net::{TcpStream, UdpSocket},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use millrace_system::{
    apart, binary::repository, pipeline::Pipeline, sandbox::Sandbox, topic, wait,
};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);
const CONNECTORS: [&str; 6] = ["app", "inbox", "beat", "net", "roll", "log"];

fn example() -> PathBuf {
    repository().join("examples/from-flume")
}

fn values(sandbox: &Sandbox, topic: &str) -> Vec<String> {
    topic::values(&sandbox.join("data/broker"), &format!("{topic}-0"))
        .into_iter()
        .map(|value| String::from_utf8(value).unwrap())
        .collect()
}

/// The lines of all files in a folder.
fn lines(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let texts = files.map(|path| fs::read_to_string(path).unwrap_or_default());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What the agent would have found, and left.
fn prepare(sandbox: &Sandbox) {
    for folder in ["logs", "inbox"] {
        fs::create_dir(sandbox.join(folder)).unwrap();
    }
    let shop = sandbox.write("logs/shop.log", "taken by Flume\norder 4711\n");
    let position = json!([{
        "inode": fs::metadata(&shop).unwrap().ino(), "pos": "taken by Flume\n".len(), "file": shop,
    }]);
    sandbox.write("taildir_position.json", position.to_string());
    sandbox.write("inbox/old.COMPLETED", "taken by Flume\n");
    sandbox.write("inbox/new", "delivery 1\n");
    sandbox.write("inbox/later.tmp", "not yet\n");
}

#[test]
fn the_configurations_run_as_they_are() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let port = apart::free_port();
    let files = CONNECTORS.map(|name| {
        let text = fs::read_to_string(example().join(format!("{name}.properties"))).unwrap();
        let text = text.replace("=5140", &format!("={port}"));
        sandbox.write(&format!("{name}.properties"), text)
    });
    let worker = fs::read_to_string(example().join("worker.properties")).unwrap();
    let keys: Vec<(&str, &str)> = worker
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let mut pipeline = Pipeline::start_with(&sandbox, &keys, &files);
    for name in CONNECTORS {
        pipeline.rest.await_state(name, "RUNNING");
    }

    wait::until("the lines of files", PATIENCE, || {
        let mut shop = values(&sandbox, "shop");
        shop.sort();
        shop == ["delivery 1", "order 4711"]
    });
    wait::until("the mark", PATIENCE, || {
        sandbox.join("inbox/new.COMPLETED").exists()
    });
    assert!(sandbox.join("inbox/later.tmp").exists());

    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"<30>Nov 22 02:14:15 web app: by stream\n")
        .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let message = b"<30>Nov 22 02:14:15 web app: by datagram";
    socket.send_to(message, ("127.0.0.1", port)).unwrap();
    wait::until("the messages in the log", PATIENCE, || {
        let said = pipeline.millrace.stderr();
        said.contains("by stream") && said.contains("by datagram")
    });
    wait::until("a file of the command's lines", PATIENCE, || {
        !lines(&sandbox.join("roll")).is_empty()
    });
    // In this order, for more comes all the time.
    let rolled = lines(&sandbox.join("roll"));
    let beats = values(&sandbox, "beat");
    assert!(rolled.iter().all(|line| beats.contains(line)));
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn each_line_of_the_agent_is_told_of() {
    let agent = fs::read_to_string(example().join("flume.conf")).unwrap();
    let page = fs::read_to_string(example().join("README.md")).unwrap();
    for line in agent.lines().filter(|line| line.contains(" = ")) {
        let (key, _) = line.split_once(" = ").unwrap();
        let own = key.splitn(4, '.').nth(3).unwrap_or_default();
        let is_structure = own.is_empty() || ["channel", "channels"].contains(&own);
        assert!(is_structure || page.contains(own), "{key} is not told of");
    }
    for name in CONNECTORS {
        assert!(page.contains(&format!("{name}.properties")), "{name}");
    }
}
