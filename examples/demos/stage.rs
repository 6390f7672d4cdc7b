//! A worker with the included broker, started for one demo, and what a demo does with it: every step is printed as a
//! user would type it, and so is what comes of it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{binary, http};

/// Longer than anything in a demo takes.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// What every demo's worker file has: ports that are free, data that goes away, text as it is.
const WORKER: &[(&str, &str)] = &[
    ("listeners", "http://127.0.0.1:0"),
    ("broker.listeners", "PLAINTEXT://127.0.0.1:0"),
    ("broker.log.dirs", "data/broker"),
    ("offset.storage.file.filename", "data/connect.offsets"),
    (
        "key.converter",
        "org.apache.kafka.connect.storage.StringConverter",
    ),
    (
        "value.converter",
        "org.apache.kafka.connect.storage.StringConverter",
    ),
];

/// A running worker.
pub(crate) struct Stage {
    folder: TempDir,
    millrace: Child,
    rest: String,
    /// Where a server of the demo's own is to listen; the worker's environment names the address `SERVER`.
    server: Option<TcpListener>,
    /// Bytes of the worker's standard output that were printed.
    shown: usize,
}

impl Stage {
    /// Writes the files into a folder and starts a worker there with those that are connectors.
    pub(crate) fn start(
        files: &[(&str, &str)],
        folders: &[&str],
        worker: &[(&str, &str)],
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        for name in folders {
            fs::create_dir(folder.path().join(name))?;
        }
        let keys = WORKER.iter().chain(worker);
        let lines: Vec<String> = keys
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        fs::write(folder.path().join("worker.properties"), lines.concat())?;
        for (name, text) in files {
            println!("\n--- {name}");
            print!("{text}");
            fs::write(folder.path().join(name), text)?;
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let server = TcpListener::bind("127.0.0.1:0")?;
        let address = server.local_addr()?.to_string();
        let is_named = files.iter().any(|(_, text)| text.contains("${env:SERVER}"));
        let setting = if is_named {
            format!("SERVER={address} ")
        } else {
            String::new()
        };
        println!(
            "\n$ {setting}millrace standalone worker.properties {}",
            names.join(" ")
        );
        let millrace = Command::new(binary::millrace()?)
            .args(["standalone", "worker.properties"])
            .args(names)
            .env("SERVER", address)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("stdout"))?)
            .stderr(File::create(folder.path().join("stderr"))?)
            .spawn()
            .context("cannot start millrace")?;
        let mut stage = Self {
            folder,
            millrace,
            rest: String::new(),
            server: Some(server),
            shown: 0,
        };
        stage.rest = stage.until("the worker to start", |stage| {
            let said = stage.read("stderr");
            let ready = said.lines().find_map(|line| {
                let address = line.trim_start().strip_prefix("rest ")?;
                address.trim().strip_prefix("http://").map(str::to_owned)
            });
            // The worker says that it is ready once all connectors of the command line are there.
            ready.filter(|_| said.lines().any(|line| line.trim().starts_with("ready;")))
        })?;
        Ok(stage)
    }

    /// Where a file of the demo is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The demo's own listener; it is there once.
    pub(crate) fn server(&mut self) -> Result<TcpListener> {
        self.server.take().context("the demo has one server")
    }

    /// Says something.
    pub(crate) fn say(&self, text: &str) {
        println!("\n# {text}");
    }

    /// Shows lines that come from elsewhere than a file.
    pub(crate) fn show(&self, what: &str, lines: &[String]) {
        println!("{what}:");
        for line in lines {
            println!("{line}");
        }
    }

    /// Appends a line to a file.
    pub(crate) fn append(&self, file: &str, line: &str) -> Result<()> {
        println!("$ echo '{line}' >> {file}");
        let path = self.path(file);
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(writeln!(file, "{line}")?)
    }

    /// Puts a file there whole.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        println!("$ cat > {file}\n{}", text.trim_end());
        let path = self.path(file);
        let writing = path.with_file_name(".writing");
        fs::write(&writing, text)?;
        Ok(fs::rename(writing, path)?)
    }

    /// What a file holds by now; nothing where it is not there yet.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    /// Waits until a file has so many lines, and shows the last of them.
    pub(crate) fn show_file(&mut self, file: &str, count: usize) -> Result<Vec<String>> {
        let lines = self.until(&format!("{count} lines in {file}"), |stage| {
            let lines: Vec<String> = stage.read(file).lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })?;
        println!("$ tail {file}");
        for line in &lines[lines.len().saturating_sub(10)..] {
            println!("{line}");
        }
        Ok(lines)
    }

    /// Waits until the worker has printed so many more lines, and shows them.
    pub(crate) fn show_output(&mut self, count: usize) -> Result<Vec<String>> {
        let (lines, end) = self.until(&format!("{count} lines of output"), |stage| {
            let output = stage.read("stdout");
            let fresh = output.get(stage.shown..)?;
            let lines: Vec<&str> = fresh
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .take(count)
                .collect();
            let bytes: usize = lines.iter().map(|line| line.len()).sum();
            (lines.len() == count).then(|| {
                let lines = lines.iter().map(|line| line.trim_end().to_owned());
                (lines.collect::<Vec<_>>(), stage.shown + bytes)
            })
        })?;
        self.shown = end;
        println!("It prints:");
        for line in &lines {
            println!("{line}");
        }
        Ok(lines)
    }

    /// Asks the worker's REST API, and shows question and answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let (status, text) = self.call(&self.rest, method, path, body)?;
        ensure!((200..300).contains(&status), "{status}: {text}");
        let answer = serde_json::from_str(&text).unwrap_or(Value::Null);
        if !answer.is_null() {
            println!("{answer:#}");
        }
        Ok(answer)
    }

    /// Sends a request, which is shown, and returns status and body of the answer.
    pub(crate) fn call(
        &self,
        address: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(u16, String)> {
        let data = match body {
            "" => String::new(),
            body => format!(" -H 'Content-Type: application/json' -d '{body}'"),
        };
        println!("$ curl -X {method}{data} http://{address}{path}");
        http::send(address, method, path, body)
    }

    /// Waits until a connector's first task is in a state, and shows the connector's status.
    pub(crate) fn await_task(&mut self, connector: &str, state: &str) -> Result<Value> {
        let path = format!("/connectors/{connector}/status");
        self.until(&format!("the task of {connector} to be {state}"), |stage| {
            let (_, text) = http::send(&stage.rest, "GET", &path, "").ok()?;
            let status: Value = serde_json::from_str(&text).ok()?;
            (status["tasks"][0]["state"] == state).then_some(())
        })?;
        self.ask("GET", &path, "")
    }

    /// Waits until `look` finds something.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if let Some(status) = self.millrace.try_wait()? {
                bail!("millrace ended with {status}:\n{}", self.read("stderr"));
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "waited {PATIENCE:?} in vain for {what}:\n{}",
                self.read("stderr")
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Stops the worker as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.millrace), Signal::INT)?;
        let status = self.millrace.wait()?;
        ensure!(status.success(), "millrace ended with {status}");
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A demo that has failed leaves nothing behind; one that has stopped has nothing to kill.
        drop(self.millrace.kill());
        drop(self.millrace.wait());
    }
}
