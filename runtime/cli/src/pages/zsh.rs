//! Completions for zsh: `millrace completions zsh > "${fpath[1]}/_millrace"`.

use super::tree::{Command, Flag, Values, steps};

pub(super) fn script(commands: &[Command]) -> String {
    let steps = steps(commands, |words, path| {
        format!("            ({}) at={} ;;\n", quote(words), quote(path))
    });
    format!(
        "#compdef millrace\n\
         _millrace() {{\n    \
             local at= word\n    \
             local -a below flags\n    \
             for word in ${{words[2,CURRENT-1]}}; do\n        \
                 case \"$at $word\" in\n{steps}        \
                 esac\n    \
             done\n    \
             case \"$at:${{words[CURRENT-1]}}\" in\n{}    \
             esac\n    \
             case \"$at\" in\n{}    \
             esac\n    \
             (( $#below )) && _describe command below\n    \
             (( $#flags )) && _describe -o option flags\n\
         }}\n\
         compdef _millrace millrace\n",
        commands.iter().map(values).collect::<String>(),
        commands.iter().map(words).collect::<String>(),
    )
}

fn values(command: &Command) -> String {
    let option = |option: &Flag| {
        let at = quote(&format!("{}:--{}", command.path.join(" "), option.long));
        match &option.values {
            Values::Nothing => None,
            Values::Any(_) => Some(format!("        ({at}) return ;;\n")),
            Values::File(_) => Some(format!("        ({at}) _files; return ;;\n")),
            Values::OneOf(words) => {
                let words = words.join(" ");
                Some(format!("        ({at}) compadd -- {words}; return ;;\n"))
            }
        }
    };
    command.options.iter().filter_map(option).collect()
}

fn words(command: &Command) -> String {
    let described = |name: &str, help: &str| quote(&format!("{name}:{}", help.replace(':', "\\:")));
    let below: Vec<String> = command
        .commands
        .iter()
        .map(|(name, about)| described(name, about))
        .chain(command.words().into_iter().map(|word| described(word, "")))
        .collect();
    let flags: Vec<String> = command
        .options
        .iter()
        .map(|option| described(&format!("--{}", option.long), &option.help))
        .collect();
    let files = if command.takes_files() {
        " _files;"
    } else {
        ""
    };
    format!(
        "        ({})\n            below=({})\n            flags=({}){};;\n",
        quote(&command.path.join(" ")),
        below.join(" "),
        flags.join(" "),
        if files.is_empty() {
            " ".to_owned()
        } else {
            format!(";{files} ")
        },
    )
}

/// A word in single quotes.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
