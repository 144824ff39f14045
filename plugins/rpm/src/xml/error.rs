//! What may be wrong with a document.

use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENT};

/// Why a document is refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("{problem} (at byte {position})")]
pub struct XmlError {
    /// Bytes of the document before the place.
    pub position: u64,
    pub problem: XmlProblem,
}

/// What is wrong with a document.
#[derive(Debug, thiserror::Error)]
pub enum XmlProblem {
    /// Reading failed: the compressed file is broken, or is a bomb.
    #[error("cannot read the document: {0}")]
    Io(#[source] std::io::Error),
    #[error("the XML is not well-formed: {0}")]
    Syntax(String),
    #[error("the document ends too early")]
    Truncated,
    #[error("the document type declares entities")]
    DocumentType,
    #[error("the entity `{0}` is not known")]
    Entity(String),
    #[error("a text or tag has more than {MAX_EVENT} bytes")]
    TooLong,
    #[error("an element has more than {0} bytes")]
    ElementTooLong(u64),
    #[error("elements are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("an element has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    #[error("there is a character that XML does not allow")]
    Character,
    #[error("the document is not UTF-8")]
    Encoding,
    #[error("the root element is `{found}`, not `{expected}`")]
    Root { expected: &'static str, found: String },
    /// Well-formed, but not what this kind of document holds.
    #[error("{0}")]
    Content(String),
}
