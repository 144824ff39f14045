//! The dates of advisories, which come in several forms.

/// Seconds of the epoch of `2024-01-02 03:04:05`, `2024-01-02`, the same with a `T`, a fraction, a
/// `Z` or `UTC`, or a number of seconds; `None` for anything else.
pub fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let text = text.trim_end_matches("UTC").trim_end_matches(['Z', 'z']).trim_end();
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, "00:00:00"),
    };
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, 1..=9999)?;
    let month = number(parts.next()?, 2, 1..=12)?;
    let day = number(parts.next()?, 2, 1..=31)?;
    let mut clock = time.split(':');
    let hour = number(clock.next()?, 2, 0..=23)?;
    let minute = number(clock.next()?, 2, 0..=59)?;
    let second = clock.next().map_or(Some(0), |second| number(second, 2, 0..=60))?;
    if parts.next().is_some() || clock.next().is_some() {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, most: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && range.contains(number))
}

/// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that the odd day is
/// their last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn dates_of_all_forms_are_read() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29 00:00:01", Some(951_782_401)),
            ("2024-01-02T03:04:05Z", Some(1_704_164_645)),
            ("2024-01-02 03:04:05.123 UTC", Some(1_704_164_645)),
            ("2024-01-02 03:04", Some(1_704_164_640)),
            ("1969-12-31 23:59:59", Some(-1)),
            ("1339065600", Some(1_339_065_600)),
            ("2100-03-01", Some(4_107_542_400)),
            ("", None),
            ("yesterday", None),
            ("2024-13-01", None),
            ("2024-1--1", None),
            ("2024-01-02 25:00:00", None),
            ("99999999999999999999", None),
            ("2024-01-02-03", None),
            ("é", None),
            ("2024-01-02é03:04:05", None),
        ] {
            assert_eq!(timestamp(text), expected, "{text}");
        }
    }
}
