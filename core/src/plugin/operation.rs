//! Operations of a format's own that concern no repository in particular, or several: `POST <api root><path>`. Core
//! reads the request, reserves what it concerns and runs the work as a task; the format says what that is.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::{Progress, Unit, VersionUnits};
use crate::error::Result;
use crate::id::Id;
use crate::resource::{Draft, Errors, Field};

/// One operation, as it is routed, described and begun. For those who may do to the repositories it names what it names
/// them for ([`Operands`]), one that names none for administrators.
#[derive(Clone, Debug)]
pub struct FormatOperation {
    /// As in the reference's description of its API: `copy_content`.
    pub id: &'static str,
    /// Below the API root: `rpm/copy/`, say.
    pub path: &'static str,
    pub tag: &'static str,
    pub description: &'static str,
    /// The name of the body's schema, and its fields. A file among them is a text file ([`Field::text_file`]).
    pub schema: &'static str,
    pub fields: Vec<Field>,
    pub answer: OperationAnswer,
    pub prepare: Prepare,
}

/// What the client is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationAnswer {
    /// The task that does the work.
    Task,
    /// A group of tasks of this description, of which the first is there; it may start others
    /// ([`OperationJob::start`]).
    TaskGroup(&'static str),
}

/// Turns a body whose fields have their types, and which lacks what is no value of theirs, into the task that does the
/// work. What is wrong goes to the errors; nothing is begun then.
pub type Prepare = fn(&Draft, &mut dyn Operands, &mut Errors) -> Result<OperationTask>;

/// Work to be done as a task.
#[derive(Clone, Debug, Default)]
pub struct OperationTask {
    /// Which work, as [`super::Plugin::operate`] is told.
    pub work: &'static str,
    /// The name of the task, as clients see it.
    pub name: &'static str,
    /// What [`OperationJob::args`] gives back.
    pub args: Json,
    /// What no other task may hold meanwhile: PRNs, as [`Operand`] has them.
    pub exclusive: Vec<String>,
    /// What no other task may hold exclusively meanwhile.
    pub shared: Vec<String>,
}

/// A repository that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    pub repository: Id,
    /// By which tasks reserve it.
    pub prn: String,
}

/// The objects that a request names, by hrefs or PRNs. An inner error is a message for the client.
pub trait Operands {
    fn domain(&self) -> Id;

    /// The repository of a type (`note.note`), to modify it.
    fn repository(&mut self, pulp_type: &'static str, text: &str) -> Result<Result<Operand, String>>;

    /// All repositories of a type, to modify them.
    fn repositories(&mut self, pulp_type: &'static str) -> Result<Vec<Operand>>;

    /// A version of a repository of a type, to read it: its id, and the repository.
    fn version(&mut self, pulp_type: &'static str, text: &str) -> Result<Result<(Id, Operand), String>>;

    /// The version of a repository that has this number.
    fn numbered_version(&mut self, repository: Id, number: i64) -> Result<Result<Id, String>>;

    /// The units of content of whatever type. What is wrong with them stands in `errors` under `field`.
    fn units(&mut self, field: &str, texts: &[String], errors: &mut Errors) -> Result<Vec<Id>>;
}

/// A repository as a job finds it.
#[derive(Clone, Debug)]
pub struct OperationRepository {
    pub name: String,
    /// What is configured of it beyond what all have.
    pub details: Json,
    /// Its newest version.
    pub version: Id,
}

/// How the next version of a repository differs from the one it starts from. First units leave, then others join; a
/// unit that is already there stays as it is.
#[derive(Clone, Debug)]
pub struct RepositoryChange {
    pub repository: Id,
    /// The version to start from, of this or of another repository; none: the newest.
    pub base_version: Option<Id>,
    /// All units of these types leave.
    pub remove_types: Vec<&'static str>,
    pub remove: Vec<Id>,
    /// All units of these versions join, at the cost of one statement for each.
    pub add_versions: Vec<Id>,
    pub add: Vec<Id>,
}

impl RepositoryChange {
    /// One that changes nothing.
    pub fn of(repository: Id) -> Self {
        Self { repository, base_version: None, remove_types: vec![], remove: vec![], add_versions: vec![], add: vec![] }
    }
}

/// One run of such work.
#[async_trait]
pub trait OperationJob: Send + Sync {
    fn args(&self) -> &Json;

    /// The units of a version.
    ///
    /// # Errors
    /// `NotFound` when the version is gone.
    async fn units(&self, version: Id) -> Result<VersionUnits>;

    /// # Errors
    /// `NotFound` when the repository is gone.
    async fn repository(&self, repository: Id) -> Result<OperationRepository>;

    /// The ids of units, in their order; those that do not exist are made. The task names all of them as what it
    /// created, as the reference does.
    async fn store(&self, units: Vec<(&'static str, Unit)>) -> Result<Vec<Id>>;

    /// Makes the next versions of repositories, all or none of them; the repositories must be reserved. The versions,
    /// in the order of the changes; none where the result would equal the newest. Those of repositories that publish
    /// by themselves are published afterwards.
    ///
    /// # Errors
    /// As [`super::Plugin::finish_version`], and `Conflict` when the units cannot be together in a version.
    async fn change(&self, changes: Vec<RepositoryChange>) -> Result<Vec<Option<Id>>>;

    /// Starts another task of this format in the same group.
    async fn start(&self, task: OperationTask) -> Result<()>;

    /// Starts a progress report.
    fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress>;

    /// # Errors
    /// `Canceled` once the task is asked to stop.
    fn check(&self) -> Result<()>;
}
