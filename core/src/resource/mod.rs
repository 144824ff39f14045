//! REST collections as data. A [`Resource`] says what a collection is called, which fields and filters it
//! has and where they live in the database; `rest` serves it and writes its OpenAPI from the same value.

mod address;
pub mod creator;
pub mod expression;
mod field;
mod filter;
pub mod kinds;
mod reader;
mod record;
mod registry;

use crate::auth::policy::Policy;

pub use address::{Api, DEFAULT_DOMAIN};
pub use field::{Access, Draft, Errors, Field, Mode, Source, Target, Wire, check_label};
pub(crate) use field::{parse_boolean, type_name};
pub use filter::{Apply, Clause, Filter, FilterContext, Input, Lookup};
pub use reader::Reader;
pub use record::{Record, Scope, Show, Slice};
pub use registry::{AccessPolicy, Reference, Registry, Unresolved, face_viewset};

/// What a resource is to core: which table its rows share and which rules hold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    AccessPolicy,
    AlternateContentSource,
    Artifact,
    Content,
    ContentGuard,
    Distribution,
    Domain,
    /// Below an exporter.
    Export,
    Exporter,
    Group,
    /// Below an importer.
    Import,
    Importer,
    /// Below a repository, of its format alone.
    Part,
    Publication,
    Remote,
    Repository,
    RepositoryVersion,
    Role,
    /// Who was given a role, and for what.
    RoleAssignment,
    SigningService,
    Task,
    TaskGroup,
    TaskSchedule,
    /// What users hand to programs in place of their passwords.
    Token,
    Upload,
    UpstreamPulp,
    User,
    VulnerabilityReport,
    Worker,
}

impl Kind {
    /// The table that rows of this kind share.
    pub fn table(self) -> &'static str {
        match self {
            Self::AccessPolicy => "access_policy",
            Self::AlternateContentSource => "alternate_content_source",
            Self::Artifact => "artifact",
            Self::Content => "content",
            Self::ContentGuard => "content_guard",
            Self::Distribution => "distribution",
            Self::Domain => "domain",
            Self::Export => "export",
            Self::Exporter => "exporter",
            Self::Group => "auth_group",
            Self::Import => "import",
            Self::Importer => "importer",
            Self::Part => "repository_part",
            Self::Publication => "publication",
            Self::Remote => "remote",
            Self::Repository => "repository",
            Self::RepositoryVersion => "repository_version",
            Self::Role => "role",
            Self::RoleAssignment => "role_assignment",
            Self::SigningService => "signing_service",
            Self::Task => "task",
            Self::TaskGroup => "task_group",
            Self::TaskSchedule => "task_schedule",
            Self::Token => "api_token",
            Self::Upload => "upload",
            Self::UpstreamPulp => "upstream_pulp",
            Self::User => "auth_user",
            Self::VulnerabilityReport => "vulnerability_report",
            Self::Worker => "app_status",
        }
    }

    /// Whether several formats have a resource of this kind in one table, told apart by `pulp_type`.
    pub fn is_typed(self) -> bool {
        matches!(
            self,
            Self::AlternateContentSource
                | Self::Content
                | Self::ContentGuard
                | Self::Distribution
                | Self::Exporter
                | Self::Publication
                | Self::Remote
                | Self::Repository
        )
    }

    /// The kind of the objects below which objects of this kind lie. In their paths the first id is that of such a one.
    pub fn above(self) -> Option<Self> {
        match self {
            Self::Export => Some(Self::Exporter),
            Self::Import => Some(Self::Importer),
            Self::Part | Self::RepositoryVersion => Some(Self::Repository),
            _ => None,
        }
    }

    /// The column that names the object above.
    pub fn parent(self) -> Option<&'static str> {
        match self.above()? {
            Self::Exporter => Some("exporter_id"),
            Self::Importer => Some("importer_id"),
            Self::Repository => Some("repository_id"),
            _ => None,
        }
    }

    /// Whether rows belong to a domain by a column of their own.
    pub fn has_domain(self) -> bool {
        !self.is_shared() && !matches!(self, Self::Part | Self::RepositoryVersion)
    }

    /// The expression for the domain of a row of this kind's table, which is called `row`; a null where it has none.
    pub fn domain_of(self, row: &str) -> String {
        match self.above().zip(self.parent()) {
            _ if self.is_shared() => "NULL".to_owned(),
            Some((above, column)) if !self.has_domain() => {
                format!("(SELECT w.domain_id FROM {} w WHERE w.id = {row}.{column})", above.table())
            }
            _ => format!("{row}.domain_id"),
        }
    }

    /// Whether rows belong to the installation, not to one domain.
    pub fn is_shared(self) -> bool {
        matches!(
            self,
            Self::AccessPolicy
                | Self::Domain
                | Self::Group
                | Self::Role
                | Self::RoleAssignment
                | Self::SigningService
                | Self::Token
                | Self::User
                | Self::Worker
        )
    }

    /// Whether objects have numbers in place of ids, and no times of their own.
    pub fn is_numbered(self) -> bool {
        matches!(self, Self::Group | Self::User)
    }
}

/// What a client may do with a collection and its objects, beside the named actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    List,
    Create,
    Read,
    Update,
    PartialUpdate,
    Delete,
}

/// An extra verb on an object (`sync`, `modify`, `set_label`): `POST {href}{name}/`.
#[derive(Clone, Debug)]
pub struct Action {
    pub name: &'static str,
    pub run: ActionRun,
    /// The body's fields.
    pub fields: Vec<Field>,
    /// The name of the body's schema.
    pub schema: &'static str,
    pub description: &'static str,
}

/// Which of core's verbs an action runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionRun {
    Sync,
    Modify,
    SetLabel,
    UnsetLabel,
    /// Of an alternate content source.
    Refresh,
    /// Of an upstream server.
    Replicate,
    /// Work on a repository that its format does.
    Work(&'static str),
}

/// A way to make an object of something else than its fields: `POST {collection}{name}/`.
#[derive(Clone, Debug)]
pub struct Derivation {
    pub name: &'static str,
    /// The body's fields.
    pub fields: Vec<Field>,
    /// The name of the body's schema.
    pub schema: &'static str,
    pub description: &'static str,
    /// The fields of the object.
    pub derive: fn(Draft) -> crate::Result<serde_json::Map<String, serde_json::Value>>,
}

/// Which stores domains can have, and how their settings are shown.
#[derive(Clone, Copy, Debug)]
pub struct DomainStores {
    /// All that clients know.
    pub classes: &'static [&'static str],
    pub show: Show,
}

/// One REST collection.
#[derive(Clone, Debug)]
pub struct Resource {
    pub kind: Kind,
    /// The component that owns it: `file`.
    pub app: &'static str,
    /// `FileRepository`; its PRN is `prn:file.filerepository:…`.
    pub model: &'static str,
    /// The model's name in English: `file repository`.
    pub noun: &'static str,
    /// `file.file` where several resources share a table.
    pub pulp_type: Option<&'static str>,
    /// Below the API root, with a slash at the end: `repositories/file/file/`.
    pub path: &'static str,
    /// Prefix of its operation ids: `repositories_file_file`.
    pub operations: &'static str,
    /// The name of the path parameter that stands for an object's href.
    pub href_parameter: &'static str,
    pub tag: &'static str,
    /// `FROM` of its lists; the kind's table is called `t`.
    pub from: String,
    pub fields: Vec<Field>,
    pub filters: Vec<Filter>,
    /// Names to order by, with their columns.
    pub ordering: Vec<(&'static str, &'static str)>,
    pub can: Vec<Operation>,
    pub actions: Vec<Action>,
    pub derivations: Vec<Derivation>,
    pub policy: Policy,
    pub description: &'static str,
    /// Fills what a row alone does not tell, for many rows at once.
    pub enrich: Option<Enrich>,
    /// What must hold of what a client gives, beside the types of the fields.
    pub check: Option<fn(&Draft, &mut Errors)>,
    /// For [`Kind::Part`].
    pub part: Option<kinds::PartOf>,
}

/// Completes shown rows; each JSON object belongs to the record at the same place.
pub type Enrich = fn(&Scope<'_>, &mut crate::db::Conn, &[Record], &mut [serde_json::Value]) -> crate::Result<()>;

impl Resource {
    /// `prn:file.filerepository:<id>`
    pub fn prn(&self, id: impl std::fmt::Display) -> String {
        crate::id::prn(self.app, self.model, id)
    }

    /// The schema's name in the API's description: `file.FileRepository`; core's have no prefix.
    pub fn schema(&self) -> String {
        match self.kind {
            // Of all processes, which share a model, only workers are a collection.
            Kind::Worker => "Worker".to_owned(),
            Kind::User => self.model.to_owned(),
            // Imports of all kinds look alike.
            Kind::Import => "Import".to_owned(),
            _ if self.app == "core" => self.model.to_owned(),
            _ => format!("{}.{}", self.app, self.model),
        }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the collection lies below an object of another one, which its path names first.
    pub fn is_nested(&self) -> bool {
        self.path.contains("{}")
    }

    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    pub fn with_fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }
}
