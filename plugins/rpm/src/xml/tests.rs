//! Well-formed, broken and endless documents.

use std::io::{BufReader, Read};

use super::*;

fn read_all(document: &str) -> Result<Vec<String>, XmlError> {
    let mut reader = XmlReader::new(document.as_bytes());
    let mut seen = Vec::new();
    loop {
        let node = reader.next_node()?;
        if !reader.text().trim().is_empty() {
            seen.push(reader.text().to_owned());
        }
        match node {
            Node::Start => seen.push(format!("<{}", reader.name())),
            Node::End => seen.push(">".to_owned()),
            Node::Eof => return Ok(seen),
        }
    }
}

#[test]
fn documents_are_read_tag_by_tag() {
    let document = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE a PUBLIC \"x\" \"y.dtd\">\n\
        <x:a><!-- c --><b/>t&amp;&#x41;<![CDATA[<&>]]>\r\nu</x:a>\n";
    assert_eq!(read_all(document).expect("well-formed"), ["<a", "<b", ">", "t&A<&>\nu", ">"]);
}

#[test]
fn attributes_are_found_by_name() {
    let mut reader = XmlReader::new(&b"<a x='1&lt;&#10;' xml:base=\"\" y=\"\n2 \"></a>"[..]);
    assert_eq!(reader.next_node().expect("a tag"), Node::Start);
    assert_eq!(reader.attribute("x"), Some("1<\n"));
    assert_eq!(reader.attribute("xml:base"), Some(""));
    assert_eq!(reader.number_attribute::<u32>("y").expect("a number"), 2);
    assert_eq!(reader.number_attribute::<u32>("z").expect("no number"), 0);
    reader.number_attribute::<u32>("x").expect_err("no number");
}

#[test]
fn texts_leave_out_inner_elements() {
    let mut reader = XmlReader::new(&b"<r><a>1<b>2<c/></b>3</a><d><e>x</e></d><f/></r>"[..]);
    reader.expect_root("r").expect("the root");
    reader.next_node().expect("a");
    assert_eq!(reader.read_text().expect("a text"), "13");
    reader.next_node().expect("d");
    reader.skip().expect("skipped");
    assert_eq!(reader.next_node().expect("f"), Node::Start);
    assert_eq!(reader.name(), "f");
}

#[test]
fn broken_documents_are_refused_with_their_position() {
    for (document, position) in [
        ("", 0),
        ("<a>", 3),
        ("<a><b></a>", 6),
        ("<a>&nope;</a>", 9),
        ("<a>&#0;</a>", 7),
        ("<a>&#xffffffff;</a>", 15),
        ("<a>&#+9;</a>", 8),
        ("<a x='&x;'/>", 12),
        ("<a>\x01</a>", 4),
        ("<a x='\x01'/>", 10),
        ("<a x='1' y", 10),
        ("<a x='1' y='2' x='3'/>", 22),
        ("<a><![CDATA[", 12),
        ("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", 30),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", 39),
    ] {
        let mut reader = XmlReader::new(document.as_bytes());
        let error = reader.expect_root("a").and_then(|()| reader.skip()).expect_err(document);
        assert!(error.position <= position, "{document}: {error}");
    }
    XmlReader::new(&b"<a>\xff</a>"[..]).expect_root("b").expect_err("another root");
    let mut reader = XmlReader::new(&b"<a>\xff</a>"[..]);
    reader.expect_root("a").expect("the root");
    assert!(matches!(reader.next_node().expect_err("no UTF-8").problem, XmlProblem::Encoding));
}

/// As long as the limit says, without memory of its own.
fn endless(start: &'static str, middle: u8, length: u64) -> impl BufRead {
    BufReader::new(start.as_bytes().chain(std::io::repeat(middle).take(length)))
}

#[test]
fn endless_documents_are_refused_early() {
    let gigabytes = 1 << 40;
    for start in ["<a>", "<a ", "<a><!--", "<a><![CDATA[", "<a x='", "<", "<a>&", "<?x ", "<!DOCTYPE ", "</"] {
        let mut reader = XmlReader::new(endless(start, b'x', gigabytes));
        let error = loop {
            match reader.next_node() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(error.position < 10 << 20, "{start}: {error}");
    }
    let many = "<a>".repeat(1000);
    let error = read_all(&many).expect_err("too deep");
    assert!(matches!(error.problem, XmlProblem::TooDeep));
    let attributes: String = (0..1000).map(|n| format!(" a{n}=''")).collect();
    let error = read_all(&format!("<a{attributes}/>")).expect_err("too many");
    assert!(matches!(error.problem, XmlProblem::TooManyAttributes));
    let references = format!("<a>{}</a>", "&lt;".repeat(10_000));
    read_all(&references).expect("ten thousand characters are a text");
    let references = format!("<a>{}</a>", format!("<!---->{}", "x".repeat(10_000)).repeat(500));
    assert!(matches!(read_all(&references).expect_err("too long").problem, XmlProblem::TooLong));
}

#[test]
fn elements_can_be_limited() {
    let document = format!("<a>{}</a>", "<b>x</b>".repeat(10_000));
    let mut reader = XmlReader::new(document.as_bytes());
    reader.expect_root("a").expect("the root");
    reader.limit_element(1000);
    let error = reader.skip().expect_err("too long");
    assert!(matches!(error.problem, XmlProblem::ElementTooLong(1000)));
}
