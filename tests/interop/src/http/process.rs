//! A server's process: started in a folder of its own, awaited at its port, killed when dropped.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running server.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts `command`, whose output goes to `log`, and waits until `port` is open.
    pub(super) fn start(mut command: Command, log: &PathBuf, port: u16) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()
            .with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let mut server = Self { child };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("the server does not start: {ended:?}\n{said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only where the process has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
