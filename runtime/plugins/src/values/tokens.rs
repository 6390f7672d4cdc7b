//! Cuts text into tokens: a delimiter, or what stands between two of them. A backslash takes the next character along.

/// Reads tokens of a text, and can go back.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn has_next(&self) -> bool {
        self.at < self.text.len()
    }

    /// Where the next token starts.
    pub(crate) fn mark(&self) -> usize {
        self.at
    }

    pub(crate) fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The next token; empty at the end.
    pub(crate) fn next(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let mut escaped = false;
        let mut len = rest.len();
        for (index, character) in rest.char_indices() {
            match character {
                ':' | ',' | '{' | '}' | '[' | ']' | '"' if !escaped => {
                    len = index.max(1);
                    break;
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        self.at += len;
        &rest[..len]
    }

    /// The text of the next `count` tokens, or none, and nothing taken, if there are fewer.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a str> {
        let start = self.at;
        for _ in 0..count {
            if !self.has_next() {
                self.at = start;
                return None;
            }
            self.next();
        }
        Some(&self.text[start..self.at])
    }

    /// Takes the next token if it is `expected`, blanks around it set aside. Blank tokens before another one are taken
    /// either way.
    pub(crate) fn consume(&mut self, expected: &str) -> bool {
        loop {
            if !self.has_next() {
                return false;
            }
            let start = self.at;
            let token = self.next();
            if token.trim() == expected {
                return true;
            }
            if !token.trim().is_empty() || !self.has_next() {
                self.at = start;
                return false;
            }
        }
    }

    /// Takes the next token if it is exactly `expected`.
    pub(crate) fn consume_exactly(&mut self, expected: &str) -> bool {
        let start = self.at;
        if self.has_next() && self.next() == expected {
            return true;
        }
        self.at = start;
        false
    }
}
