//! Pages of the manual, in the macros of `man(7)`.

use super::tree::{Command, Flag, Values};

/// The page of a command.
pub(super) fn page(command: &Command) -> String {
    let name = command.dashed();
    let mut page = format!(
        ".TH {} 1 \"\" \"Millrace {}\" \"User Commands\"\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    );
    page.push_str(&format!(
        ".SH NAME\n{} \\- {}\n",
        text(&name),
        text(&command.about)
    ));
    page.push_str(&format!(
        ".SH SYNOPSIS\n.nf\n{}\n.fi\n",
        text(&command.usage)
    ));
    section(&mut page, "ARGUMENTS", &command.positional, |value| {
        format!("\\fI{}\\fR", text(&value.long))
    });
    section(&mut page, "OPTIONS", &command.options, |option| {
        let short = option
            .short
            .map_or_else(String::new, |short| format!("\\fB\\-{short}\\fR, "));
        let value = match &option.values {
            Values::Nothing => String::new(),
            Values::Any(name) | Values::File(name) => format!(" \\fI{}\\fR", text(name)),
            Values::OneOf(words) => format!(" \\fI{}\\fR", text(&words.join("|"))),
        };
        format!(
            "{short}\\fB{}\\fR{value}",
            text(&format!("--{}", option.long))
        )
    });
    if !command.commands.is_empty() {
        page.push_str(".SH COMMANDS\n");
        for (below, about) in &command.commands {
            let title = text(&format!("{name}-{below}"));
            page.push_str(&format!(".TP\n\\fB{title}\\fR(1)\n{}\n", text(about)));
        }
    }
    let status = if command.path.is_empty() {
        text(&command.after_help)
    } else {
        "See \\fBmillrace\\fR(1).".to_owned()
    };
    page.push_str(&format!(".SH EXIT STATUS\n{status}\n"));
    page
}

fn section(page: &mut String, title: &str, flags: &[Flag], tag: impl Fn(&Flag) -> String) {
    if flags.is_empty() {
        return;
    }
    page.push_str(&format!(".SH {title}\n"));
    for flag in flags {
        page.push_str(&format!(".TP\n{}\n{}\n", tag(flag), text(&flag.help)));
    }
}

/// Text whose backslashes, dashes and leading dots are no macros.
fn text(plain: &str) -> String {
    let escaped = plain.replace('\\', "\\e").replace('-', "\\-");
    let lines: Vec<String> = escaped
        .lines()
        .map(|line| match line.trim_end() {
            line if line.starts_with(['.', '\'']) => format!("\\&{line}"),
            line => line.to_owned(),
        })
        .collect();
    lines.join("\n")
}
