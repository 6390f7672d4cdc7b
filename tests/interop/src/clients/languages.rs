//! How a program in each language is installed: what its lock file names is fetched from the language's registry, and
//! the program is built with it.

use std::{
    env::consts::ARCH,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::{install, output};

/// The first Go that fetches the version which a `go.mod` asks for by itself.
const GO_THAT_FETCHES_ITSELF: u32 = 21;

/// With the jars of the program's `pom.xml`, of these `version`s where it leaves that open.
pub(crate) fn java(
    name: &str,
    version: Option<&str>,
    folder: &Path,
    source: &Path,
) -> anyhow::Result<()> {
    let pom = source.file_name().unwrap_or_default().to_string_lossy();
    let jars = install::jars(name, &pom, version)?;
    let sources = fs::read_dir(source.join("src"))?.collect::<Result<Vec<_>, _>>()?;
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-d"]).arg(folder.join("classes"));
    javac.arg("-cp").arg(jars.join("*"));
    javac.args(sources.iter().map(fs::DirEntry::path));
    output::build(&mut javac)
}

pub(crate) fn python(folder: &Path, source: &Path) -> anyhow::Result<()> {
    let requirements = source.join("requirements.txt");
    install::once(folder, &fs::read_to_string(&requirements)?, || {
        output::build(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        // The file names all that is needed; anything else would not be pinned.
        pip.args(["install", "--no-deps", "--disable-pip-version-check", "-r"])
            .arg(&requirements);
        output::download(&mut pip)
    })
}

pub(crate) fn node(folder: &Path, source: &Path) -> anyhow::Result<()> {
    for file in fs::read_dir(source)? {
        let file = file?;
        fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    let lock = fs::read_to_string(source.join("package-lock.json"))?;
    install::once(folder, &lock, || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        output::download(npm.current_dir(folder))
    })
}

/// Compiles librdkafka, too; in a workspace of its own, so that nothing else waits for it.
pub(crate) fn rust(folder: &Path, source: &Path) -> anyhow::Result<()> {
    let mut fetch = Command::new("cargo");
    output::download(fetch.args(["fetch", "--locked"]).current_dir(source))?;
    let mut build = Command::new("cargo");
    build
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(folder);
    output::build(build.current_dir(source))
}

pub(crate) fn go(folder: &Path, source: &Path) -> anyhow::Result<()> {
    let program = go_program(source)?;
    let go = || {
        let mut go = Command::new(&program);
        go.env("GOTOOLCHAIN", "auto").current_dir(source);
        go
    };
    output::download(go().args(["mod", "download"]))?;
    let mut build = go();
    build
        .args(["build", "-buildvcs=false", "-o"])
        .arg(folder.join("client"));
    output::build(build.arg("."))
}

/// The Go of the system, or where that is too old to fetch another by itself, the one that `go.mod` asks for, which is
/// a module, too.
fn go_program(source: &Path) -> anyhow::Result<PathBuf> {
    let installed = output::of(Command::new("go").args(["env", "GOVERSION"]))?;
    let minor = installed
        .trim()
        .strip_prefix("go1.")
        .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor >= GO_THAT_FETCHES_ITSELF) {
        return Ok("go".into());
    }
    let wanted = fs::read_to_string(source.join("go.mod"))?;
    let wanted = wanted.lines().find_map(|line| line.strip_prefix("go "));
    let wanted = wanted.context("go.mod names no version of Go")?;
    let arch = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("there is no Go to fetch for {other}; install {wanted} or newer"),
    };
    let module = format!("golang.org/toolchain@v0.0.1-go{wanted}.linux-{arch}");
    let mut download = Command::new("go");
    // Outside of any module, whose file the old one could not read.
    download
        .args(["mod", "download", "-json", &module])
        .current_dir("/");
    output::download(&mut download)?;
    let downloaded: Value = serde_json::from_str(&output::of(&mut download)?)?;
    let folder = downloaded["Dir"].as_str().context("Go names no folder")?;
    make_executable(Path::new(folder))?;
    Ok(Path::new(folder).join("bin/go"))
}

/// Modules have no executable files: Go's own programs are made so, as newer ones do it themselves.
fn make_executable(toolchain: &Path) -> anyhow::Result<()> {
    let tools = toolchain.join("pkg/tool");
    let mut folders = vec![toolchain.join("bin"), tools.clone()];
    for folder in fs::read_dir(tools)? {
        folders.push(folder?.path());
    }
    for folder in folders {
        for file in fs::read_dir(folder)? {
            let file = file?;
            if file.file_type()?.is_file() {
                fs::set_permissions(file.path(), fs::Permissions::from_mode(0o555))?;
            }
        }
    }
    Ok(())
}
