//! Clients are installed below `target/interop`, once for each content of the file that pins their versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use millrace_system::binary::repository;

use crate::output;

/// The programs in the clients' languages.
pub(crate) const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// A folder below `target/interop`, made where it is not there.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = repository().join("target/interop").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.canonicalize()?)
}

/// Runs `install` unless it ran before with the same content of `pins`.
pub(crate) fn once(
    folder: &Path,
    pins: &Path,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = folder.join("installed");
    let wanted = fs::read(pins).with_context(|| format!("cannot read {}", pins.display()))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(&stamp, wanted)?)
}

/// The folder with the jars that `clients/SOURCE/pom.xml` asks for.
pub(crate) fn jars(name: &str, source: &str, version: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = folder(name)?;
    let pom = Path::new(SOURCES).join(source).join("pom.xml");
    let jars = folder.join("libs");
    once(&folder, &pom, || {
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "dependency:copy-dependencies", "-f"])
            .arg(&pom);
        maven.arg(format!("-DoutputDirectory={}", jars.display()));
        if let Some(version) = version {
            maven.arg(format!("-Dkafka.version={version}"));
        }
        output::install(&mut maven)
    })?;
    Ok(jars)
}
