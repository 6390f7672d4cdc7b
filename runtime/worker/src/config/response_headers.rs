//! `response.http.headers.config`: headers that every answer gets.
//!
//! The value is a list, separated by commas, of an action and a header, `add Cache-Control: no-cache`. An item with a
//! comma of its own stands in double quotes.

use millrace_config::Value;

/// What becomes of a header that the answer has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Set,
    Add,
    SetDate,
    AddDate,
}

const ACTIONS: [(&str, Action); 4] = [
    ("set", Action::Set),
    ("add", Action::Add),
    ("setDate", Action::SetDate),
    ("addDate", Action::AddDate),
];

/// A header of every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeader {
    action: Action,
    /// Its name.
    pub name: String,
    /// Its value; of a date, the milliseconds since the epoch.
    value: String,
}

impl ResponseHeader {
    /// Parses the whole list.
    ///
    /// # Errors
    /// Says what an item looks like.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        items(text)?.iter().map(|item| Self::parse(item)).collect()
    }

    fn parse(item: &str) -> Result<Self, String> {
        let wrong = || format!("'{item}' is not of the form [set|add|setDate|addDate] Name:value");
        let (action, header) = item.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let action = ACTIONS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(action))
            .map(|(_, action)| *action)
            .ok_or_else(wrong)?;
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim());
        let is_date = matches!(action, Action::SetDate | Action::AddDate);
        let value_is_right = if is_date {
            date(value).is_some()
        } else {
            !value.chars().any(char::is_control)
        };
        if !is_name(name) || !value_is_right {
            return Err(wrong());
        }
        Ok(Self {
            action,
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Whether it replaces what the answer has under its name.
    pub fn replaces(&self) -> bool {
        matches!(self.action, Action::Set | Action::SetDate)
    }

    /// The value as it is sent.
    pub fn text(&self) -> String {
        match self.action {
            Action::Set | Action::Add => self.value.clone(),
            Action::SetDate | Action::AddDate => date(&self.value).unwrap_or_default(),
        }
    }
}

/// Milliseconds since the epoch as an HTTP date.
fn date(milliseconds: &str) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(milliseconds.parse().ok()?).ok()?;
    Some(instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The items of the list without their quotes.
fn items(text: &str) -> Result<Vec<String>, String> {
    let mut items = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => items.push(String::new()),
            c => {
                if let Some(item) = items.last_mut() {
                    item.push(c);
                }
            }
        }
    }
    if is_quoted {
        return Err("a quoted item does not end".to_owned());
    }
    let trimmed = items.into_iter().map(|item| item.trim().to_owned());
    Ok(trimmed.filter(|item| !item.is_empty()).collect())
}

/// The validator of the key.
pub(super) fn check(_key: &str, value: &Value) -> Result<(), String> {
    ResponseHeader::parse_all(value.as_str().unwrap_or_default()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::ResponseHeader;

    #[test]
    fn items_are_an_action_and_a_header() {
        let text =
            r#"add Cache-Control:no-cache, "set X-List: a, b" ,setDate Expires: 31540000000,"#;
        let headers = ResponseHeader::parse_all(text).unwrap();
        let seen: Vec<(bool, &str, String)> = headers
            .iter()
            .map(|header| (header.replaces(), header.name.as_str(), header.text()))
            .collect();
        assert_eq!(
            seen,
            [
                (false, "Cache-Control", "no-cache".to_owned()),
                (true, "X-List", "a, b".to_owned()),
                (true, "Expires", "Fri, 01 Jan 1971 01:06:40 GMT".to_owned()),
            ]
        );
        assert!(ResponseHeader::parse_all("").unwrap().is_empty());
        for wrong in [
            "add X",
            "put X:1",
            "X:1",
            "set :1",
            "set a b:1",
            "\"add X:1",
            "setDate X:now",
        ] {
            assert!(ResponseHeader::parse_all(wrong).is_err(), "{wrong}");
        }
    }
}
