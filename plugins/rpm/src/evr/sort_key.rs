//! A text for each version whose order by bytes is rpm's, for databases.

use super::Evr;

/// What comes before the end of a version, the end, and what comes after it: `~`, nothing, `^`, letters, digits.
const TILDE: char = '!';
const END: char = '"';
const CARET: char = '#';
const LETTERS: char = '$';
const DIGITS: char = '%';

impl Evr {
    /// A text whose order by bytes is that of [`Evr::compare`]. Versions that are equal in that order have the
    /// same.
    pub fn sort_key(&self) -> String {
        let mut key = format!("{:010}", self.epoch);
        push(&mut key, &self.version);
        push(&mut key, &self.release);
        key
    }
}

fn push(key: &mut String, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_of_segment = |c: char| match first.is_ascii_digit() {
            true => c.is_ascii_digit(),
            false => c.is_ascii_alphabetic(),
        };
        match first {
            '~' => key.push(TILDE),
            '^' => key.push(CARET),
            _ if first.is_ascii_alphanumeric() => {
                let end = rest.find(|c: char| !is_of_segment(c)).unwrap_or(rest.len());
                push_segment(key, &rest[..end]);
                rest = &rest[end..];
                continue;
            }
            _ => {}
        }
        rest = &rest[first.len_utf8()..];
    }
    key.push(END);
}

fn push_segment(key: &mut String, segment: &str) {
    if !segment.starts_with(|c: char| c.is_ascii_digit()) {
        key.push(LETTERS);
        key.push_str(segment);
        // Less than any letter, so that `a` comes before `ab`.
        key.push(TILDE);
        return;
    }
    let digits = segment.trim_start_matches('0');
    key.push(DIGITS);
    // Longer numbers are larger.
    key.push_str(&format!("{:04}{digits}", digits.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_versions_do() {
        let texts = [
            "1",
            "1.0",
            "01.0",
            "1.0.1",
            "1.0a",
            "1.0~rc1",
            "1.0~rc1^git1",
            "1.0^",
            "1.0^git1",
            "1.0^git1~pre",
            "1.0ab",
            "1.00",
            "1_0",
            "10",
            "9",
            "a",
            "ab",
            "a1",
            "1a",
            "",
            "~",
            "~~",
            "^",
            "2.0.0~",
            "fc4",
            "fc10",
            "1.é",
            "007",
            "99999999999999999999",
            "100000000000000000000",
            "0",
            "00",
            "A",
            "a.b",
            "1..2",
            "1.2.",
        ];
        let versions: Vec<Evr> = texts
            .iter()
            .flat_map(|version| ["1", "1~a"].map(|release| Evr::new(0, *version, release)))
            .chain([Evr::new(4_294_967_295, "0", "0"), Evr::new(2, "0", "0")])
            .collect();
        for left in &versions {
            for right in &versions {
                assert_eq!(left.sort_key().cmp(&right.sort_key()), left.compare(right), "{left:?} {right:?}");
            }
        }
    }
}
