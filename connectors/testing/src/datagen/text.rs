//! Writing numbers and times into a buffer, fast.

/// Appends a whole number.
pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

/// Appends a whole number with at least `width` digits (at most 20).
pub(super) fn padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let start = start.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[start..]);
}

/// Appends hundredths as a number with two decimals.
pub(super) fn hundredths(out: &mut Vec<u8>, value: u64) {
    number(out, value / 100);
    out.push(b'.');
    padded(out, value % 100, 2);
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The time of a web server's log, in UTC: `21/Nov/2026:15:30:00 +0000`.
pub(super) fn log_time(now_ms: i64) -> String {
    let seconds = now_ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let month = MONTHS[month - 1];
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// Year, month and day of a day counted from 1970-01-01, by the Gregorian rule of 400 years, years starting in March.
fn date(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&|out| number(out, 0)), "0");
        assert_eq!(text(&|out| number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(text(&|out| padded(out, 42, 5)), "00042");
        assert_eq!(text(&|out| hundredths(out, 1205)), "12.05");
    }

    #[test]
    fn times() {
        for (ms, expected) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_400_000, "29/Feb/2000:00:00:00 +0000"),
            (1_700_000_000_123, "14/Nov/2023:22:13:20 +0000"),
            (4_107_542_399_000, "28/Feb/2100:23:59:59 +0000"),
        ] {
            assert_eq!(log_time(ms), expected);
        }
    }
}
