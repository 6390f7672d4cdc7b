//! `millrace dump-log`: what log files hold, with the options and the output of `kafka-dump-log.sh`. It reads files by
//! itself, so no broker is needed; those of Apache Kafka are the same.
//!
//! Batches and records of `.log` files, entries of `.index`, `.timeindex`, `.txnindex` and `.snapshot` files. The exit
//! code is 1 where something is wrong with a file. With `--json` each batch, with its records, and each entry is an object
//! on a line of its own.
#![expect(
    clippy::disallowed_methods,
    reason = "a tool without a runtime: it reads one file after the other"
)]

mod fields;
mod index;
mod log_file;
mod record;
mod record_json;
mod snapshot;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value};

use self::fields::Fields;
use super::{
    decode::Decode,
    run,
    stdout::{OutputError, print},
};
use crate::failure::Failure;

/// Bytes of output that are written together.
const WRITE_BYTES: usize = 64 << 10;

#[derive(Debug, Args)]
pub(crate) struct DumpLog {
    /// The files, comma-separated
    #[arg(long, value_name = "FILES", required = true, value_delimiter = ',', num_args = 1..)]
    files: Vec<PathBuf>,
    /// Print keys and values, too
    #[arg(long)]
    print_data_log: bool,
    /// Print records, not only batches
    #[arg(long)]
    deep_iteration: bool,
    /// Records are those of __consumer_offsets: print them in clear
    #[arg(long)]
    offsets_decoder: bool,
    /// Print keys and values only
    #[arg(long)]
    skip_record_metadata: bool,
    /// Only say whether index files are sound
    #[arg(long)]
    index_sanity_check: bool,
    /// Compare index files with the log without printing them
    #[arg(long)]
    verify_index_only: bool,
    /// Read so many bytes of a log at most
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Accepted, without effect: a batch of any size is read
    #[arg(long, value_name = "BYTES", hide = true)]
    max_message_size: Option<u64>,
    /// What keys are: string, long, integer, ..., or the name of Kafka's class
    #[arg(long, value_name = "NAME", default_value = "string", value_parser = decoder)]
    key_decoder_class: Decode,
    /// What values are
    #[arg(long, value_name = "NAME", default_value = "string", value_parser = decoder)]
    value_decoder_class: Decode,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

impl DumpLog {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::blocking(|| self.dump_all())
    }

    /// Whether keys and values are printed.
    fn prints_data(&self) -> bool {
        self.print_data_log || self.offsets_decoder
    }

    /// Whether records are printed.
    fn prints_records(&self) -> bool {
        self.deep_iteration || self.prints_data()
    }

    fn dump_all(&self) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for path in &self.files {
            self.dump(path, &mut wrong)
                .with_context(|| format!("cannot dump {}", path.display()))?;
        }
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}", wrong.join("\n  "))
    }

    fn dump(&self, path: &Path, wrong: &mut Vec<String>) -> anyhow::Result<()> {
        let mut out = Out {
            text: Vec::new(),
            json_of: self.json.then(|| path.display().to_string()),
        };
        out.remark(format_args!("Dumping {}", path.display()))?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => log_file::dump(self, path, &mut out, wrong)?,
            Some("index") => index::dump_offsets(self, path, &mut out, wrong)?,
            Some("timeindex") => index::dump_times(self, path, &mut out, wrong)?,
            Some("txnindex") => index::dump_transactions(path, &mut out)?,
            Some("snapshot") => snapshot::dump(path, &mut out)?,
            _ => wrong.push(format!("{} is no file of a log", path.display())),
        }
        Ok(out.finish()?)
    }
}

fn decoder(name: &str) -> Result<Decode, String> {
    Decode::named(name).map_err(|error| error.to_string())
}

/// Output that is collected and written in large pieces.
#[derive(Debug)]
struct Out {
    text: Vec<u8>,
    /// The file whose entries are printed as JSON objects, where they are.
    json_of: Option<String>,
}

impl Out {
    /// A line for people; no part of what `--json` prints.
    fn remark(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), OutputError> {
        if self.json_of.is_some() {
            return Ok(());
        }
        self.text(text)?;
        self.end_line();
        Ok(())
    }

    /// A batch or an entry.
    fn entry(&mut self, fields: &Fields<'_>) -> Result<(), OutputError> {
        if let Some(object) = self.object_of(fields) {
            return self.object(&object);
        }
        self.text(format_args!("{fields}"))?;
        self.end_line();
        Ok(())
    }

    /// The object that `--json` prints for them.
    fn object_of(&self, fields: &Fields<'_>) -> Option<Map<String, Value>> {
        self.json_of.as_deref().map(|file| fields.object(file))
    }

    fn object(&mut self, object: &Map<String, Value>) -> Result<(), OutputError> {
        // Such a map always has a text.
        if serde_json::to_writer(&mut self.text, object).is_ok() {
            self.end_line();
        }
        self.write_much()
    }

    /// A piece of a line.
    fn text(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), OutputError> {
        std::io::Write::write_fmt(&mut self.text, text)?;
        self.write_much()
    }

    fn end_line(&mut self) {
        self.text.push(b'\n');
    }

    fn write_much(&mut self) -> Result<(), OutputError> {
        if self.text.len() >= WRITE_BYTES {
            print(std::mem::take(&mut self.text))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), OutputError> {
        print(self.text)
    }
}

/// The offset that a file's name says its log begins at.
fn base_offset(path: &Path) -> anyhow::Result<i64> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let digits = name.split('.').next().unwrap_or_default();
    digits
        .parse()
        .with_context(|| format!("{name} does not begin with an offset"))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// Big-endian fields of an index or snapshot entry.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
