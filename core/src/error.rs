//! The one error of core: what callers branch on, free of HTTP. `rest/error_body.rs` turns it into
//! status codes and bodies; a failed task stores its public text.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Messages by field name, as Django REST framework words and nests them.
pub type FieldErrors = BTreeMap<String, Vec<String>>;

/// The key under which messages stand that belong to no single field.
pub const NON_FIELD: &str = "non_field_errors";

#[derive(Debug)]
pub enum Error {
    /// The request's fields are wrong; the sender can mend them.
    Invalid(FieldErrors),
    /// Wrong in a way that Pulp answers with a body of its own shape (nested field errors).
    InvalidBody(serde_json::Value),
    /// The request as a whole cannot be understood (malformed JSON, say).
    Malformed(String),
    /// No object of this model (`FileRepository`) matches.
    NotFound(String),
    /// A unique key is taken; the last column is the one its owner chose.
    Duplicate {
        columns: Vec<String>,
    },
    /// Something still refers to the object.
    Referenced,
    /// The object's state forbids the operation.
    Conflict(String),
    Unauthenticated(String),
    /// Too many logins failed; the next attempt has to wait so long.
    TooManyLogins(Duration),
    Forbidden,
    /// What ships with the program is not changed; the text says what it is.
    Locked(&'static str),
    /// A session's cookies came without proof that the user's own page sent them; the text says what is wrong.
    CrossSite(&'static str),
    /// The body is of a type that the operation does not take.
    UnsupportedMediaType(String),
    /// The body is larger than this operation takes; the number is the limit in bytes.
    TooLarge(u64),
    /// An upstream server, or what it sent, is at fault. The text names the address or the file.
    Upstream(String),
    /// The object store cannot be used at present (disk full, S3 answers 500).
    Storage {
        public: String,
        cause: String,
    },
    /// The work was asked to stop.
    Canceled,
    /// Ours to mend: the client learns nothing, the log everything.
    Internal(String),
}

impl Error {
    /// One message for one field.
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(name.into(), vec![message.into()])]))
    }

    /// A message that belongs to the request rather than to one field of it.
    pub fn non_field(message: impl Into<String>) -> Self {
        Self::field(NON_FIELD, message)
    }

    /// Somebody would have to say who they are.
    pub fn anonymous() -> Self {
        Self::Unauthenticated("Authentication credentials were not provided.".into())
    }

    pub fn not_found(model: impl Into<String>) -> Self {
        Self::NotFound(model.into())
    }

    /// Keeps the cause for the log.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }

    pub fn storage(public: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::Storage { public: public.into(), cause: cause.to_string() }
    }

    pub fn upstream(message: impl Into<String>) -> Self {
        Self::Upstream(message.into())
    }

    /// What may be shown to the client: the description of a failed task, for example.
    pub fn public_text(&self) -> String {
        match self {
            Self::Invalid(fields) => fields
                .iter()
                .map(|(field, messages)| match field.as_str() {
                    NON_FIELD => messages.join(" "),
                    name => format!("{name}: {}", messages.join(" ")),
                })
                .collect::<Vec<_>>()
                .join("; "),
            Self::InvalidBody(body) => body.to_string(),
            Self::Malformed(text) | Self::Conflict(text) | Self::Unauthenticated(text) | Self::Upstream(text) => {
                text.clone()
            }
            Self::NotFound(model) => format!("No {model} matches the given query."),
            Self::Duplicate { columns } => {
                format!("{}: This field must be unique.", columns.last().map_or("key", String::as_str))
            }
            Self::Referenced => "something still refers to this object".into(),
            Self::TooManyLogins(_) => "too many failed logins; try again later".into(),
            Self::Forbidden => "You do not have permission to perform this action.".into(),
            Self::Locked(text) => (*text).into(),
            Self::CrossSite(wrong) => format!("CSRF Failed: {wrong}"),
            Self::UnsupportedMediaType(name) => format!("Unsupported media type \"{name}\" in request."),
            Self::TooLarge(limit) => format!("request body exceeds {limit} bytes"),
            Self::Storage { public, .. } => public.clone(),
            Self::Canceled => "canceled".into(),
            Self::Internal(_) => "internal error".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(cause) => write!(f, "internal error: {cause}"),
            Self::Storage { public, cause } => write!(f, "{public}: {cause}"),
            other => f.write_str(&other.public_text()),
        }
    }
}

impl std::error::Error for Error {}
