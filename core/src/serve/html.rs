//! The page that lists a folder. Clients read the names from `<a href="./name">`, a line each.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::delivery::Entry;

/// What a segment may hold unencoded; a folder's slash is one of them.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b'@')
    .remove(b':')
    .remove(b'(')
    .remove(b')');

/// Dates begin in this column, where names allow it.
const NAME_WIDTH: usize = 72;

/// Whether a page leads to the folder above.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    Linked,
    None,
}

/// All above the first line.
pub fn head(path: &str, parent: Parent) -> String {
    let title = format!("Index of {}", escape(path));
    let up = if parent == Parent::Linked { "<a href=\"../\">../</a>\n" } else { "" };
    format!("<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<hr><pre>{up}")
}

pub const TAIL: &str = "</pre><hr></body>\n</html>\n";

/// A path as it stands in an address.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, SEGMENT).to_string()
}

/// One line of the listing.
pub fn line(out: &mut String, entry: &Entry) {
    let _ = write!(out, "<a href=\"./{}\">{}</a>", encode(&entry.name), escape(&entry.name));
    if let Some(created) = entry.created {
        let padding = NAME_WIDTH.saturating_sub(entry.name.chars().count());
        let _ = write!(out, "{:padding$}  {}", "", created.format("%d-%b-%Y %H:%M"));
    }
    if let Some(size) = entry.size {
        let _ = write!(out, "  {}", human(size));
    }
    out.push('\n');
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `1 Byte`, `228 Bytes`, `1.0 kB`, `4.2 MB`: thousands, one decimal.
fn human(size: u64) -> String {
    match size {
        1 => return "1 Byte".into(),
        0..1000 => return format!("{size} Bytes"),
        _ => {}
    }
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let power = (size.ilog10() / 3 - 1) as usize;
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let scaled = size as f64 / 1000_f64.powi(power as i32 + 1);
    format!("{scaled:.1} {}", units[power.min(units.len() - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_people_say_them() {
        let cases = [
            (0, "0 Bytes"),
            (1, "1 Byte"),
            (228, "228 Bytes"),
            (1000, "1.0 kB"),
            (1024, "1.0 kB"),
            (4_194_304, "4.2 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (size, expected) in cases {
            assert_eq!(human(size), expected);
        }
    }

    #[test]
    fn a_page_has_one_line_per_name() {
        let created = Some("2026-11-21T16:34:16.000000Z".parse().unwrap());
        let mut page = head("/pulp/content/a&b/", Parent::Linked);
        line(&mut page, &Entry { name: "1.iso".into(), created, size: Some(1024) });
        line(&mut page, &Entry { name: "sub/".into(), created, size: None });
        line(&mut page, &Entry { name: "<ü> %\"#?.txt".into(), created: None, size: None });
        page.push_str(TAIL);
        let squeezed = page.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        assert_eq!(
            squeezed,
            "<html>\n<head><title>Index of /pulp/content/a&amp;b/</title></head>\n<body>\n\
             <h1>Index of /pulp/content/a&amp;b/</h1>\n<hr><pre><a href=\"../\">../</a>\n\
             <a href=\"./1.iso\">1.iso</a> 21-Nov-2026 16:34 1.0 kB\n\
             <a href=\"./sub/\">sub/</a> 21-Nov-2026 16:34\n\
             <a href=\"./%3C%C3%BC%3E%20%25%22%23%3F.txt\">&lt;ü&gt; %&quot;#?.txt</a>\n\
             </pre><hr></body>\n</html>\n"
        );
    }
}
