//! What stands behind the number in a status line, where it says more than usual.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Reasons that were sent once; a status line takes only texts that stay.
static REASONS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
/// So many reasons are remembered, so long each. Only who may write can cause a new one.
const REASONS_REMEMBERED: usize = 10_000;
const LONGEST_REASON: usize = 200;

/// The text as one that stays: a bounded number of short ones does.
pub fn in_status_line(cause: &str) -> Option<&'static str> {
    let reason = one_line(cause);
    if reason.is_empty() {
        return None;
    }
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = reasons.get_or_insert_with(HashSet::new);
    if let Some(known) = known.get(reason.as_str()) {
        return Some(known);
    }
    if known.len() >= REASONS_REMEMBERED {
        return None;
    }
    let stays: &'static str = Box::leak(reason.into_boxed_str());
    known.insert(stays);
    Some(stays)
}

/// Printable ASCII, of bounded length: whatever a file or a form says, the status line ends where it should.
fn one_line(text: &str) -> String {
    let printable = |c: char| match c {
        ' ' | '!'..='~' => c,
        c if c.is_control() || c.is_whitespace() => ' ',
        _ => '?',
    };
    let mut line = String::new();
    for word in text.chars().take(4 * LONGEST_REASON).map(printable).collect::<String>().split_ascii_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.len() > LONGEST_REASON {
        line.truncate(LONGEST_REASON - 3);
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_cannot_break_the_status_line() {
        let check = |text: &str, expected: &str| assert_eq!(one_line(text), expected, "{text:?}");
        check("Package a-1.whl already exists in index", "Package a-1.whl already exists in index");
        check("a\r\nSet-Cookie: x", "a Set-Cookie: x");
        check("\u{fc}ber\0 \u{2028}all\u{7f}", "?ber all");
        check(" \n", "");
        let long = one_line(&"x".repeat(1_000_000));
        assert_eq!((long.len(), long.ends_with("x...")), (LONGEST_REASON, true));
        assert_eq!(in_status_line("\n"), None);
    }
}
