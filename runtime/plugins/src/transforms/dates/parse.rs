//! Reading instants.

use super::calendar::{DAY_MS, Date, day_of, new_year};
use super::names::{DAYS, ERAS, HALVES, MONTHS, find, short};
use super::{CENTURY_START, Part, zone};

pub(super) fn parse(parts: &[Part], text: &str) -> Option<i64> {
    let mut fields = Fields::default();
    let mut rest = text;
    for (index, part) in parts.iter().enumerate() {
        rest = match part {
            Part::Text(literal) => rest.strip_prefix(literal.as_str())?,
            Part::Field(letter, count) => {
                // Where the next field follows at once, this one has as many digits as letters.
                let is_abutting = matches!(parts.get(index + 1), Some(Part::Field(..)));
                fields.read(*letter, *count, is_abutting, rest)?
            }
        };
    }
    if rest.len() == text.len() {
        return None;
    }
    fields.instant()
}

/// What was read; the field that was read last decides where two say the same.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i64>,
    is_before_christ: bool,
    month: i64,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    is_half_day: bool,
    is_afternoon: bool,
    minute: i64,
    second: i64,
    ms: i64,
    offset_minutes: i64,
}

impl Fields {
    /// Reads one field from the start of `text` and gives back what follows.
    fn read<'a>(
        &mut self,
        letter: char,
        count: usize,
        is_abutting: bool,
        text: &'a str,
    ) -> Option<&'a str> {
        let text = text.trim_start_matches([' ', '\t']);
        if let Some(len) = self.read_name(letter, count, text) {
            return text.get(len?..);
        }
        let limit = if is_abutting { count } else { usize::MAX };
        let (number, len) = number(text, limit)?;
        self.set(letter, number);
        if matches!(letter, 'y' | 'Y') {
            self.year = Some(full_year(number, len, count));
        }
        Some(&text[len..])
    }

    /// Reads a field that is a word: its length, or none if it is not there. None for a field that is a number.
    fn read_name(&mut self, letter: char, count: usize, text: &str) -> Option<Option<usize>> {
        let len = match letter {
            'G' => index(&ERAS, text).map(|(era, len)| {
                self.is_before_christ = era == 0;
                len
            }),
            'M' | 'L' if count >= 3 => index(&MONTHS, text).map(|(month, len)| {
                self.month = month as i64;
                len
            }),
            'E' => index(&DAYS, text).map(|(_, len)| len),
            'a' => index(&HALVES, text).map(|(half, len)| {
                self.is_afternoon = half == 1;
                len
            }),
            'z' | 'Z' => self.offset(zone::named(text)),
            'X' => self.offset(zone::iso(text, count)),
            _ => return None,
        };
        Some(len)
    }

    fn offset(&mut self, found: Option<(i64, usize)>) -> Option<usize> {
        let (minutes, len) = found?;
        self.offset_minutes = minutes;
        Some(len)
    }

    fn set(&mut self, letter: char, number: i64) {
        match letter {
            'M' | 'L' => self.month = number - 1,
            'd' => (self.day, self.day_of_year) = (Some(number), None),
            'D' => self.day_of_year = Some(number),
            'H' | 'k' => {
                self.hour = if letter == 'k' && number == 24 {
                    0
                } else {
                    number
                };
                self.is_half_day = false;
            }
            'h' | 'K' => {
                self.hour = if letter == 'h' && number == 12 {
                    0
                } else {
                    number
                };
                self.is_half_day = true;
            }
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.ms = number,
            // Weeks and days of the week say nothing that the date does not.
            _ => {}
        }
    }

    fn instant(&self) -> Option<i64> {
        let year = match self.year {
            Some(year) if self.is_before_christ => 1 - year,
            Some(year) => year,
            None => 1970,
        };
        // Java's years have nine digits.
        if year.abs() > 292_278_994 {
            return None;
        }
        let day = match self.day_of_year {
            Some(day) => new_year(year).checked_add(day - 1)?,
            None => day_of(Date {
                year,
                month: self.month + 1,
                day: self.day.unwrap_or(1),
            }),
        };
        let afternoon = self.is_afternoon && (self.is_half_day || self.hour == 0);
        let hour = self.hour + if afternoon { 12 } else { 0 };
        let minutes = (hour * 60 + self.minute) - self.offset_minutes;
        day.checked_mul(DAY_MS)?
            .checked_add((minutes * 60 + self.second) * 1000 + self.ms)
    }
}

/// A year of two digits where no more than two letters asked for one means this century or the last.
fn full_year(year: i64, len: usize, count: usize) -> i64 {
    if count > 2 || len != 2 || year < 0 {
        return year;
    }
    let century = CENTURY_START - CENTURY_START % 100;
    match century + year {
        year if year < CENTURY_START => year + 100,
        year => year,
    }
}

/// The name, long or short, that `text` begins with.
fn index(names: &[&'static str], text: &str) -> Option<(usize, usize)> {
    let long = names.iter().copied().enumerate();
    let abbreviated = long
        .clone()
        .map(|(index, name)| (index, if name.len() > 3 { short(name) } else { name }));
    find(long.chain(abbreviated), text)
}

/// The number that `text` begins with and its length, at most `limit` characters; not of a size that overflows a date.
fn number(text: &str, limit: usize) -> Option<(i64, usize)> {
    let sign = usize::from(text.starts_with('-'));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let len = (sign + digits).min(limit);
    let number: i64 = text[..len].parse().ok()?;
    (number.abs() < 1 << 31).then_some((number, len))
}
