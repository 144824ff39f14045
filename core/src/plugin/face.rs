//! A face of a format's own: paths below `/<prefix>/<base_path>/` that its clients speak natively. Core finds
//! the distribution, knows who is asking, keeps pages and takes files; the format says what the answers mean.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::page::Page;
use super::{Unit, UpstreamReader, VersionUnits};
use crate::error::Result;
use crate::id::Id;
use crate::resource::Field;
use crate::storage::{Digests, Staged};

/// What a format answers below a path of its own.
#[async_trait]
pub trait Face: Send + Sync + 'static {
    /// The first segment of all its paths.
    fn prefix(&self) -> &'static str;

    fn operations(&self) -> Vec<FaceOperation>;

    /// Answers one operation of a distribution. Whoever asks may: the guard of the distribution and the access policy of
    /// the operation's group have said so. As it ships, that lets everybody read and lets those write who may change the
    /// distribution's repository.
    ///
    /// # Errors
    /// `Invalid` naming the field at fault; anything else as everywhere.
    async fn answer(&self, request: FaceRequest) -> Result<FaceAnswer>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaceMethod {
    /// And the same without a body, for `HEAD`.
    Get,
    Post,
}

/// What becomes of a path that lacks the slash at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slash {
    /// The client is sent to the path with it, because links on the page are relative.
    Redirected,
    /// It is answered all the same: not all clients follow.
    Optional,
}

/// One operation, as it is routed and described. The texts of `FaceDoc` are for readers of the API's description.
#[derive(Clone, Debug)]
pub struct FaceOperation {
    /// As in the reference's description of its API.
    pub id: &'static str,
    pub method: FaceMethod,
    /// The group of operations that it belongs to: each has an access policy, `<prefix>/<group>`.
    pub group: &'static str,
    /// How that policy calls it: `retrieve`.
    pub action: &'static str,
    /// Below the distribution, with the names of its parameters: `simple/{package}/`.
    pub path: &'static str,
    /// The paths it is found by, where the described one stands for several of them; a parameter is one segment.
    pub routes: &'static [&'static str],
    pub slash: Slash,
    /// Whether the content face answers with it too, where a distribution has no file at that path.
    pub on_content_face: bool,
    pub doc: FaceDoc,
}

impl FaceOperation {
    /// The patterns to route by.
    pub fn routes(&self) -> Vec<&'static str> {
        if self.routes.is_empty() { vec![self.path] } else { self.routes.to_vec() }
    }
}

/// The name of an object's schema, and its fields.
pub type FaceSchema = (&'static str, Vec<Field>);

#[derive(Clone, Debug, Default)]
pub struct FaceDoc {
    pub tag: &'static str,
    pub summary: &'static str,
    /// Schema and fields of the body, for writes.
    pub body: Option<FaceSchema>,
    /// Status, schema and fields of the answer; no schema for one that is no object.
    pub answers: Vec<(u16, Option<FaceSchema>)>,
    /// Parameters of the query that have choices: name, choices, description.
    pub query: Vec<(&'static str, &'static [&'static str], &'static str)>,
    /// The name of the form's part that is a file.
    pub file: Option<&'static str>,
}

/// The distribution that a request is about.
#[derive(Clone, Debug)]
pub struct FaceDistribution {
    pub id: Id,
    /// The component and the type: `note.note`.
    pub pulp_type: String,
    pub base_path: String,
    /// What is configured of it beyond what all have.
    pub details: Json,
    pub repository: Option<Id>,
    pub remote: Option<Id>,
    /// It serves a publication.
    pub published: bool,
}

/// One request.
pub struct FaceRequest {
    /// Which of [`Face::operations`].
    pub operation: &'static str,
    /// The values of the parameters in its path, decoded.
    pub parameters: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub accept: Option<String>,
    /// It was sent to the content face, which has no file at that path.
    pub on_content_face: bool,
    pub distribution: Arc<FaceDistribution>,
    /// What the distribution serves at this moment; none when it serves only what a remote has.
    pub served: Option<VersionUnits>,
    pub links: Links,
    /// The body, of a write.
    pub form: Option<Form>,
    pub host: Arc<dyn FaceHost>,
}

impl FaceRequest {
    /// The parameter of this name; empty if the operation has none.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The first value of a name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The addresses that links lead to, as this client sees the server; both end with a slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Links {
    /// Of the distribution's files.
    pub content: Arc<str>,
    /// Of the distribution's native face.
    pub face: Arc<str>,
}

/// A body.
pub struct Form {
    /// A name that was given several times has a list.
    pub fields: Map<String, Json>,
    pub file: Option<FormFile>,
}

/// A file of a form: received, hashed, not kept yet.
pub struct FormFile {
    pub name: String,
    pub(crate) staged: Staged,
}

impl FormFile {
    pub fn size(&self) -> u64 {
        self.staged.size
    }

    pub fn digests(&self) -> &Digests {
        &self.staged.digests
    }
}

/// What core does for a face.
#[async_trait]
pub trait FaceHost: Send + Sync {
    /// Makes a unit of a file and puts it into the repository. When this returns, the file is durable and served
    /// by every distribution that serves the newest of the repository; the task ends when a version has it.
    ///
    /// # Errors
    /// As [`super::ContentType::check`] and [`super::ContentType::inspect`], and `Conflict` when the repository
    /// cannot have such a unit; then nothing is left of it.
    async fn upload(&self, upload: Upload) -> Result<Uploaded>;

    /// Puts units without files into the repository and takes others out, as a task. Both are done when the task
    /// is: a key that no unit has is passed over.
    async fn change(&self, change: Change) -> Result<Id>;

    /// Reads the upstream of the distribution's remote; none when it has none.
    async fn upstream(&self, distribution: &FaceDistribution) -> Result<Option<UpstreamReader>>;
}

/// A file to be put into a repository.
pub struct Upload {
    pub repository: Id,
    pub content_type: &'static str,
    pub file: FormFile,
    /// What the client said about it, for the content type to check.
    pub given: Map<String, Json>,
    /// The name of the task, as clients see it.
    pub task: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// The task that makes the version.
    Accepted(Id),
    /// The repository has a unit with the same unique key; nothing was changed.
    Exists,
}

/// A change of a repository's units that have no files.
pub struct Change {
    pub repository: Id,
    pub add: Vec<(&'static str, Unit)>,
    /// Types and unique keys ([`Unit::repo_key`]).
    pub remove: Vec<(&'static str, String)>,
    /// The name of the task, as clients see it.
    pub task: &'static str,
}

/// What a request is answered with, by its meaning.
pub enum FaceAnswer {
    /// A page that is the same as long as the distribution serves the same.
    Page(Page),
    /// An object that is made for this request.
    Json(Json),
    /// There is nothing like that.
    NotFound(String),
    /// Another address, for the time being.
    Elsewhere(String),
    /// The request makes no sense here; clients show the reason.
    Refused(String),
    /// The distribution does not do this for anybody.
    Forbidden(String),
    /// A task does it.
    Task(Id),
}
