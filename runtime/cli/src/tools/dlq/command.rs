//! A command that makes a value from a value: the old one on its standard input, the new one on its standard output.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use bytes::Bytes;
use millrace_worker::dead_letters::EditError;

/// Runs a line of shell. A null goes in as nothing.
///
/// # Errors
/// When the command cannot be run or fails.
pub(super) fn run(line: &str, value: Option<&[u8]>) -> Result<Option<Bytes>, EditError> {
    let failed = |why: String| EditError::Failed(format!("the command '{line}' {why}"));
    let mut child = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let input = value.unwrap_or_default().to_vec();
    let stdin = child.stdin.take();
    // A command may write before it has read all: with one thread both sides would wait.
    let writer = thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A command that does not want its input closes it.
            let _written = stdin.write_all(&input);
        }
    });
    let output = child.wait_with_output();
    let _joined = writer.join();
    let output = output.map_err(|error| failed(format!("cannot be heard: {error}")))?;
    match output.status.success() {
        true => Ok(Some(Bytes::from(output.stdout))),
        false => Err(failed(format!("ended with {}", output.status))),
    }
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn a_command_makes_values_or_fails() {
        let large = vec![b'a'; 1 << 20];
        let changed = run("tr a b", Some(&large)).unwrap().unwrap();
        assert!(changed.len() == large.len() && changed.iter().all(|byte| *byte == b'b'));
        assert_eq!(run("echo new", None).unwrap().unwrap(), "new\n");
        let error = run("exit 3", Some(b"x")).unwrap_err().to_string();
        assert_eq!(error, "the command 'exit 3' ended with exit status: 3");
    }
}
