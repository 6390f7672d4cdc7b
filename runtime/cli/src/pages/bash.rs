//! Completions for bash: `millrace completions bash > /etc/bash_completion.d/millrace`.

use super::tree::{Command, Values, steps};

pub(super) fn script(commands: &[Command]) -> String {
    let steps = steps(commands, |words, path| {
        format!("            \"{words}\") path=\"{path}\" ;;\n")
    });
    format!(
        "_millrace() {{\n    \
             local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path= word\n    \
             COMPREPLY=()\n    \
             for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n        \
                 case \"$path $word\" in\n{steps}        \
                 esac\n    \
             done\n    \
             case \"$path:$prev\" in\n{}    \
             esac\n    \
             case \"$path\" in\n{}    \
             esac\n\
         }}\n\
         complete -o bashdefault -o default -F _millrace millrace\n",
        commands.iter().map(values).collect::<String>(),
        commands.iter().map(words).collect::<String>(),
    )
}

/// What follows options that take a value.
fn values(command: &Command) -> String {
    let path = command.path.join(" ");
    let line = |long: &str, completion: &str| {
        format!("        \"{path}:--{long}\") {completion}return ;;\n")
    };
    let option = |option: &super::tree::Flag| match &option.values {
        Values::Nothing => None,
        Values::Any(_) => Some(line(&option.long, "")),
        Values::File(_) => Some(line(
            &option.long,
            "COMPREPLY=($(compgen -f -- \"$cur\")); ",
        )),
        Values::OneOf(words) => {
            let words = words.join(" ");
            Some(line(
                &option.long,
                &format!("COMPREPLY=($(compgen -W \"{words}\" -- \"$cur\")); "),
            ))
        }
    };
    command.options.iter().filter_map(option).collect()
}

/// The options and commands that may come next.
fn words(command: &Command) -> String {
    let below = command.commands.iter().map(|(name, _)| name.clone());
    let options = command
        .options
        .iter()
        .map(|option| format!("--{}", option.long));
    let listed = command.words().into_iter().map(str::to_owned);
    let words: Vec<String> = below.chain(listed).chain(options).collect();
    let files = if command.takes_files() {
        "[[ $cur == -* ]] || return; "
    } else {
        ""
    };
    format!(
        "        \"{}\") {files}COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")) ;;\n",
        command.path.join(" "),
        words.join(" ")
    )
}
