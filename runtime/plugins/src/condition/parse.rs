//! From words to a condition.

use millrace_api::Side;

use super::tokens::{Kind, Token, tokens};
use super::{Literal, Node, Operand, Operator};
use crate::transforms::JavaRegex;

/// Deeper brackets and negations are refused: a condition is input, and the stack is finite.
const DEPTH_MAX: usize = 64;

/// Parses a condition; the error says where and why it cannot be.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        end: text.len(),
        depth: 0,
    };
    let node = parser.any()?;
    match parser.tokens.next() {
        None => Ok(node),
        Some(token) => Err(format!("unexpected {} at {}", shown(&token.kind), token.at)),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
    depth: usize,
}

impl Parser {
    fn word(&mut self, word: &str) -> bool {
        let is = |token: &Token| matches!(&token.kind, Kind::Name { text, quoted: false } if text.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = |token: &Token| matches!(token.kind, Kind::Sign(found) if found == sign);
        self.tokens.next_if(is).is_some()
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        match self.sign(sign) {
            true => Ok(()),
            false => Err(self.wanted(&format!("\"{sign}\""))),
        }
    }

    fn wanted(&mut self, what: &str) -> String {
        match self.tokens.peek() {
            Some(token) => format!(
                "expected {what} at {}, found {}",
                token.at,
                shown(&token.kind)
            ),
            None => format!("expected {what} at {}, where the condition ends", self.end),
        }
    }

    fn any(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.all()?];
        while self.word("or") {
            nodes.push(self.all()?);
        }
        Ok(single(nodes).unwrap_or_else(Node::Any))
    }

    fn all(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.not()?];
        while self.word("and") {
            nodes.push(self.not()?);
        }
        Ok(single(nodes).unwrap_or_else(Node::All))
    }

    fn not(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        let node = if self.word("not") {
            Node::Not(Box::new(self.not()?))
        } else if self.sign("(") {
            let node = self.any()?;
            self.expect(")")?;
            node
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, String> {
        let left = self.operand()?;
        if self.word("matches") {
            let Some(Kind::Text(pattern)) = self.tokens.next().map(|token| token.kind) else {
                return Err("matches needs a text that is a regular expression".to_owned());
            };
            let regex = JavaRegex::new(&pattern);
            let regex = regex.map_err(|why| format!("invalid regex '{pattern}': {why}"))?;
            return Ok(Node::Matches(left, Box::new(regex)));
        }
        if self.word("in") {
            return Ok(Node::In(left, self.list()?));
        }
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
        ];
        for (sign, operator) in operators {
            if self.sign(sign) {
                return Ok(Node::Compare(left, operator, self.operand()?));
            }
        }
        Ok(Node::Truth(left))
    }

    fn list(&mut self) -> Result<Vec<Literal>, String> {
        self.expect("(")?;
        let mut literals = Vec::new();
        loop {
            match self.operand()? {
                Operand::Literal(literal) => literals.push(literal),
                _ => {
                    return Err(
                        "the list behind in has texts, numbers and durations only".to_owned()
                    );
                }
            }
            if !self.sign(",") {
                self.expect(")")?;
                return Ok(literals);
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let what = "topic, partition, timestamp, age, key, value, header.<name> or a literal";
        let Some(token) = self
            .tokens
            .next_if(|token| !matches!(token.kind, Kind::Sign(_)))
        else {
            return Err(self.wanted(what));
        };
        let name = match token.kind {
            Kind::Text(text) => return Ok(Operand::Literal(Literal::Text(text))),
            Kind::Integer(number) => return Ok(Operand::Literal(Literal::Integer(number))),
            Kind::Fraction(number) => return Ok(Operand::Literal(Literal::Fraction(number))),
            Kind::Name { text, .. } => text,
            Kind::Sign(_) => String::new(),
        };
        Ok(match name.as_str() {
            "true" | "false" => Operand::Literal(Literal::Boolean(name == "true")),
            "null" => Operand::Literal(Literal::Null),
            "topic" => Operand::Topic,
            "partition" => Operand::Partition,
            "timestamp" => Operand::Timestamp,
            "age" => Operand::Age,
            "key" => Operand::Side(Side::Key, self.steps()?),
            "value" => Operand::Side(Side::Value, self.steps()?),
            "header" => match self.steps()?.as_slice() {
                [] => return Err(self.wanted("\".\" and the name of a header")),
                // Names of headers often have dots.
                steps => Operand::Header(steps.join(".")),
            },
            other => {
                return Err(format!(
                    "unknown \"{other}\" at {}: write {what}; a text stands between quotes",
                    token.at
                ));
            }
        })
    }

    fn steps(&mut self) -> Result<Vec<String>, String> {
        let mut steps = Vec::new();
        while self.sign(".") {
            match self.tokens.next().map(|token| token.kind) {
                Some(Kind::Name { text, .. }) => steps.push(text),
                Some(Kind::Integer(number)) => steps.push(number.to_string()),
                _ => return Err(
                    "a dot is followed by the name of a field; put unusual names between backticks"
                        .to_owned(),
                ),
            }
        }
        Ok(steps)
    }
}

/// The one node, or all of them.
fn single(mut nodes: Vec<Node>) -> Result<Node, Vec<Node>> {
    match nodes.len() {
        1 => Ok(nodes.remove(0)),
        _ => Err(nodes),
    }
}

fn shown(kind: &Kind) -> String {
    match kind {
        Kind::Name { text, .. } | Kind::Text(text) => format!("\"{text}\""),
        Kind::Integer(number) => number.to_string(),
        Kind::Fraction(number) => number.to_string(),
        Kind::Sign(sign) => format!("\"{sign}\""),
    }
}
