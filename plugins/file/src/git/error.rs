//! Why a repository of Git cannot be read.

use std::io;

/// What an upstream says is wrapped in words that name it; what went wrong on this host is not the upstream's fault.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The upstream sent what no such server sends, or more than anybody takes.
    #[error("{0}")]
    Wrong(String),
    /// What the server says to a request that it refuses.
    #[error("the server says: {0}")]
    Refused(String),
    /// This host cannot read or write its own files.
    #[error("a temporary file cannot be used: {0}")]
    Disk(io::Error),
    /// Nobody waits for it any more.
    #[error("canceled")]
    Canceled,
}

/// So much of a server's words is passed on.
const LONGEST_WORDS: usize = 300;

impl GitError {
    pub fn wrong(text: impl Into<String>) -> Self {
        Self::Wrong(text.into())
    }

    /// Of the words of a server, which may be anything.
    pub fn refused(words: &[u8]) -> Self {
        Self::Refused(shown(words))
    }
}

/// Readers over what an upstream sent report what is wrong with it as invalid or short data.
impl From<io::Error> for GitError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if let Some(inner) = error.get_ref()
            && inner.is::<GitError>()
            && let Some(Ok(inner)) = error.into_inner().map(|inner| inner.downcast::<GitError>())
        {
            return *inner;
        }
        match kind {
            io::ErrorKind::UnexpectedEof => Self::wrong("what was sent ends too early"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::wrong("what was sent is damaged"),
            kind => Self::Disk(kind.into()),
        }
    }
}

impl From<GitError> for io::Error {
    fn from(error: GitError) -> Self {
        Self::other(error)
    }
}

/// Words of a stranger in one line that can be shown.
pub(super) fn shown(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let words = words.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    words.take(LONGEST_WORDS).collect()
}
