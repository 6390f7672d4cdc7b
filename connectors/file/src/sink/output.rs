//! Where lines go: a regular file, written in the task, or something that may make a writer wait (a pipe, a terminal,
//! standard output), written on the blocking pool.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_api::ConnectError;

/// An open output.
#[derive(Debug)]
pub(crate) struct Output {
    /// None for standard output.
    path: Option<PathBuf>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(File),
    Stream(Arc<File>),
    Stdout,
}

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self {
            path: None,
            kind: Kind::Stdout,
        }
    }

    /// Opens `path` for appending, creating it if it is missing. Blocks: for the blocking pool.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn open(path: PathBuf) -> Result<Self, ConnectError> {
        let opened = OpenOptions::new().append(true).create(true).open(&path);
        match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
            Ok((file, metadata)) if metadata.is_file() => {
                end_torn_line(&path, &file).map_err(|error| cannot_open(&path, error))?;
                Ok(Self {
                    path: Some(path),
                    kind: Kind::File(file),
                })
            }
            Ok((file, _)) => Ok(Self {
                path: Some(path),
                kind: Kind::Stream(Arc::new(file)),
            }),
            Err(error) => Err(cannot_open(&path, error)),
        }
    }

    /// Writes whole lines. On failure, what was written of them is taken back where that is possible. The buffer comes
    /// back, empty, to be used again.
    pub(crate) async fn write(&mut self, mut lines: Vec<u8>) -> Result<Vec<u8>, ConnectError> {
        let result = match &mut self.kind {
            Kind::File(file) => append(file, &lines),
            Kind::Stream(file) => {
                let file = Arc::clone(file);
                let (returned, result) =
                    on_blocking_pool(lines, move |lines| (&*file).write_all(lines)).await?;
                lines = returned;
                result
            }
            Kind::Stdout => {
                let print = |lines: &[u8]| {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(lines)?;
                    stdout.flush()
                };
                let (returned, result) = on_blocking_pool(lines, print).await?;
                lines = returned;
                result
            }
        };
        result.map_err(|error| {
            ConnectError::connect(format!(
                "cannot write {} bytes to {}",
                lines.len(),
                self.name()
            ))
            .caused_by(error)
        })?;
        lines.clear();
        Ok(lines)
    }

    fn name(&self) -> String {
        self.path.as_ref().map_or_else(
            || "standard output".to_owned(),
            |path| path.display().to_string(),
        )
    }
}

/// Ends a line that a killed writer left torn, so that the first new line does not grow onto it and get lost.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn end_torn_line(path: &Path, mut file: &File) -> io::Result<()> {
    let mut last = [b'\n'];
    match File::open(path) {
        Ok(mut reader) => {
            if reader.seek(SeekFrom::End(0))? > 0 {
                reader.seek(SeekFrom::End(-1))?;
                reader.read_exact(&mut last)?;
            }
        }
        // A file that may be written but not read keeps its secret.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    if last == *b"\n" {
        return Ok(());
    }
    log::warn!(
        "the last line of {} has no end; new lines start on the next",
        path.display()
    );
    file.write_all(b"\n")
}

/// Appends, and takes a part that was written back if the rest cannot be and nobody else has appended since: the same
/// lines come again.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let mut rest = lines;
    while !rest.is_empty() {
        let result = match file.write(rest) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result,
        };
        match result {
            Ok(written) => rest = &rest[written..],
            Err(error) => {
                take_back(file, (lines.len() - rest.len()) as u64);
                return Err(error);
            }
        }
    }
    Ok(())
}

fn take_back(file: &mut File, written: u64) {
    let end = file
        .stream_position()
        .and_then(|end| file.metadata().map(|metadata| (end, metadata.len())));
    if let Ok((end, len)) = end
        && written > 0
        && end == len
        && let Err(error) = file.set_len(end - written)
    {
        log::warn!(
            "cannot take back {written} bytes of lines that could not be written whole: {error}"
        );
    }
}

async fn on_blocking_pool(
    lines: Vec<u8>,
    write: impl FnOnce(&[u8]) -> io::Result<()> + Send + 'static,
) -> Result<(Vec<u8>, io::Result<()>), ConnectError> {
    tokio::task::spawn_blocking(move || {
        let result = write(&lines);
        (lines, result)
    })
    .await
    .map_err(|error| ConnectError::connect("cannot run on the blocking pool").caused_by(error))
}

fn cannot_open(path: &Path, error: io::Error) -> ConnectError {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let why = if error.kind() == io::ErrorKind::NotFound && !folder.exists() {
        format!(": the folder {} does not exist", folder.display())
    } else {
        String::new()
    };
    ConnectError::connect(format!("cannot open {} for appending{why}", path.display()))
        .caused_by(error)
}

#[cfg(test)]
mod tests;
