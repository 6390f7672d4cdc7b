//! Names of months, days, eras and halves of the day.

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Sunday first.
pub(super) const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

pub(super) const HALVES: [&str; 2] = ["AM", "PM"];

pub(super) const ERAS: [&str; 2] = ["BC", "AD"];

/// The abbreviation of a name of a month or day.
pub(super) fn short(name: &str) -> &str {
    &name[..3]
}

/// The index of the name that `text` begins with, in any case, and its length; the longest wins.
pub(super) fn find<'a>(
    names: impl IntoIterator<Item = (usize, &'a str)>,
    text: &str,
) -> Option<(usize, usize)> {
    let begins = |name: &str| {
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    names
        .into_iter()
        .filter(|(_, name)| begins(name))
        .map(|(index, name)| (index, name.len()))
        .max_by_key(|(_, len)| *len)
}
