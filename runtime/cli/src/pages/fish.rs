//! Completions for fish: `millrace completions fish > ~/.config/fish/completions/millrace.fish`.

use super::tree::{Command, Flag, Values, steps};

pub(super) fn script(commands: &[Command]) -> String {
    let steps = steps(commands, |words, path| {
        format!(
            "            case {}\n                set at {}\n",
            quote(words),
            quote(path)
        )
    });
    format!(
        "function __millrace_at\n    \
             set -l at ''\n    \
             for word in (commandline -opc)[2..-1]\n        \
                 switch \"$at $word\"\n{steps}        \
                 end\n    \
             end\n    \
             test \"$at\" = \"$argv[1]\"\n\
         end\n{}",
        commands.iter().map(lines).collect::<String>()
    )
}

fn lines(command: &Command) -> String {
    let at = format!("__millrace_at \"{}\"", command.path.join(" "));
    let head = format!("complete -c millrace -n {}", quote(&at));
    let mut text = String::new();
    if !command.takes_files() {
        text.push_str(&format!("{head} -f\n"));
    }
    for (name, about) in &command.commands {
        text.push_str(&format!("{head} -a {name} -d {}\n", quote(about)));
    }
    for word in command.words() {
        text.push_str(&format!("{head} -a {word}\n"));
    }
    let option = |option: &Flag| {
        let values = match &option.values {
            Values::Nothing => String::new(),
            Values::Any(_) => " -x".to_owned(),
            Values::File(_) => " -r -F".to_owned(),
            Values::OneOf(words) => format!(" -x -a {}", quote(&words.join(" "))),
        };
        format!(
            "{head} -l {}{values} -d {}\n",
            option.long,
            quote(&option.help)
        )
    };
    text.extend(command.options.iter().map(option));
    text
}

/// A word in single quotes.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
