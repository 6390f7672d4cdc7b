//! .proto texts: what of proto2, proto3 and editions describes messages. Services, extensions and the options that no
//! converter needs are passed over.
//!
//! Facts: the Protocol Buffers language specifications of proto2, proto3 and edition 2023.

use std::collections::BTreeMap;

use millrace_api::ConnectError;

use super::lexer::{Token, refused, tokens};

/// Messages within messages are followed so far.
const DEPTH_MAX: usize = 100;

/// A .proto text.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) proto2: bool,
    pub(super) package: String,
    pub(super) imports: Vec<String>,
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enumeration>,
}

/// A message.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    pub(super) oneofs: Vec<String>,
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enumeration>,
}

/// An enum: names and numbers.
#[derive(Debug, Default)]
pub(super) struct Enumeration {
    pub(super) name: String,
    pub(super) values: Vec<(String, i32)>,
}

/// What stands before a field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Label {
    #[default]
    None,
    Optional,
    Required,
    Repeated,
}

/// A field; of a map, the type is the value's, and there is one of the key.
#[derive(Debug, Default)]
pub(super) struct Field {
    pub(super) label: Label,
    pub(super) ty: String,
    pub(super) key: Option<String>,
    pub(super) name: String,
    pub(super) number: u32,
    /// The place of its oneof.
    pub(super) oneof: Option<usize>,
    pub(super) packed: Option<bool>,
    /// The parameters of the option `confluent.field_meta`.
    pub(super) params: BTreeMap<String, String>,
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<File, ConnectError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    parser.file()
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// The value of an option.
enum Setting {
    Text(String),
    List(Vec<Setting>),
    Members(Vec<(String, Setting)>),
}

impl Parser {
    fn next(&mut self) -> Result<Token, ConnectError> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| refused("it ends early"))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Result<(), ConnectError> {
        match self.next()? {
            Token::Mark(found) if found == mark => Ok(()),
            other => Err(refused(format!(
                "{} stands where {mark} belongs",
                shown(&other)
            ))),
        }
    }

    fn word(&mut self) -> Result<String, ConnectError> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(refused(format!(
                "{} stands where a name belongs",
                shown(&other)
            ))),
        }
    }

    fn text(&mut self) -> Result<String, ConnectError> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            other => Err(refused(format!(
                "{} stands where a text belongs",
                shown(&other)
            ))),
        }
    }

    fn number(&mut self) -> Result<i64, ConnectError> {
        let sign = if self.takes('-') { -1 } else { 1 };
        let word = self.word()?;
        let parsed = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => i64::from_str_radix(digits, 16),
            None if word.len() > 1 && word.starts_with('0') => i64::from_str_radix(&word, 8),
            None => word.parse(),
        };
        parsed
            .map(|number| number * sign)
            .map_err(|_| refused(format!("{word} is no number")))
    }

    /// Passes over a statement, up to its semicolon or the end of its block.
    fn skip(&mut self) -> Result<(), ConnectError> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Token::Mark('{' | '[' | '(') => depth += 1,
                Token::Mark('}') if depth == 1 => {
                    self.takes(';');
                    return Ok(());
                }
                Token::Mark('}' | ']' | ')') => depth = depth.saturating_sub(1),
                Token::Mark(';') if depth == 0 => return Ok(()),
                _ => {}
            }
        }
    }

    fn file(&mut self) -> Result<File, ConnectError> {
        let mut file = File {
            proto2: true,
            ..File::default()
        };
        while self.peek().is_some() {
            if self.takes(';') {
                continue;
            }
            match self.word()?.as_str() {
                "syntax" => {
                    self.expect('=')?;
                    file.proto2 = self.text()? == "proto2";
                    self.expect(';')?;
                }
                "edition" => {
                    file.proto2 = false;
                    self.skip()?;
                }
                "package" => {
                    file.package = self.word()?;
                    self.expect(';')?;
                }
                "import" => {
                    if !self.takes_word("public") {
                        self.takes_word("weak");
                    }
                    file.imports.push(self.text()?);
                    self.expect(';')?;
                }
                "message" => file.messages.push(self.message(0)?),
                "enum" => file.enums.push(self.enumeration()?),
                "option" | "extend" | "service" => self.skip()?,
                other => return Err(refused(format!("{other} begins no statement"))),
            }
        }
        Ok(file)
    }

    fn message(&mut self, depth: usize) -> Result<Message, ConnectError> {
        let name = self.word()?;
        self.expect('{')?;
        let mut message = Message {
            name,
            ..Message::default()
        };
        self.members(&mut message, depth)?;
        Ok(message)
    }

    /// What stands between the braces of a message, of which the first is behind.
    fn members(&mut self, message: &mut Message, depth: usize) -> Result<(), ConnectError> {
        if depth > DEPTH_MAX {
            return Err(refused("messages are nested too deeply"));
        }
        loop {
            if self.takes('}') {
                self.takes(';');
                return Ok(());
            }
            if self.takes(';') {
                continue;
            }
            let begins_field = matches!(self.tokens.get(self.at + 1), Some(Token::Word(_)))
                && matches!(self.tokens.get(self.at + 2), Some(Token::Mark('=')));
            let word = self.word()?;
            match word.as_str() {
                "option" => self.skip()?,
                "extend" | "reserved" | "extensions" if !begins_field => self.skip()?,
                _ if begins_field => message.fields.push(self.field(Label::None, word, None)?),
                "message" => message.messages.push(self.message(depth + 1)?),
                "enum" => message.enums.push(self.enumeration()?),
                "oneof" => self.oneof(message)?,
                "map" if self.takes('<') => {
                    let key = self.word()?;
                    self.expect(',')?;
                    let value = self.word()?;
                    self.expect('>')?;
                    let mut field = self.field(Label::Repeated, value, None)?;
                    field.key = Some(key);
                    message.fields.push(field);
                }
                label @ ("optional" | "required" | "repeated") => {
                    let label = match label {
                        "optional" => Label::Optional,
                        "required" => Label::Required,
                        _ => Label::Repeated,
                    };
                    let ty = self.word()?;
                    self.typed(message, label, ty, None)?;
                }
                _ => self.typed(message, Label::None, word, None)?,
            }
        }
    }

    fn typed(
        &mut self,
        message: &mut Message,
        label: Label,
        ty: String,
        oneof: Option<usize>,
    ) -> Result<(), ConnectError> {
        if ty == "group" {
            let name = self.word()?;
            return Err(refused(format!(
                "{}.{name} is a group, which is not read; make it a message",
                message.name
            )));
        }
        message.fields.push(self.field(label, ty, oneof)?);
        Ok(())
    }

    fn oneof(&mut self, message: &mut Message) -> Result<(), ConnectError> {
        message.oneofs.push(self.word()?);
        let place = message.oneofs.len() - 1;
        self.expect('{')?;
        loop {
            if self.takes('}') {
                self.takes(';');
                return Ok(());
            }
            if self.takes(';') {
                continue;
            }
            let word = self.word()?;
            if word == "option" {
                self.skip()?;
            } else {
                self.typed(message, Label::None, word, Some(place))?;
            }
        }
    }

    /// A field behind its type.
    fn field(
        &mut self,
        label: Label,
        ty: String,
        oneof: Option<usize>,
    ) -> Result<Field, ConnectError> {
        let name = self.word()?;
        self.expect('=')?;
        let number = self.number()?;
        let number = u32::try_from(number)
            .ok()
            .filter(|number| (1..1 << 29).contains(number));
        let mut field = Field {
            number: number
                .ok_or_else(|| refused(format!("the number of {name} is out of range")))?,
            label,
            ty,
            name,
            oneof,
            ..Field::default()
        };
        if self.takes('[') {
            self.options(&mut field)?;
        }
        self.expect(';')?;
        Ok(field)
    }

    fn options(&mut self, field: &mut Field) -> Result<(), ConnectError> {
        loop {
            let mut name = String::new();
            loop {
                match self.next()? {
                    Token::Mark('=') => break,
                    Token::Mark('(' | ')') => {}
                    Token::Word(word) => name.push_str(&word),
                    other => {
                        return Err(refused(format!(
                            "{} stands in an option's name",
                            shown(&other)
                        )));
                    }
                }
            }
            let value = self.setting(0)?;
            match (name.trim_start_matches('.'), value) {
                ("packed", Setting::Text(text)) => field.packed = Some(text == "true"),
                ("confluent.field_meta", value) => collect_params(value, &mut field.params),
                ("confluent.field_meta.params", value) => add_params(value, &mut field.params),
                _ => {}
            }
            if self.takes(']') {
                return Ok(());
            }
            self.expect(',')?;
        }
    }

    fn setting(&mut self, depth: usize) -> Result<Setting, ConnectError> {
        if depth > DEPTH_MAX {
            return Err(refused("an option is nested too deeply"));
        }
        if self.takes('[') {
            let mut list = Vec::new();
            while !self.takes(']') {
                list.push(self.setting(depth + 1)?);
                self.takes(',');
            }
            return Ok(Setting::List(list));
        }
        if self.takes('{') {
            let mut members = Vec::new();
            while !self.takes('}') {
                let name = match self.next()? {
                    Token::Word(word) => word,
                    Token::Mark('[') => {
                        let name = self.word()?;
                        self.expect(']')?;
                        name
                    }
                    other => return Err(refused(format!("{} stands in an option", shown(&other)))),
                };
                self.takes(':');
                members.push((name, self.setting(depth + 1)?));
                if !self.takes(',') {
                    self.takes(';');
                }
            }
            return Ok(Setting::Members(members));
        }
        let sign = if self.takes('-') { "-" } else { "" };
        let mut text = match self.next()? {
            Token::Word(word) => format!("{sign}{word}"),
            Token::Text(text) => text,
            other => {
                return Err(refused(format!(
                    "{} stands where a value belongs",
                    shown(&other)
                )));
            }
        };
        while let Some(Token::Text(more)) = self.peek() {
            text.push_str(more);
            self.at += 1;
        }
        Ok(Setting::Text(text))
    }

    fn enumeration(&mut self) -> Result<Enumeration, ConnectError> {
        let mut enumeration = Enumeration {
            name: self.word()?,
            values: Vec::new(),
        };
        self.expect('{')?;
        loop {
            if self.takes('}') {
                self.takes(';');
                return Ok(enumeration);
            }
            if self.takes(';') {
                continue;
            }
            let name = self.word()?;
            if !self.takes('=') {
                self.skip()?;
                continue;
            }
            let number = self.number()?;
            let number = i32::try_from(number);
            let number =
                number.map_err(|_| refused(format!("the number of {name} is out of range")))?;
            enumeration.values.push((name, number));
            if self.takes('[') {
                self.at -= 1;
                self.skip()?;
            } else {
                self.expect(';')?;
            }
        }
    }
}

fn collect_params(value: Setting, params: &mut BTreeMap<String, String>) {
    if let Setting::Members(members) = value {
        for (name, value) in members {
            if name == "params" {
                add_params(value, params);
            }
        }
    }
}

/// Adds entries of a map, which stand one by one or in a list.
fn add_params(value: Setting, params: &mut BTreeMap<String, String>) {
    match value {
        Setting::List(entries) => {
            for entry in entries {
                add_params(entry, params);
            }
        }
        Setting::Members(members) => {
            let find = |wanted: &str| {
                members.iter().find_map(|(name, value)| match value {
                    Setting::Text(text) if name == wanted => Some(text.clone()),
                    _ => None,
                })
            };
            if let (Some(key), Some(value)) = (find("key"), find("value")) {
                params.insert(key, value);
            }
        }
        Setting::Text(_) => {}
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Mark(mark) => mark.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_messages_is_read_and_the_rest_passed_over() {
        let file = parse(
            r#"
            syntax = "proto2"; package a.b; // comment
            import public "x.proto";
            option java_package = "q"; option (my.opt) = { a: 1, b { c: "}" } };
            service S { rpc F(M) returns (M) { option deprecated = true; } }
            extend M { optional int32 ext = 100; }
            message M {
              option deprecated = true; reserved 4 to 6, 9; reserved "old"; extensions 100 to max;
              required int32 id = 0x1;
              optional string message = 2 [default = "x;y", deprecated = true];
              repeated sint64 list = 3 [packed = true];
              map<string, .a.b.M.E> map = 7;
              oneof kind { option (o) = true; string text = 8; bytes raw = 10; }
              enum E { option allow_alias = true; ZERO = 0; MINUS = -1 [(x) = { y: 1 }]; reserved 5; }
              message Inner { optional M outer = 1; }
              optional int32 small = 11 [(confluent.field_meta) = { params: [ { key: "connect.type", value: "int8" } ] }];
            };
            "#,
        )
        .unwrap();
        assert!(file.proto2);
        assert_eq!((file.package.as_str(), file.imports.len()), ("a.b", 1));
        let message = &file.messages[0];
        let names: Vec<_> = message
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.number))
            .collect();
        assert_eq!(
            names,
            [
                ("id", 1),
                ("message", 2),
                ("list", 3),
                ("map", 7),
                ("text", 8),
                ("raw", 10),
                ("small", 11)
            ]
        );
        assert_eq!(message.fields[3].key.as_deref(), Some("string"));
        assert_eq!(message.fields[4].oneof, Some(0));
        assert_eq!(message.fields[6].params["connect.type"], "int8");
        assert_eq!(
            message.enums[0].values,
            [("ZERO".to_owned(), 0), ("MINUS".to_owned(), -1)]
        );
        assert_eq!(message.messages[0].name, "Inner");
    }

    #[test]
    fn what_is_no_proto_text_is_refused() {
        for text in [
            "{",
            "message",
            "message M { int32 = 1; }",
            "message M { int32 a = 0; }",
            "message M { int32 a = 1",
            "enum E { A = 99999999999; }",
            "message M { optional group G = 1 { } }",
            "{\"type\":\"record\"}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
