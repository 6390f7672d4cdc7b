//! Clients are installed below `target/interop`, once for each content of what pins their versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use millrace_system::binary::repository;

use crate::output;

/// The programs in the clients' languages.
pub const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// A folder below `target/interop`, made where it is not there.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = repository().join("target/interop").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.canonicalize()?)
}

/// Runs `install` unless it ran before with the same `pins`.
pub fn once(
    folder: &Path,
    pins: &str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = folder.join("installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == pins.as_bytes()) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(&stamp, pins)?)
}

/// The folder with the jars that `clients/SOURCE/pom.xml` asks for.
pub fn jars(name: &str, source: &str, version: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = folder(name)?;
    let pom = Path::new(SOURCES).join(source).join("pom.xml");
    let jars = folder.join("libs");
    let text =
        fs::read_to_string(&pom).with_context(|| format!("cannot read {}", pom.display()))?;
    once(&folder, &(text + version.unwrap_or_default()), || {
        // Jars of other versions would be found, too.
        if jars.exists() {
            fs::remove_dir_all(&jars)?;
        }
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "dependency:copy-dependencies", "-f"])
            .arg(&pom);
        maven.arg(format!("-DoutputDirectory={}", jars.display()));
        if let Some(version) = version {
            maven.arg(format!("-Dkafka.version={version}"));
        }
        output::download(&mut maven)
    })?;
    Ok(jars)
}
