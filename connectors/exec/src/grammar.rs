//! Whether a command can be understood by what is to split it: the connector itself, or a shell.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Shells that look at a command without running it when they are told `-n`.
pub(crate) const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];
/// Where a file of such a name is such a shell.
const PLACES: [&str; 4] = ["", "/bin", "/usr/bin", "/usr/local/bin"];
/// Commands that change what is understood behind them; where they are told `-n`, shells do not know.
const CHANGING: [&str; 3] = ["alias", "setopt", "shopt"];
/// How long a shell may look.
const PATIENCE: Duration = Duration::from_secs(20);

/// What only a shell gives a meaning, as a word of its own.
const OPERATORS: [&str; 8] = ["|", "||", "&&", "&", ">", ">>", "<", "2>&1"];
/// Programs that have such words among their own.
const CALCULATORS: [&str; 3] = ["expr", "test", "["];

/// A word that shows that the command was written for a shell.
pub(crate) fn shell_word(command: &str) -> Option<&str> {
    let program = command.split_whitespace().next()?;
    let name = program.rsplit('/').next().unwrap_or_default();
    if CALCULATORS.contains(&name) {
        return None;
    }
    let mut words = command.split_whitespace();
    words.find(|word| OPERATORS.contains(word))
}

/// A word that shows that its writer counted on quotes, which are none without a shell: one that begins a quote and does
/// not end it.
pub(crate) fn torn_quote(command: &str) -> Option<&str> {
    command.split_whitespace().find(|word| {
        let mut open = None;
        let mut before = None;
        for letter in word.chars() {
            match open {
                Some(quote) if quote == letter => open = None,
                None if "'\"".contains(letter) && can_begin(before) => open = Some(letter),
                _ => {}
            }
            before = Some(letter);
        }
        open.is_some()
    })
}

/// Whether a quote begins behind this letter; behind others it is an apostrophe, or part of a pattern.
fn can_begin(before: Option<char>) -> bool {
    before.is_none_or(|letter| "=+:,(".contains(letter))
}

/// What a shell says of a command that it does not understand; none where it does, or where it is no shell of which one
/// knows how to ask.
pub(crate) async fn complaint(shell: &str, command: &str) -> Option<String> {
    let program = known(shell)?;
    if CHANGING.iter().any(|word| command.contains(word)) {
        return None;
    }
    let asking = Command::new(program)
        .args(["-n", "-c", command])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, asking).await.ok()?.ok()?;
    if output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let said = text.lines().map(str::trim).find(|line| !line.is_empty());
    Some(said.unwrap_or("it does not say why").to_owned())
}

/// The program of a shell that is called as `/bin/sh -c` is.
fn known(shell: &str) -> Option<&str> {
    let mut words = shell.split_whitespace();
    let (program, flags) = (words.next()?, words.next()?);
    let (place, name) = program.rsplit_once('/').unwrap_or(("", program));
    let is_shell = SHELLS.contains(&name) && PLACES.contains(&place);
    // With others, such as -i, some run the command all the same.
    let flags = flags.strip_prefix('-')?;
    let only_runs = flags.contains('c') && flags.chars().all(|flag| "ceuxf".contains(flag));
    (is_shell && only_runs && words.next().is_none()).then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_that_blanks_have_torn() {
        for (command, torn) in [
            ("tail -F /var/log/my.log", None),
            ("grep 'a b' file", Some("'a")),
            ("echo \"a", Some("\"a")),
            ("date +\"%F %T\"", Some("+\"%F")),
            ("git log --format='%h %s'", Some("--format='%h")),
            ("echo it's", None),
            ("sed s/\"/x/", None),
            ("echo 'a' \"b\"", None),
        ] {
            assert_eq!(torn_quote(command), torn, "{command}");
        }
    }

    #[test]
    fn words_for_shells() {
        for (command, found) in [
            ("ls | wc", Some("|")),
            ("cd /tmp && ls", Some("&&")),
            ("df -P 2>&1", Some("2>&1")),
            ("expr 1 | 2", None),
            ("/usr/bin/[ a < b ]", None),
            ("find . -exec ls {} ;", None),
            ("grep a|b file", None),
        ] {
            assert_eq!(shell_word(command), found, "{command}");
        }
    }

    #[tokio::test]
    async fn shells_are_asked_and_run_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let hurt = dir.path().join("hurt");
        let touch = format!("touch {}; echo 'a' | cat", hurt.display());
        for (shell, command, is_fine) in [
            ("/bin/sh -c", touch.as_str(), true),
            ("sh -ec", "cat <<X\nit's\nX\n", true),
            ("/bin/sh -c", "echo 'a", false),
            ("/bin/sh -c", "echo a |", false),
            ("/bin/sh -c", "while :; do x", false),
            ("/bin/sh -c", "shopt -s extglob\nls !(a)", true),
            ("/bin/sh", "echo 'a", true),
            ("/bin/sh -ic", "echo 'a", true),
            ("/opt/sh -c", "echo 'a", true),
            ("/usr/bin/env", "echo 'a", true),
        ] {
            let complaint = complaint(shell, command).await;
            assert_eq!(
                complaint.is_none(),
                is_fine,
                "{shell} {command}: {complaint:?}"
            );
        }
        assert!(!hurt.exists());
    }
}
