//! Colours of text on a terminal: what stands around a record is dim, keys are cyan.

use millrace_api::config::ConfigEnum;

/// When text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour what goes to a terminal or not.
    pub(crate) fn applies(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let is_set = |name| std::env::var_os(name).is_some_and(|text| !text.is_empty());
                let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                is_terminal && !is_set("NO_COLOR") && !is_dumb
            }
        }
    }
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Topic, partition, offset, timestamp, headers.
    Around,
    Key,
    Value,
}

/// The escape sequences, or none of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette(pub(crate) bool);

impl Palette {
    /// Begins a part.
    pub(crate) fn begin(self, part: Part, out: &mut Vec<u8>) {
        let sequence: &[u8] = match part {
            Part::Around => b"\x1b[2m",
            Part::Key => b"\x1b[36m",
            Part::Value => return,
        };
        if self.0 {
            out.extend_from_slice(sequence);
        }
    }

    /// Ends it.
    pub(crate) fn end(self, part: Part, out: &mut Vec<u8>) {
        if self.0 && part != Part::Value {
            out.extend_from_slice(b"\x1b[0m");
        }
    }
}
