//! syslog-ng: `wildcard-file()` into `kafka-c()`.
//!
//! Its package cannot stand beside that of rsyslog, since each wants to be the system's logger. So it is unpacked below
//! `target/interop`, with the libraries that nothing else brings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use millrace_interop::{install, output};

use super::{Job, process::Shipper};

const PACKAGES: [&str; 5] = [
    "syslog-ng-core",
    "syslog-ng-mod-rdkafka",
    "libivykis0",
    "libnet1",
    "libpcre3",
];

pub(super) fn start(job: &Job<'_>) -> anyhow::Result<Shipper> {
    let root = unpacked()?;
    let libraries = root.join("usr/lib/syslog-ng");
    let config = job.sandbox.write("syslog-ng.conf", config(job));
    let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
    command
        .env("LD_LIBRARY_PATH", search_path(&root)?)
        .args(["--foreground", "--no-caps"])
        .arg("--cfgfile")
        .arg(config)
        .arg("--module-path")
        .arg(only_folder(&libraries)?)
        .arg("--persist-file")
        .arg(job.sandbox.join("syslog-ng.persist"))
        .arg("--pidfile")
        .arg(job.sandbox.join("syslog-ng.pid"))
        .arg("--control")
        .arg(job.sandbox.join("syslog-ng.ctl"));
    Shipper::start(
        job.sandbox,
        &mut command,
        "its package is for another machine",
    )
}

/// The folder with the files of the packages.
fn unpacked() -> anyhow::Result<PathBuf> {
    let folder = install::folder("syslog-ng")?;
    install::once(&folder, &PACKAGES.join(" "), || {
        let mut download = Command::new("apt-get");
        download.arg("download").args(PACKAGES);
        output::download(download.current_dir(&folder))?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("--extract").arg(&path).arg(folder.join("root"));
                output::build(&mut unpack)?;
            }
        }
        Ok(())
    })?;
    Ok(folder.join("root"))
}

/// Where the libraries of the packages are: in folders named by the kind of machine, too.
fn search_path(root: &Path) -> anyhow::Result<String> {
    let mut folders = vec![root.join("usr/lib/syslog-ng")];
    for above in ["usr/lib", "lib"] {
        for entry in fs::read_dir(root.join(above))? {
            folders.push(entry?.path());
        }
    }
    let folders: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    Ok(folders.join(":"))
}

/// The folder of the modules, which is named by the version.
fn only_folder(above: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(above)?.collect::<Result<Vec<_>, _>>()?;
    let mut folders = entries.iter().map(fs::DirEntry::path);
    folders
        .find(|path| path.is_dir())
        .with_context(|| format!("there is no folder in {}", above.display()))
}

/// Reads each file on after the position in its persist file; a file that waits for the broker is not read on.
fn config(job: &Job<'_>) -> String {
    format!(
        r#"@version: 3.38
@module affile
@module kafka
options {{ log-fifo-size(500000); stats-freq(0); use-dns(no); dns-cache(no); }};
source files {{
    wildcard-file(base-dir("{folder}") filename-pattern("*.log") flags(no-parse) follow-freq(1)
                  log-fetch-limit(10000) log-iw-size(1000000) max-files(100));
}};
destination topic {{
    kafka-c(bootstrap-servers("{broker}") topic("{topic}") message("${{MSG}}")
            config(queue.buffering.max.messages(1000000) batch.num.messages(10000) linger.ms("5")));
}};
log {{ source(files); destination(topic); flags(flow-control); }};
"#,
        folder = job.files.folder.display(),
        broker = job.broker,
        topic = job.topic,
    )
}
