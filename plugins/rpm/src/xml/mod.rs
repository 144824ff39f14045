//! A pull reader of XML that hostile documents cannot make grow, and what the writers share.
//!
//! Built on quick-xml. Only the five entities of XML and references to characters are known: no
//! document type may declare any. Names are taken without their prefixes, attributes with. What
//! is wrong is reported with its position, in bytes of the unpacked document.

mod entity;
mod error;
pub mod escape;
mod metered;

#[cfg(test)]
mod tests;

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use self::entity::{push_unescaped, resolve};
pub use self::error::{XmlError, XmlProblem};
use self::metered::Metered;
use crate::text;

/// No document nests deeper; updateinfo comes to 7.
const MAX_DEPTH: usize = 32;

/// The longest run of bytes without a tag, and the longest tag. A changelog entry or the text of an
/// advisory may be large; 4 MiB is 40 times the largest real one seen.
const MAX_EVENT: usize = 4 << 20;

/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 32;

/// What comes next in a document; texts come by [`XmlReader::read_text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element begins; its name is in [`XmlReader::name`].
    Start,
    /// The innermost element ends.
    End,
    /// The root element has ended, and nothing but space follows.
    Eof,
}

/// Reads a document element by element.
pub struct XmlReader<R> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    depth: usize,
    name: String,
    text: String,
    /// Name and value of each attribute, as the places where they end in `attribute_text`.
    attributes: Vec<(usize, usize)>,
    attribute_text: String,
    /// Where the element ends that may not grow any further, and its limit.
    element: Option<(u64, u64)>,
}

impl<R: BufRead> XmlReader<R> {
    pub fn new(input: R) -> Self {
        let mut reader = Reader::from_reader(Metered::new(input));
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().check_comments = false;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
            name: String::new(),
            text: String::new(),
            attributes: Vec::new(),
            attribute_text: String::new(),
            element: None,
        }
    }

    /// Reads up to the next tag, or the end.
    pub fn next_node(&mut self) -> Result<Node, XmlError> {
        self.text.clear();
        loop {
            let node = self.step()?;
            if self.text.len() > MAX_EVENT {
                return Err(self.error(XmlProblem::TooLong));
            }
            if let Some((end, limit)) = self.element
                && self.reader.buffer_position() > end
            {
                return Err(self.error(XmlProblem::ElementTooLong(limit)));
            }
            if let Some(node) = node {
                return Ok(node);
            }
        }
    }

    /// Demands that the root element, whose start this reads, is called so.
    pub fn expect_root(&mut self, expected: &'static str) -> Result<(), XmlError> {
        match self.next_node()? {
            Node::Start if self.name == expected => Ok(()),
            Node::Start => {
                let found = text::excerpt(&self.name);
                Err(self.error(XmlProblem::Root { expected, found }))
            }
            Node::End | Node::Eof => Err(self.error(XmlProblem::Truncated)),
        }
    }

    /// The name of the element that [`Self::next_node`] has just found, without its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text before the tag that was just read, with entities resolved.
    #[cfg(test)]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An attribute of the element that was just found, by its full name (`xml:base`).
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut start = 0;
        for &(name_end, value_end) in &self.attributes {
            if &self.attribute_text[start..name_end] == name {
                return Some(&self.attribute_text[name_end..value_end]);
            }
            start = value_end;
        }
        None
    }

    /// The same as an owned text, empty if it is not there.
    pub fn attribute_or_empty(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default().to_owned()
    }

    /// An attribute as a number; not there counts as 0.
    pub fn number_attribute<T: std::str::FromStr + Default>(&self, name: &str) -> Result<T, XmlError> {
        match self.attribute(name).map(str::trim) {
            None | Some("") => Ok(T::default()),
            Some(value) => self.number(name, value),
        }
    }

    /// A text as a number.
    pub fn number<T: std::str::FromStr>(&self, what: &str, value: &str) -> Result<T, XmlError> {
        let error = || {
            let value = text::excerpt(value);
            self.content(format!("`{value}` is not a number that `{what}` can be"))
        };
        value.trim().parse().map_err(|_| error())
    }

    /// After a start: the text of the element up to its end, elements inside left out.
    pub fn read_text(&mut self) -> Result<String, XmlError> {
        let mut whole = String::new();
        loop {
            let node = self.next_node()?;
            if whole.is_empty() {
                whole = std::mem::take(&mut self.text);
            } else {
                whole.push_str(&self.text);
            }
            if whole.len() > MAX_EVENT {
                return Err(self.error(XmlProblem::TooLong));
            }
            match node {
                Node::Start => self.skip()?,
                Node::End | Node::Eof => return Ok(whole),
            }
        }
    }

    /// The text before the tag that was just read, given away.
    pub fn taken_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// After a start: passes over the element and all in it.
    pub fn skip(&mut self) -> Result<(), XmlError> {
        let outer = self.depth - 1;
        while self.depth > outer {
            self.next_node()?;
        }
        Ok(())
    }

    /// After the end of the root: reads the rest, which must be nothing. Checksums at the end of a
    /// compressed file have been checked then.
    pub fn finish(&mut self) -> Result<(), XmlError> {
        match self.next_node()? {
            Node::Eof => Ok(()),
            Node::Start | Node::End => Err(self.error(XmlProblem::Syntax("there is a second root element".to_owned()))),
        }
    }

    /// From here until [`Self::unlimited`], so many bytes may be read and no more.
    pub fn limit_element(&mut self, limit: u64) {
        self.element = Some((self.reader.buffer_position().saturating_add(limit), limit));
    }

    /// Lifts the limit.
    pub fn unlimited(&mut self) {
        self.element = None;
    }

    /// How many bytes of the document have been read.
    pub fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// An error at this place about what the document says.
    pub fn content(&self, message: impl Into<String>) -> XmlError {
        self.error(XmlProblem::Content(message.into()))
    }

    fn error(&self, problem: XmlProblem) -> XmlError {
        XmlError { position: self.reader.buffer_position(), problem }
    }

    /// One event of the parser; `None` if it was no tag.
    fn step(&mut self) -> Result<Option<Node>, XmlError> {
        self.buffer.clear();
        self.reader.get_mut().allow(MAX_EVENT);
        let mut buffer = std::mem::take(&mut self.buffer);
        let event = self.reader.read_event_into(&mut buffer);
        let outcome = match event {
            Ok(event) => {
                // Ends the borrow of the reader by the event, which lives in the buffer alone.
                let position = self.reader.buffer_position();
                self.handle(event).map_err(|problem| XmlError { position, problem })
            }
            Err(error) => Err(self.parser_error(error)),
        };
        self.buffer = buffer;
        outcome
    }

    fn handle(&mut self, event: Event<'_>) -> Result<Option<Node>, XmlProblem> {
        match event {
            Event::Start(start) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(XmlProblem::TooDeep);
                }
                self.keep_tag(&start)?;
                Ok(Some(Node::Start))
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Some(Node::End))
            }
            Event::Eof if self.depth > 0 => Err(XmlProblem::Truncated),
            Event::Eof => Ok(Some(Node::Eof)),
            Event::Text(text) => self.keep_text(&text),
            Event::CData(text) => self.keep_text(&text),
            Event::GeneralRef(reference) => {
                let name = std::str::from_utf8(&reference).map_err(|_| XmlProblem::Encoding)?;
                let c = resolve(name)?;
                self.text.push(c);
                Ok(None)
            }
            Event::DocType(text) if text.contains(&b'[') => Err(XmlProblem::DocumentType),
            // Empty elements come as a start and an end.
            Event::DocType(_) | Event::Comment(_) | Event::PI(_) | Event::Empty(_) => Ok(None),
            Event::Decl(declaration) => check_encoding(declaration.encoding()),
        }
    }

    fn keep_text(&mut self, bytes: &[u8]) -> Result<Option<Node>, XmlProblem> {
        let text = std::str::from_utf8(bytes).map_err(|_| XmlProblem::Encoding)?;
        if !text.bytes().all(|b| b >= b' ' || matches!(b, b'\t' | b'\n' | b'\r')) {
            return Err(XmlProblem::Character);
        }
        if text.contains('\r') {
            // Line ends are one character (XML 1.0, 2.11).
            self.text.push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
        } else {
            self.text.push_str(text);
        }
        Ok(None)
    }

    fn keep_tag(&mut self, start: &BytesStart<'_>) -> Result<(), XmlProblem> {
        self.name.clear();
        self.name.push_str(utf8(start.local_name().into_inner())?);
        self.attributes.clear();
        self.attribute_text.clear();
        let mut attributes = start.attributes();
        // The parser's own check of names that come twice allocates for each.
        attributes.with_checks(false);
        for attribute in attributes {
            let attribute = attribute.map_err(|error| XmlProblem::Syntax(error.to_string()))?;
            if self.attributes.len() == MAX_ATTRIBUTES {
                return Err(XmlProblem::TooManyAttributes);
            }
            let name = utf8(attribute.key.into_inner())?;
            if self.attribute(name).is_some() {
                return Err(XmlProblem::Syntax(format!("the attribute `{}` is there twice", text::excerpt(name))));
            }
            self.attribute_text.push_str(name);
            let name_end = self.attribute_text.len();
            push_unescaped(&mut self.attribute_text, utf8(&attribute.value)?)?;
            self.attributes.push((name_end, self.attribute_text.len()));
        }
        Ok(())
    }

    fn parser_error(&self, error: quick_xml::Error) -> XmlError {
        use quick_xml::Error::{Encoding, Io};
        use quick_xml::errors::{IllFormedError, SyntaxError};
        let position = self.reader.error_position();
        let problem = match error {
            Io(_) if self.reader.get_ref().exhausted() => XmlProblem::TooLong,
            Io(error) => XmlProblem::Io(std::io::Error::new(error.kind(), error.to_string())),
            Encoding(_) => XmlProblem::Encoding,
            quick_xml::Error::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedDoctype
                | SyntaxError::UnclosedPI
                | SyntaxError::UnclosedXmlDecl,
            )
            | quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_)) => XmlProblem::Truncated,
            other => XmlProblem::Syntax(text::excerpt(&other.to_string())),
        };
        XmlError { position, problem }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, XmlProblem> {
    std::str::from_utf8(bytes).map_err(|_| XmlProblem::Encoding)
}

fn check_encoding(
    encoding: Option<Result<std::borrow::Cow<'_, [u8]>, quick_xml::events::attributes::AttrError>>,
) -> Result<Option<Node>, XmlProblem> {
    match encoding {
        None => Ok(None),
        Some(Ok(name)) if name.eq_ignore_ascii_case(b"utf-8") || name.eq_ignore_ascii_case(b"utf8") => Ok(None),
        Some(Ok(name)) if name.eq_ignore_ascii_case(b"us-ascii") || name.eq_ignore_ascii_case(b"ascii") => Ok(None),
        Some(_) => Err(XmlProblem::Encoding),
    }
}
