//! Writing instants.

use std::fmt::Write;

use super::Part;
use super::calendar::{DAY_MS, Date, date_of, new_year, week, weekday};
use super::names::{DAYS, ERAS, HALVES, MONTHS, short};

pub(super) fn format(parts: &[Part], ms: i64) -> String {
    let instant = Instant::new(ms);
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Field(letter, count) => instant.field(*letter, *count, &mut out),
        }
    }
    out
}

struct Instant {
    day: i64,
    date: Date,
    of_day: i64,
}

impl Instant {
    fn new(ms: i64) -> Self {
        let day = ms.div_euclid(DAY_MS);
        Self {
            day,
            date: date_of(day),
            of_day: ms.rem_euclid(DAY_MS),
        }
    }

    fn field(&self, letter: char, count: usize, out: &mut String) {
        let hour = self.of_day / 3_600_000;
        let (name, number) = match letter {
            'y' => return year(self.date.year, count, out),
            'Y' => return year(week(self.day).0, count, out),
            'G' => (Some(ERAS[usize::from(self.date.year > 0)]), 0),
            'M' | 'L' if count >= 3 => (Some(named(&MONTHS, self.date.month - 1, count)), 0),
            'M' | 'L' => (None, self.date.month),
            'E' => (Some(named(&DAYS, weekday(self.day), count)), 0),
            'a' => (Some(HALVES[usize::from(hour >= 12)]), 0),
            'z' if count >= 4 => (Some("Coordinated Universal Time"), 0),
            'z' => (Some("UTC"), 0),
            'Z' => (Some("+0000"), 0),
            'X' => (Some("Z"), 0),
            'w' => (None, week(self.day).1),
            'W' => {
                let first = self.day - self.date.day + 1;
                (None, (self.date.day - 1 + weekday(first)) / 7 + 1)
            }
            'D' => (None, self.day - new_year(self.date.year) + 1),
            'd' => (None, self.date.day),
            'F' => (None, (self.date.day - 1) / 7 + 1),
            'u' => (None, (weekday(self.day) + 6) % 7 + 1),
            'H' => (None, hour),
            'k' => (None, if hour == 0 { 24 } else { hour }),
            'K' => (None, hour % 12),
            'h' => (None, if hour % 12 == 0 { 12 } else { hour % 12 }),
            'm' => (None, self.of_day / 60_000 % 60),
            's' => (None, self.of_day / 1000 % 60),
            _ => (None, self.of_day % 1000),
        };
        match name {
            Some(name) => out.push_str(name),
            None => padded(number, count, out),
        }
    }
}

/// Two letters stand for two digits. Years before 1 are counted back from it.
fn year(year: i64, count: usize, out: &mut String) {
    let of_era = if year > 0 { year } else { 1 - year };
    match count {
        2 => padded(of_era % 100, 2, out),
        _ => padded(of_era, count, out),
    }
}

fn named(names: &[&'static str], index: i64, count: usize) -> &'static str {
    let name = names[index as usize % names.len()];
    if count >= 4 { name } else { short(name) }
}

fn padded(number: i64, width: usize, out: &mut String) {
    // Writing to a string cannot fail.
    write!(out, "{number:0width$}").unwrap_or_default();
}
