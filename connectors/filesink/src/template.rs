//! The folder of a record: `${topic}/${time:%Y-%m-%d}`.
//!
//! A template is cut at its slashes first and filled then, so that what a record says never makes a folder of its own,
//! let alone one outside. Filled names are made harmless.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use millrace_api::config;
use millrace_api::{ConnectError, SinkRow};

use crate::config::text;
use crate::names;
use crate::place::{Place, View};

/// What stands for the time of a record that has none.
const NO_TIME: &str = "no-time";

/// A path with places for what a record says.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Vec<Part>>,
    zone: TimeZone,
    /// Nothing but topic, partition and time is asked for, so that records of one second are in one folder.
    is_shared: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The record's time, in the words of strftime.
    Time(String),
    Place(Place),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and what there is instead.
    pub(crate) fn read(text: &str, zone: TimeZone) -> Result<Self, String> {
        let mut segments = vec![Vec::new()];
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind
                .split_once('}')
                .ok_or_else(|| format!("'${{{behind}' has no closing brace"))?;
            add(&mut segments, before, Part::Text);
            match name.split_once(':') {
                Some(("time", format)) => {
                    check_format(format)?;
                    add(&mut segments, format, Part::Time);
                }
                _ => match Place::read(name) {
                    Some(place) if place != Place::Headers => {
                        push(&mut segments, Part::Place(place));
                    }
                    _ => return Err(unknown(name)),
                },
            }
            rest = after;
        }
        add(&mut segments, rest, Part::Text);
        if segments.len() == 1 && segments[0].is_empty() {
            segments.clear();
        }
        check_segments(&segments)?;
        let is_shared = segments.iter().flatten().all(|part| match part {
            Part::Text(_) | Part::Time(_) => true,
            Part::Place(place) => matches!(place, Place::Topic | Place::Partition),
        });
        Ok(Self {
            segments,
            zone,
            is_shared,
        })
    }

    /// Whether records of one topic, partition and second are always in one folder.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The folder of a record, in place of what is in `path`.
    ///
    /// # Errors
    /// When the record's headers are asked for and cannot be read.
    pub(crate) fn fill(&self, row: SinkRow<'_>, path: &mut String) -> Result<(), ConnectError> {
        path.clear();
        let view = View::new(row);
        for parts in &self.segments {
            let mut segment = Vec::new();
            for part in parts {
                self.part(part, &view, &mut segment)?;
            }
            let mut segment = String::from_utf8(segment)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            names::folder(&mut segment);
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&segment);
        }
        Ok(())
    }

    fn part(&self, part: &Part, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Time(format) => {
                let time = view.row.timestamp();
                let time = time.and_then(|ms| format_time(format, ms, &self.zone));
                out.extend_from_slice(time.as_deref().unwrap_or(NO_TIME).as_bytes());
            }
            Part::Place(place) => {
                // Where there is nothing, the name of an empty folder stands for it.
                view.find(place)?.text(out).map_err(|error| {
                    ConnectError::data("cannot make a folder's name of a record").caused_by(error)
                })?;
            }
        }
        Ok(())
    }
}

/// Adds text that may have slashes in it.
fn add(segments: &mut Vec<Vec<Part>>, text: &str, part: impl Fn(String) -> Part) {
    for (index, piece) in text.split('/').enumerate() {
        if index > 0 {
            segments.push(Vec::new());
        }
        if !piece.is_empty() {
            push(segments, part(piece.to_owned()));
        }
    }
}

fn push(segments: &mut [Vec<Part>], part: Part) {
    if let Some(last) = segments.last_mut() {
        last.push(part);
    }
}

fn check_segments(segments: &[Vec<Part>]) -> Result<(), String> {
    for parts in segments {
        let why = match parts.as_slice() {
            [] => "it has an empty folder's name: leave out slashes at its ends, and double ones",
            [Part::Text(text)] if text.trim().is_empty() => {
                "it has a folder's name of blanks alone: write another, or leave it out"
            }
            [Part::Text(text), ..] if text.starts_with('.') => {
                "no folder's name may begin with a dot: files stay in directory and are not hidden"
            }
            _ => continue,
        };
        return Err(why.to_owned());
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    format!(
        "there is no '${{{name}}}'; choose of ${{topic}}, ${{partition}}, ${{time:FORMAT}} as in ${{time:%Y-%m-%d}}, \
         ${{offset}}, ${{timestamp}}, ${{key}}, ${{value}}, ${{key.FIELD}}, ${{value.FIELD}} and ${{header.NAME}}"
    )
}

fn format_time(format: &str, ms: i64, zone: &TimeZone) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?.to_zoned(zone.clone());
    strtime::format(format, &time).ok()
}

fn check_format(format: &str) -> Result<(), String> {
    let at = |ms| format_time(format, ms, &TimeZone::UTC);
    match (at(1_700_000_000_123), at(1_700_000_000_456)) {
        _ if !format.contains('%') => Err(format!(
            "'${{time:{format}}}' names no part of the time; write it as in ${{time:%Y-%m-%d}} or ${{time:%H}}"
        )),
        (Some(one), Some(other)) if one == other => Ok(()),
        (None, _) | (_, None) => Err(format!(
            "'{format}' is no format of strftime; %Y, %m, %d, %H and %M are year, month, day, hour and minute"
        )),
        _ => Err(format!(
            "'{format}' makes a folder of each fraction of a second; seconds, %S, are the finest there is"
        )),
    }
}

/// The time zone of a name or an offset.
///
/// # Errors
/// Why it is none.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("UTC") || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|_| {
        "it is no time zone that this system knows; write a name such as Europe/Berlin (from the system's tzdata), an \
         offset such as +02:00, or UTC"
            .to_owned()
    })
}

/// `+02:00`, `-0330` or `+02`. A single digit is no offset: `-1` is what stands for nothing elsewhere.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [hours @ .., b':', m1, m2] | [hours @ .., m1, m2] if hours.len() == 2 => {
            (hours, [*m1, *m2])
        }
        hours => (hours, *b"00"),
    };
    let number = |digits: &[u8], most: u8| match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            let number = (tens - b'0') * 10 + (ones - b'0');
            (number <= most).then_some(i32::from(number))
        }
        _ => None,
    };
    let seconds = number(hours, 18)? * 3600 + number(&minutes, 59)? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// Checks a template, for the definition of the keys.
pub(crate) fn check(_key: &str, value: &config::Value) -> Result<(), String> {
    Template::read(text(value), TimeZone::UTC).map(drop)
}

/// Checks a time zone, for the definition of the keys.
pub(crate) fn check_zone(_key: &str, value: &config::Value) -> Result<(), String> {
    zone(text(value)).map(drop)
}

#[cfg(test)]
mod tests {
    use millrace_api::{Column, Row, Schema, SinkBatch, SinkRun, Span};
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &str, zone_name: &str, value: &str, ms: i64) -> String {
        let mut batch = SinkBatch::new();
        let block = batch.push_block(bytes::Bytes::from(value.to_owned()));
        batch.begin_run(SinkRun {
            end: 0,
            topic: "orders".into(),
            original_topic: None,
            partition: 7,
            log_append_time: false,
            key: Column::Null,
            value: Column::Text(Some(Schema::string())),
            headers: None,
        });
        batch.push(Row {
            key: Span::NULL,
            value: Span {
                block,
                start: 0,
                len: value.len() as u32,
            },
            headers: Span::EMPTY,
            timestamp: ms,
            mark: 0,
        });
        let template = Template::read(template, zone(zone_name).unwrap()).unwrap();
        let mut path = "before".to_owned();
        template
            .fill(batch.rows().next().unwrap(), &mut path)
            .unwrap();
        path
    }

    #[test]
    fn folders_of_records() {
        const MS: i64 = 1_700_000_000_000;
        for (template, zone, value, expected) in [
            ("", "UTC", "", ""),
            ("${topic}", "UTC", "", "orders"),
            ("a/${topic}-${partition}", "UTC", "", "a/orders-7"),
            ("${time:%Y/%m/%d}/x", "UTC", "", "2023/11/14/x"),
            ("day=${time:%F}", "+02:00", "", "day=2023-11-15"),
            ("${time:%H}", "-0330", "", "18"),
            ("${time:%H%z}", "Asia/Tokyo", "", "07+0900"),
            ("${value}/x", "UTC", "a/../b", "a_.._b/x"),
            ("${value}", "UTC", "..", "_."),
            ("a${value}", "UTC", "/etc", "a_etc"),
            (
                "${value.user.id}/${value.none}",
                "UTC",
                "{\"user\":{\"id\":5}}",
                "5/_",
            ),
            ("${value.id}", "UTC", "not json", "_"),
            ("${key}", "UTC", "", "_"),
        ] {
            assert_eq!(filled(template, zone, value, MS), expected, "{template}");
        }
        assert_eq!(filled("${time:%F}", "UTC", "", -1), "no-time");
    }

    #[test]
    fn templates_that_are_refused_say_what_to_do() {
        for (template, mention) in [
            ("/etc/${topic}", "slashes"),
            ("${topic}/", "slashes"),
            ("a//b", "slashes"),
            ("../a", "dot"),
            ("a/./b", "dot"),
            (".millrace", "dot"),
            ("${size}", "${topic}"),
            ("${headers}", "${header.NAME}"),
            ("${topic", "closing"),
            ("${time:day}", "%Y-%m-%d"),
            ("${time:%!}", "strftime"),
            ("${time:%S%.f}", "fraction"),
            ("${time}", "FORMAT"),
            ("a/ /b", "blanks"),
        ] {
            let error = Template::read(template, TimeZone::UTC).unwrap_err();
            assert!(error.contains(mention), "{template}: {error}");
        }
        for wrong in [
            "Mars", "+25:00", "+01:99", "+1:30", "+", "", "-1", "+2", "+0:+2", "+00+2", "+00:",
            "-123", "+00:000",
        ] {
            assert!(zone(wrong).is_err(), "{wrong}");
        }
        for (right, seconds) in [
            ("+02:00", 7_200),
            ("-0330", -12_600),
            ("-01", -3_600),
            ("Z", 0),
        ] {
            let offset = zone(right).unwrap().to_offset(Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), seconds, "{right}");
        }
    }

    proptest! {
        #[test]
        fn nothing_a_record_says_leads_out_of_the_directory(value in ".{0,40}", dots in "[./\\\\]{0,8}") {
            for value in [value.clone(), dots.clone(), format!("{dots}{value}")] {
                for template in ["${value}", "a/${value}/b", "${value}${value}", "x${value}"] {
                    let path = filled(template, "UTC", &value, 0);
                    let depth = template.split('/').count();
                    prop_assert_eq!(path.split('/').count(), depth, "{:?}", path);
                    for segment in path.split('/') {
                        prop_assert!(!segment.is_empty() && !segment.starts_with('.') && segment.len() <= 255);
                        prop_assert!(!segment.contains(['\0', '\\']));
                    }
                }
            }
        }
    }
}
