//! A JSON document as Java's parser reads it: numbers keep their text, leading zeros are accepted, of equal names the
//! last one counts, and what follows the first value is ignored.

use std::collections::HashMap;

use millrace_api::ConnectError;

use super::plain::plain_len;

/// What a text begins with that was written with a mark for the order of bytes.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What Java says of text that is no JSON, without saying why.
const UNREADABLE: &str =
    "Converting byte[] to Kafka Connect data failed due to serialization error: ";
/// Deeper nesting is refused: it is input, and the stack is finite.
pub(super) const DEPTH_MAX: usize = 500;

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Document<'a> {
    Null,
    Boolean(bool),
    /// As it stands in the text.
    Number(&'a str),
    String(String),
    Array(Vec<Document<'a>>),
    Object(Vec<(String, Document<'a>)>),
}

impl<'a> Document<'a> {
    /// Reads the first value of `bytes`. A number ends at a blank, or where the text ends.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ConnectError> {
        let mut parser = Parser::new(bytes)?;
        let value = parser.value(0).ok_or_else(|| parser.malformed())?;
        match value {
            Self::Number(_) if !parser.is_at_blank() => Err(parser.malformed()),
            value => Ok(value),
        }
    }

    /// Reads a text that is one value and nothing else.
    pub(crate) fn parse_all(text: &'a str) -> Result<Self, ConnectError> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0);
        parser.blanks();
        match value {
            Some(value) if parser.at == text.len() => Ok(value),
            _ => Err(parser.malformed()),
        }
    }

    /// The member called `name` of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, as Java's messages name it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean(_) => "BOOLEAN",
            Self::Number(_) => "NUMBER",
            Self::String(_) => "STRING",
            Self::Array(_) => "ARRAY",
            Self::Object(_) => "OBJECT",
        }
    }
}

/// The text of the schema and the payload of an envelope, which has these two members and no other.
pub(crate) fn envelope(bytes: &[u8]) -> Result<(&str, Document<'_>), ConnectError> {
    let mut parser = Parser::new(bytes)?;
    parser.blanks();
    let members = match parser.peek() {
        None => (None, None, false),
        Some(_) => parser.envelope().ok_or_else(|| parser.malformed())?,
    };
    match members {
        (Some(schema), Some(payload), false) => Ok((schema, payload)),
        _ => Err(ConnectError::data(
            "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional \
             fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter \
             configuration.",
        )),
    }
}

/// Schema, payload, and whether there was anything else.
type Envelope<'a> = (Option<&'a str>, Option<Document<'a>>, bool);

/// Up to this many members of an object are looked through one by one.
const FEW: usize = 32;

/// The members of an object, of which the last of a name counts, in the place of the first.
struct Members<'a> {
    all: Vec<(String, Document<'a>)>,
    places: Places,
}

impl<'a> Members<'a> {
    fn put(&mut self, name: String, value: Document<'a>) {
        match self.places.find(&self.all, &name, |(known, _)| known) {
            Some(place) => self.all[place].1 = value,
            None => self.all.push((name, value)),
        }
    }
}

/// Where the names of an object's members are; known only where they are not few.
#[derive(Default)]
pub(super) struct Places {
    known: HashMap<String, usize>,
}

impl Places {
    /// The place of `name` among members, of which none is taken away. A name that is not there comes next.
    pub(super) fn find<T>(
        &mut self,
        members: &[T],
        name: &str,
        name_of: impl Fn(&T) -> &str,
    ) -> Option<usize> {
        if members.len() <= FEW {
            return members.iter().position(|known| name_of(known) == name);
        }
        for (place, known) in members.iter().enumerate().skip(self.known.len()) {
            self.known.insert(name_of(known).to_owned(), place);
        }
        self.known.get(name).copied()
    }
}

/// Reads a text value by value.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ConnectError> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            ConnectError::data(format!("{UNREADABLE}the text is not UTF-8")).caused_by(error)
        })?;
        Ok(Self { text, at: 0 })
    }

    pub(super) fn malformed(&self) -> ConnectError {
        ConnectError::data(format!("{UNREADABLE}unexpected text at byte {}", self.at))
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether a blank comes next, or nothing.
    pub(super) fn is_at_blank(&self) -> bool {
        matches!(self.peek(), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Passes over blanks.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next, blanks aside.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn envelope(&mut self) -> Option<Envelope<'a>> {
        let mut members = (None, None, false);
        if !self.takes(b'{') {
            self.value(0)?;
            return Some(members);
        }
        if self.takes(b'}') {
            return Some(members);
        }
        loop {
            let name = self.name()?;
            self.blanks();
            let start = self.at;
            let value = self.value(1)?;
            match name.as_str() {
                "schema" => members.0 = Some(&self.text[start..self.at]),
                "payload" => members.1 = Some(value),
                _ => members.2 = true,
            }
            if !self.takes(b',') {
                return self.takes(b'}').then_some(members);
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Document<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Document::String),
            b't' => self.word("true", Document::Boolean(true)),
            b'f' => self.word("false", Document::Boolean(false)),
            b'n' => self.word("null", Document::Null),
            _ => self.number().map(Document::Number),
        }
    }

    /// Takes a word that stands for `value`.
    pub(super) fn word<T>(&mut self, word: &str, value: T) -> Option<T> {
        let rest = self.text[self.at..].strip_prefix(word)?;
        if rest.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return None;
        }
        self.at += word.len();
        Some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Document<'a>> {
        self.at += 1;
        let mut members = Members {
            all: Vec::new(),
            places: Places::default(),
        };
        if self.takes(b'}') {
            return Some(Document::Object(members.all));
        }
        loop {
            let name = self.name()?;
            let value = self.value(depth + 1)?;
            members.put(name, value);
            if !self.takes(b',') {
                return self.takes(b'}').then_some(Document::Object(members.all));
            }
        }
    }

    pub(super) fn name(&mut self) -> Option<String> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return None;
        }
        let name = self.string()?;
        self.takes(b':').then_some(name)
    }

    fn array(&mut self, depth: usize) -> Option<Document<'a>> {
        self.at += 1;
        let mut values = Vec::new();
        if self.takes(b']') {
            return Some(Document::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if !self.takes(b',') {
                return self.takes(b']').then_some(Document::Array(values));
            }
        }
    }

    /// The text of a number.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let mut is_number = self.digits() > 0;
        if is_number && self.peek() == Some(b'.') {
            self.at += 1;
            is_number = self.digits() > 0;
        }
        if is_number && matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            is_number = self.digits() > 0;
        }
        is_number.then(|| &self.text[start..self.at])
    }

    fn digits(&mut self) -> usize {
        let count = self.text.as_bytes()[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        count
    }

    /// The string whose opening quote comes next.
    pub(super) fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = plain_len(rest.as_bytes(), |byte| {
                (byte == b'"') | (byte == b'\\') | (byte < 0x20)
            });
            // The text of most strings is all of it, for which this makes the room exactly.
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes().get(plain)? {
                b'"' => return Some(text),
                b'\\' => text.push(self.escape()?),
                // A control character must be escaped.
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let escape = self.peek()?;
        self.at += 1;
        Some(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return None,
        })
    }

    /// A character by its UTF-16 code units; a half of a pair stands for nothing and is replaced.
    fn unicode(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let after_first = self.at;
        if self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.code_unit()?;
            if (0xDC00..0xE000).contains(&second) {
                return char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00));
            }
        }
        self.at = after_first;
        Some(char::REPLACEMENT_CHARACTER)
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
