//! The converters with a schema registry against a real one, Apicurio Registry at Confluent's API: a source writes with
//! each format, a sink of Millrace reads it back, and so does Confluent's Python client; then a change that is not
//! compatible is refused in words that help.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::{pipeline::Pipeline, rest::Rest, sandbox::Sandbox, wait};
use serde_json::{Value, json};

use crate::{
    install::{self, SOURCES},
    kafka::free_ports,
    output,
};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many records go the way with each format.
const RECORDS: usize = 200;

/// A format: its name for the reader in Python, and its converter.
const FORMATS: [(&str, &str); 3] = [
    ("avro", "io.confluent.connect.avro.AvroConverter"),
    ("json", "io.confluent.connect.json.JsonSchemaConverter"),
    (
        "protobuf",
        "io.confluent.connect.protobuf.ProtobufConverter",
    ),
];

/// Runs every format, and the change that is refused.
pub(crate) fn run() -> anyhow::Result<()> {
    let (jar, python) = (registry_jar()?, python()?);
    let sandbox = Sandbox::new();
    let registry = Registry::start(&sandbox, &jar)?;
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    for (format, class) in FORMATS {
        let started = Instant::now();
        there_and_back(&sandbox, &pipeline, &registry, format, class)?;
        let theirs = read_by_others(&python, &pipeline, &registry, format)?;
        let ours = lines(&sandbox.join(&format!("{format}.out")));
        let (mut ours, mut theirs): (Vec<_>, Vec<_>) =
            (ours, theirs.lines().map(str::to_owned).collect());
        ours.sort();
        theirs.sort();
        let first = ours.iter().zip(&theirs).find(|(own, other)| own != other);
        ensure!(
            ours.len() == theirs.len() && first.is_none(),
            "{format}: {} lines of ours, {} of theirs; {first:?}",
            ours.len(),
            theirs.len()
        );
        println!(
            "registry: {format}: {RECORDS} records are the same, {} s",
            started.elapsed().as_secs()
        );
    }
    refused(&pipeline, &registry)?;
    println!("registry: the incompatible change is explained");
    ensure!(
        pipeline.millrace.stop().success(),
        "{}",
        pipeline.millrace.stderr()
    );
    Ok(())
}

/// Orders as structs, written with a converter; and a sink that writes what it reads back into a file.
fn there_and_back(
    sandbox: &Sandbox,
    pipeline: &Pipeline,
    registry: &Registry,
    format: &str,
    class: &str,
) -> anyhow::Result<()> {
    let mut converter = json!({
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": class,
        "value.converter.schema.registry.url": registry.url,
    });
    if format == "json" {
        // This registry knows a JSON Schema by its `$schema`, which Confluent's converter does not write either.
        register_orders(registry)?;
        converter["value.converter.auto.register.schemas"] = "false".into();
        converter["value.converter.use.latest.version"] = "true".into();
    }
    let source = json!({
        "connector.class": "DataGenerator", "topic": format, "kind": "orders", "rate": "-1", "records": RECORDS.to_string(),
        "transforms": "parse,name",
        "transforms.parse.type": "millrace.transforms.ParseJson$Value", "transforms.parse.schemas.enable": "true",
        "transforms.name.type": "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        "transforms.name.schema.name": "Order",
    });
    let file = format!("{format}.out");
    let sink = json!({"connector.class": "FileStreamSink", "topics": format, "file": file});
    for (name, config) in [("source", source), ("sink", sink)] {
        create(
            &pipeline.rest,
            &format!("{format}-{name}"),
            config,
            &converter,
        )?;
    }
    let end = Instant::now() + PATIENCE;
    let path = sandbox.join(&file);
    let whole = wait::until_or(end, || (lines(&path).len() >= RECORDS).then_some(()));
    whole.with_context(|| {
        format!(
            "{format}: {} of {RECORDS} records came\n{}",
            lines(&path).len(),
            pipeline.millrace.stderr()
        )
    })
}

/// Registers what the generator's orders are, as somebody who owns the subject would.
fn register_orders(registry: &Registry) -> anyhow::Result<()> {
    let mut properties = json!({});
    for (name, ty) in [
        ("order", "integer"),
        ("customer", "string"),
        ("item", "string"),
        ("quantity", "integer"),
        ("price", "number"),
        ("state", "string"),
        ("time_ms", "integer"),
    ] {
        properties[name] = json!({"type": ty});
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
        "properties": properties, "additionalProperties": false,
    });
    let body = json!({"schemaType": "JSON", "schema": schema.to_string()});
    let url = format!("{}/subjects/json-value/versions", registry.url);
    curl(&["-X", "POST", "-d", &body.to_string(), &url])
}

/// Has curl call the registry, which must agree.
fn curl(arguments: &[&str]) -> anyhow::Result<()> {
    let mut curl = Command::new("curl");
    curl.args(["-fsS", "-H", "Content-Type: application/json"]);
    output::of(curl.args(arguments)).map(drop)
}

fn create(rest: &Rest, name: &str, mut config: Value, more: &Value) -> anyhow::Result<()> {
    for (key, value) in more.as_object().context("an object")? {
        config[key] = value.clone();
    }
    let answer = rest.post("/connectors", &json!({"name": name, "config": config}));
    ensure!(answer.status == 201, "{name}: {answer:?}");
    Ok(())
}

/// The lines of a file that are whole.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

fn read_by_others(
    python: &Path,
    pipeline: &Pipeline,
    registry: &Registry,
    format: &str,
) -> anyhow::Result<String> {
    let program = Path::new(SOURCES).join("registry/read.py");
    let count = RECORDS.to_string();
    output::of(Command::new(python).arg(program).args([
        &pipeline.broker,
        &registry.url,
        format,
        format,
        &count,
    ]))
}

/// A source whose numbers are texts meets the numbers that the topic's subject has.
fn refused(pipeline: &Pipeline, registry: &Registry) -> anyhow::Result<()> {
    let url = format!("{}/config", registry.url);
    curl(&["-X", "PUT", "-d", r#"{"compatibility":"BACKWARD"}"#, &url])?;
    let config = json!({
        "connector.class": "org.apache.kafka.connect.tools.SchemaSourceConnector", "topic": "avro", "throughput": "10", "num.messages": "1",
        "value.converter": FORMATS[0].1, "value.converter.schema.registry.url": registry.url,
        "transforms": "name",
        "transforms.name.type": "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        "transforms.name.schema.name": "Order",
    });
    create(&pipeline.rest, "changed", config, &json!({}))?;
    let trace = wait::until_or(Instant::now() + PATIENCE, || {
        let status = pipeline.rest.get("/connectors/changed/status").body;
        status["tasks"][0]["trace"].as_str().map(str::to_owned)
    });
    let trace = trace.context("the task did not fail")?;
    for part in [
        "cannot register a schema under subject avro-value",
        "409",
        "not compatible with an earlier version",
        "PUT /config/avro-value",
    ] {
        ensure!(trace.contains(part), "{part} is not in {trace}");
    }
    Ok(())
}

/// A running Apicurio Registry. It is killed when dropped.
struct Registry {
    child: Child,
    /// Where it answers as Confluent's registry.
    url: String,
}

impl Registry {
    fn start(sandbox: &Sandbox, jar: &Path) -> anyhow::Result<Self> {
        let [port, _] = free_ports();
        let log = sandbox.join("registry.out");
        let file = File::create(&log)?;
        let mut child = Command::new("java")
            .args(["-Xmx400m", "-XX:TieredStopAtLevel=1"])
            .arg(format!("-Dquarkus.http.port={port}"))
            .args(["-Dquarkus.http.host=127.0.0.1", "-jar"])
            .arg(jar)
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .spawn()
            .context("cannot run java")?;
        let address = format!("127.0.0.1:{port}");
        let open = wait::until_or(Instant::now() + PATIENCE, || {
            let ended = child.try_wait().ok().flatten().is_some();
            let open = TcpStream::connect(&address).is_ok();
            (ended || open).then_some(open)
        });
        let registry = Self {
            child,
            url: format!("http://{address}/apis/ccompat/v7"),
        };
        ensure!(
            open == Some(true),
            "the registry did not start\n{}",
            fs::read_to_string(&log).unwrap_or_default()
        );
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Already ended is what a check wants; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program of the registry, which is fetched and unpacked once.
fn registry_jar() -> anyhow::Result<PathBuf> {
    let folder = install::folder("registry")?;
    let pom = Path::new(SOURCES).join("registry/pom.xml");
    let pins = fs::read_to_string(&pom)?;
    install::once(&folder, &pins, || {
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "dependency:unpack", "-f"])
            .arg(&pom);
        maven.arg(format!("-DoutputDirectory={}", folder.display()));
        output::download(&mut maven)
    })?;
    let jars = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut runners = jars.filter(|path| path.to_string_lossy().ends_with("-runner.jar"));
    runners
        .next()
        .context("there is no runner among the registry's files")
}

/// A Python with Confluent's client.
fn python() -> anyhow::Result<PathBuf> {
    let folder = install::folder("registry-python")?;
    let requirements = Path::new(SOURCES).join("registry/requirements.txt");
    let pins = fs::read_to_string(&requirements)?;
    let python = folder.join("bin/python");
    install::once(&folder, &pins, || {
        output::build(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )?;
        let mut pip = Command::new(&python);
        // The file names all that is needed; anything else would not be pinned.
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-input",
            "-r",
        ])
        .arg(&requirements);
        output::download(&mut pip)
    })?;
    Ok(python)
}
