//! Entities: the five of XML, and references to characters.

use super::XmlProblem;
use crate::text;

/// Appends the value of an attribute, entities resolved and white space made spaces (XML 1.0, 3.3.3).
pub(super) fn push_unescaped(out: &mut String, raw: &str) -> Result<(), XmlProblem> {
    let mut rest = raw;
    loop {
        let plain = rest.split_once('&').map_or(rest, |(plain, _)| plain);
        for c in plain.chars() {
            match c {
                '\t' | '\n' | '\r' => out.push(' '),
                c if text::is_xml(c) => out.push(c),
                _ => return Err(XmlProblem::Character),
            }
        }
        if plain.len() == rest.len() {
            return Ok(());
        }
        let reference = &rest[plain.len() + 1..];
        let Some((name, after)) = reference.split_once(';') else {
            return Err(XmlProblem::Entity(text::excerpt(reference)));
        };
        out.push(resolve(name)?);
        rest = after;
    }
}

/// The character of `&name;`.
pub(super) fn resolve(name: &str) -> Result<char, XmlProblem> {
    let unknown = || XmlProblem::Entity(text::excerpt(name));
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or_else(unknown)?,
    };
    let (digits, radix) = match code.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (code, 10),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    let number = u32::from_str_radix(digits, radix).map_err(|_| unknown())?;
    char::from_u32(number).filter(|&c| text::is_xml(c)).ok_or(XmlProblem::Character)
}
