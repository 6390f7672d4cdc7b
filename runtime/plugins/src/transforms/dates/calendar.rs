//! Days since 1970-01-01 and the dates they are, in the Gregorian calendar from 1582-10-15 on and the Julian before.

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The first day of the Gregorian calendar.
const CUTOVER: i64 = -141_427;

/// A date; years before 1 are 0 and below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

/// The day of a date, whose month and day may be out of their ranges.
pub(crate) fn day_of(date: Date) -> i64 {
    let months = date.year * 12 + date.month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let gregorian = first_of_month(year, month, true) + date.day - 1;
    if gregorian >= CUTOVER {
        return gregorian;
    }
    first_of_month(year, month, false) + date.day - 1
}

/// The first of a month. Years that start in March have their leap day last.
fn first_of_month(year: i64, month: i64, gregorian: bool) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (leaps, epoch) = match gregorian {
        true => (
            year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400),
            719_468,
        ),
        false => (year.div_euclid(4), 719_470),
    };
    year * 365 + leaps + (month * 153 + 2) / 5 - epoch
}

/// The date of a day.
pub(crate) fn date_of(day: i64) -> Date {
    let (year, of_year) = if day >= CUTOVER {
        let since = day + 719_468;
        let (era, of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        (year + era * 400, of_year)
    } else {
        let since = day + 719_470;
        let (era, of_era) = (since.div_euclid(1461), since.rem_euclid(1461));
        let year = (of_era - of_era / 1460) / 365;
        (year + era * 4, of_era - 365 * year)
    };
    let from_march = (5 * of_year + 2) / 153;
    let is_next_year = from_march >= 10;
    Date {
        year: year + i64::from(is_next_year),
        month: if is_next_year {
            from_march - 9
        } else {
            from_march + 3
        },
        day: of_year - (153 * from_march + 2) / 5 + 1,
    }
}

/// The day of the week, Sunday 0.
pub(super) fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

/// The first day of a year.
pub(super) fn new_year(year: i64) -> i64 {
    day_of(Date {
        year,
        month: 1,
        day: 1,
    })
}

/// The year that a week belongs to and its number in it: weeks begin on Sunday, and the one of January 1st is the
/// first.
pub(super) fn week(day: i64) -> (i64, i64) {
    let year = date_of(day).year;
    let next = new_year(year + 1);
    if next - day <= weekday(next) {
        return (year + 1, 1);
    }
    let first = new_year(year);
    (year, (day - first + weekday(first)) / 7 + 1)
}
