//! All resources of this installation, and what an href or a PRN points to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Api, Errors, Kind, Resource, Scope, Target};
use crate::auth::policy::{Policy, Statement};
use crate::db::Conn;
use crate::db::roles::ObjectKey;
use crate::error::{NON_FIELD, Result};
use crate::id::Id;
use crate::params;
use crate::plugin::{ContentType, Face, FaceMethod, FormatOperation, Plugin};

/// The repositories that users see, as a table.
pub(super) const SHOWN: &str = "(SELECT * FROM repository WHERE NOT user_hidden)";

/// Formats and resources by the names they are asked for with.
pub struct Registry {
    pub plugins: Vec<Arc<dyn Plugin>>,
    pub resources: Vec<Resource>,
    content_types: HashMap<&'static str, Arc<dyn ContentType>>,
    /// The native faces of formats, by component.
    pub faces: HashMap<&'static str, Arc<dyn Face>>,
    /// Operations of formats' own, with their components.
    pub operations: Vec<(&'static str, FormatOperation)>,
    /// What may be changed of who may do what.
    pub policies: Vec<AccessPolicy>,
    /// All permissions there are, with the types of the objects they are about; empty for what is about none.
    permissions: BTreeMap<String, String>,
    by_path: HashMap<&'static str, usize>,
    by_type: HashMap<(Kind, &'static str), usize>,
    by_prn: HashMap<String, usize>,
}

/// A policy by the name that clients know it by.
pub struct AccessPolicy {
    /// `repositories/file/file`
    pub viewset: String,
    pub policy: Policy,
    /// What the policy says as it ships.
    pub statements: Vec<Statement>,
}

impl AccessPolicy {
    fn new(viewset: String, policy: Policy) -> Self {
        Self { viewset, statements: policy.statements(), policy }
    }
}

/// What goes into a repository needs the permission that the repository itself asks of whoever modifies it, whatever
/// its format calls that.
fn say_how_repositories_are_modified(resources: &mut [Resource]) {
    let own: HashMap<String, String> = resources
        .iter()
        .filter(|resource| resource.kind == Kind::Repository)
        .filter_map(|resource| {
            let usual = resource.permission("modify");
            let asked = resource.modify_permission();
            (asked != usual).then_some((usual, asked))
        })
        .collect();
    let others = resources.iter_mut().filter(|resource| matches!(resource.kind, Kind::Content | Kind::Part));
    let required = others.flat_map(|resource| &mut resource.policy.rules).flat_map(|rule| &mut rule.requires);
    for permission in required.flat_map(|requirement| &mut requirement.permissions) {
        if let Some(asked) = own.get(permission) {
            permission.clone_from(asked);
        }
    }
}

/// The policies of all resources that say more than that administrators may do all, of what is no resource, and of native
/// faces.
fn access_policies(resources: &[Resource], faces: &HashMap<&'static str, Arc<dyn Face>>) -> Vec<AccessPolicy> {
    let mut policies = Vec::new();
    for resource in resources {
        if !resource.policy.rules.is_empty() {
            policies.push(AccessPolicy::new(resource.viewset(), resource.policy.clone()));
        }
        if resource.kind == Kind::Repository && resource.pulp_type.is_some() {
            let of_versions = Resource::versions(Some(resource)).policy;
            policies.push(AccessPolicy::new(format!("{}/versions", resource.viewset()), of_versions));
        }
    }
    policies.push(AccessPolicy::new("groups/users".into(), Policy::group_members()));
    policies.push(AccessPolicy::new("login".into(), Policy::own()));
    policies.extend(faces.iter().flat_map(|(component, face)| of_face(resources, component, &**face)));
    policies
}

/// The policies of a native face: one for each group of operations that has a name of its own.
fn of_face(resources: &[Resource], component: &str, face: &dyn Face) -> Vec<AccessPolicy> {
    let modified = resources
        .iter()
        .find(|resource| resource.kind == Kind::Repository && resource.app == component)
        .map(Resource::modify_permission)
        .unwrap_or_default();
    let mut groups: BTreeMap<&str, (Vec<&'static str>, Vec<&'static str>)> = BTreeMap::new();
    for operation in face.operations() {
        let (reads, writes) = groups.entry(operation.group).or_default();
        let actions = if operation.method == FaceMethod::Get { reads } else { writes };
        actions.push(operation.action);
    }
    let of_group = |(group, (reads, writes))| {
        let viewset = face_viewset(face.prefix(), group);
        AccessPolicy::new(viewset, Policy::of_face(reads, writes, &modified))
    };
    groups.into_iter().map(of_group).collect()
}

/// How clients call the policy of a group of operations of the native face with this prefix.
pub fn face_viewset(prefix: &str, group: &str) -> String {
    format!("{prefix}/{group}")
}

fn permissions(resources: &[Resource]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for resource in resources.iter().filter(|resource| !resource.model.is_empty()) {
        let model = resource.model.to_ascii_lowercase();
        for verb in ["add", "change", "delete", "view"] {
            all.insert(format!("{}.{verb}_{model}", resource.app), resource.object_type());
        }
    }
    for resource in resources {
        let of_objects = resource.policy.permissions.iter();
        all.extend(of_objects.map(|permission| (permission.clone(), resource.object_type())));
    }
    let required = |resource: &Resource| {
        let rules = resource.policy.rules.iter().flat_map(|rule| &rule.requires);
        let shipped = resource.policy.locked_roles.iter().flat_map(|role| role.permissions.clone());
        rules.flat_map(|requirement| requirement.permissions.clone()).chain(shipped).collect::<Vec<_>>()
    };
    for permission in resources.iter().flat_map(required) {
        all.entry(permission).or_default();
    }
    all
}

/// What an href or PRN points to; whether it exists is the database's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Position in [`Registry::resources`], and the object's id; never a version.
    Object(usize, Id),
    /// Version `number` of a repository.
    Version {
        resource: usize,
        repository: Id,
        number: i64,
    },
    VersionId(Id),
    /// A collection of that resource, without an object.
    Collection(usize),
}

/// Why a text is no reference to what was asked for, in the words of Django REST framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    NoMatch,
    OtherType,
    Absent,
    /// It exists, in another domain than the one that is spoken to.
    OtherDomain,
}

impl Unresolved {
    pub fn message(self, scope: &Scope<'_>) -> String {
        match self {
            Self::NoMatch => "Invalid hyperlink - No URL match.".into(),
            Self::OtherType => "Invalid hyperlink - Incorrect URL match.".into(),
            Self::Absent => "Invalid hyperlink - Object does not exist.".into(),
            Self::OtherDomain => format!("Objects must all be a part of the {} domain.", scope.domain_name),
        }
    }

    /// Puts the message where Pulp does: that of another domain concerns the object as a whole.
    pub fn tell(self, scope: &Scope<'_>, field: &str, errors: &mut Errors) {
        match self {
            Self::OtherDomain if errors.0.contains_key(NON_FIELD) => {}
            Self::OtherDomain => errors.non_field(self.message(scope)),
            _ => errors.add(field, self.message(scope)),
        }
    }
}

impl Registry {
    /// Joins what formats bring with core's own resources, which are told the types that each kind has.
    pub fn new(plugins: Vec<Arc<dyn Plugin>>, core: fn(&dyn Fn(Kind) -> Vec<&'static str>) -> Vec<Resource>) -> Self {
        let types: Vec<_> = plugins.iter().flat_map(|plugin| plugin.content_types()).collect();
        let mut formats: Vec<Resource> = plugins.iter().flat_map(|plugin| plugin.resources()).collect();
        formats.extend(types.iter().map(|content_type| content_type.resource()));
        let of_kind = |kind: Kind| {
            let mut names: Vec<_> =
                formats.iter().filter(|one| one.kind == kind).filter_map(|one| one.pulp_type).collect();
            names.sort_unstable();
            names
        };
        let mut resources = core(&of_kind);
        resources.extend(formats);
        say_how_repositories_are_modified(&mut resources);
        let numbered = || resources.iter().enumerate();
        let faces: HashMap<_, _> = plugins.iter().filter_map(|plugin| Some((plugin.name(), plugin.face()?))).collect();
        let (policies, permissions) = (access_policies(&resources, &faces), permissions(&resources));
        let operations = plugins.iter().flat_map(|plugin| {
            let of_format = plugin.operations().into_iter();
            of_format.map(|operation| (plugin.name(), operation)).collect::<Vec<_>>()
        });
        Self {
            faces,
            operations: operations.collect(),
            content_types: types.into_iter().map(|content_type| (content_type.pulp_type(), content_type)).collect(),
            policies,
            permissions,
            by_path: numbered().map(|(at, resource)| (resource.path, at)).collect(),
            by_type: numbered()
                .filter_map(|(at, resource)| resource.pulp_type.map(|name| ((resource.kind, name), at)))
                .collect(),
            by_prn: numbered()
                .filter(|(_, resource)| !resource.model.is_empty())
                .map(|(at, resource)| (format!("{}.{}", resource.app, resource.model.to_ascii_lowercase()), at))
                .collect(),
            plugins,
            resources,
        }
    }

    pub fn by_path(&self, path: &str) -> Option<&Resource> {
        self.by_path.get(path).map(|at| &self.resources[*at])
    }

    /// The resource of a kind with this `pulp_type`.
    pub fn typed(&self, kind: Kind, pulp_type: &str) -> Option<&Resource> {
        self.resources.get(*self.by_type.iter().find(|((k, name), _)| *k == kind && *name == pulp_type)?.1)
    }

    /// The one resource of a kind that has no types.
    pub fn untyped(&self, kind: Kind) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.kind == kind && !kind.is_typed())
    }

    /// The resource below whose objects those of this one lie.
    pub fn above(&self, resource: &Resource) -> Option<&Resource> {
        self.by_path(resource.path.split_once("{}")?.0)
    }

    pub fn policy(&self, viewset: &str) -> Option<&AccessPolicy> {
        self.policies.iter().find(|policy| policy.viewset == viewset)
    }

    /// The type of the objects that a permission is about, empty for one about none; none when there is no such
    /// permission.
    pub fn subject_of(&self, permission: &str) -> Option<&str> {
        self.permissions.get(permission).map(String::as_str)
    }

    /// The permissions about objects of a type.
    pub fn permissions_about<'a>(&'a self, object_type: &'a str) -> impl Iterator<Item = &'a str> {
        self.permissions.iter().filter(move |(_, about)| *about == object_type).map(|(name, _)| name.as_str())
    }

    /// The resource whose objects roles call by this type.
    pub fn by_object_type(&self, object_type: &str) -> Option<&Resource> {
        self.by_prn.get(object_type).map(|at| &self.resources[*at])
    }

    /// The object that an href or a PRN names and that roles can be given on, if there is one.
    pub fn object_with_roles(&self, api: &Api, text: &str) -> Option<(&Resource, ObjectKey)> {
        if let Some(Reference::Object(at, id)) = self.parse(api, text) {
            let found = &self.resources[at];
            return (found.has_object_roles() && !found.kind.is_numbered()).then_some((found, ObjectKey::Id(id)));
        }
        let groups = self.untyped(Kind::Group)?;
        let number = match text.strip_prefix("prn:core.group:") {
            Some(number) => number,
            None => api.path_in(text)?.strip_prefix(groups.path)?.strip_suffix('/')?,
        };
        Some((groups, ObjectKey::Number(number.parse().ok()?)))
    }

    pub fn content_type(&self, pulp_type: &str) -> Option<&Arc<dyn ContentType>> {
        self.content_types.get(pulp_type)
    }

    /// The types of content that repositories of a type hold: those of its format.
    pub fn content_types_of(&self, repository: &str) -> Vec<&'static str> {
        let app = repository.split('.').next().unwrap_or_default();
        let mut types: Vec<_> =
            self.content_types.keys().copied().filter(|name| name.split('.').next() == Some(app)).collect();
        types.sort_unstable();
        types
    }

    /// The plugin that owns a `pulp_type` (`file.file`).
    pub fn plugin(&self, pulp_type: &str) -> Option<&Arc<dyn Plugin>> {
        let app = pulp_type.split('.').next()?;
        self.plugins.iter().find(|plugin| plugin.name() == app)
    }

    /// The native face of the format that owns a `pulp_type`, if it has one.
    pub fn face(&self, pulp_type: &str) -> Option<&Arc<dyn Face>> {
        self.faces.get(pulp_type.split('.').next()?)
    }

    /// Whether repositories of this type are served through publications.
    pub fn publishes(&self, pulp_type: &str) -> bool {
        self.typed(Kind::Publication, pulp_type).is_some()
            && self.plugin(pulp_type).is_some_and(|plugin| plugin.serves_publications())
    }

    /// Reads an href (with or without scheme and host) or a PRN, of whichever domain.
    pub fn parse(&self, api: &Api, text: &str) -> Option<Reference> {
        if let Some(name) = text.strip_prefix("prn:") {
            let (model, id) = name.rsplit_once(':')?;
            let id = id.parse().ok()?;
            if model == "core.repositoryversion" {
                return Some(Reference::VersionId(id));
            }
            return self.by_prn.get(model).map(|at| Reference::Object(*at, id));
        }
        self.parse_path(api.path_in(text)?)
    }

    fn parse_path(&self, path: &str) -> Option<Reference> {
        if let Some(at) = self.by_path.get(path) {
            return Some(Reference::Collection(*at));
        }
        let segments: Vec<&str> = path.strip_suffix('/')?.split('/').collect();
        let id_at = segments.iter().position(|segment| segment.parse::<Id>().is_ok())?;
        let collection = format!("{}/", segments[..id_at].join("/"));
        let resource = *self.by_path.get(collection.as_str())?;
        let id = segments[id_at].parse().ok()?;
        match &segments[id_at + 1..] {
            [] if self.resources[resource].kind == Kind::RepositoryVersion => Some(Reference::VersionId(id)),
            [] => Some(Reference::Object(resource, id)),
            [name, id] if self.by_path.contains_key(format!("{collection}{{}}/{name}/").as_str()) => {
                let nested = *self.by_path.get(format!("{collection}{{}}/{name}/").as_str())?;
                Some(Reference::Object(nested, id.parse().ok()?))
            }
            ["versions", number] if self.resources[resource].kind == Kind::Repository => {
                Some(Reference::Version { resource, repository: id, number: number.parse().ok()? })
            }
            _ => None,
        }
    }

    /// The id of the object of `target` that `text` points to. Here it is decided for every reference in a request
    /// that it stays within the domain.
    pub fn resolve(
        &self,
        scope: &Scope<'_>,
        conn: &mut Conn,
        target: Target,
        text: &str,
    ) -> Result<std::result::Result<Id, Unresolved>> {
        let Some(reference) = self.parse(scope.api, text) else { return Ok(Err(Unresolved::NoMatch)) };
        if !self.fits(target, &reference) {
            return Ok(Err(Unresolved::OtherType));
        }
        let id = match self.look_up(conn, &reference)? {
            None => return Ok(Err(Unresolved::Absent)),
            Some((_, Some(domain))) if domain != scope.domain => return Ok(Err(Unresolved::OtherDomain)),
            Some((id, _)) => id,
        };
        if let Target::Typed(Kind::SigningService, class) = target {
            return Ok(if signs(conn, id, class)? { Ok(id) } else { Err(Unresolved::OtherType) });
        }
        Ok(Ok(id))
    }

    fn fits(&self, target: Target, reference: &Reference) -> bool {
        match (reference, target) {
            (_, Target::Nothing) | (Reference::Collection(_), _) => false,
            (Reference::Version { .. } | Reference::VersionId(_), Target::Kind(kind)) => {
                kind == Kind::RepositoryVersion
            }
            (Reference::Version { .. } | Reference::VersionId(_), Target::Typed(..) | Target::OneOf(..)) => false,
            (Reference::Object(at, _), Target::Kind(kind) | Target::Typed(kind @ Kind::SigningService, _)) => {
                self.resources[*at].kind == kind
            }
            (Reference::Object(at, _), Target::Typed(kind, name)) => {
                self.resources[*at].kind == kind && self.resources[*at].pulp_type == Some(name)
            }
            (Reference::Object(at, _), Target::OneOf(kind, names)) => {
                let resource = &self.resources[*at];
                resource.kind == kind && resource.pulp_type.is_some_and(|own| names.contains(&own))
            }
        }
    }

    /// The id of what a reference points to, none when it does not exist in this domain.
    pub fn find(&self, scope: &Scope<'_>, conn: &mut Conn, reference: &Reference) -> Result<Option<Id>> {
        let found = self.look_up(conn, reference)?;
        Ok(found.filter(|(_, domain)| domain.is_none_or(|domain| domain == scope.domain)).map(|(id, _)| id))
    }

    /// The id of what a reference points to, and its domain if it has one.
    fn look_up(&self, conn: &mut Conn, reference: &Reference) -> Result<Option<(Id, Option<Id>)>> {
        let row = match reference {
            Reference::Object(at, id) => {
                let resource = &self.resources[*at];
                if resource.kind.is_numbered() {
                    // None has an id like other objects.
                    return Ok(None);
                }
                let domain = resource.kind.domain_of("o");
                let table = match resource.kind {
                    Kind::Repository => SHOWN,
                    kind => kind.table(),
                };
                match resource.pulp_type {
                    Some(name) => conn.query_opt(
                        &format!("SELECT o.id, {domain} FROM {table} o WHERE o.id = $1 AND o.pulp_type = $2"),
                        params![*id, name],
                    )?,
                    None => {
                        conn.query_opt(&format!("SELECT o.id, {domain} FROM {table} o WHERE o.id = $1"), params![*id])?
                    }
                }
            }
            Reference::Version { resource, repository, number } => conn.query_opt(
                &format!(
                    "SELECT v.id, r.domain_id FROM repository_version v JOIN {SHOWN} r ON r.id = v.repository_id
                     WHERE v.repository_id = $1 AND v.number = $2 AND r.pulp_type = $3"
                ),
                params![*repository, *number, self.resources[*resource].pulp_type.unwrap_or_default()],
            )?,
            Reference::VersionId(id) => conn.query_opt(
                &format!(
                    "SELECT v.id, r.domain_id FROM repository_version v JOIN {SHOWN} r ON r.id = v.repository_id
                     WHERE v.id = $1"
                ),
                params![*id],
            )?,
            Reference::Collection(_) => None,
        };
        row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// Whether the object whose id a path of a resource names first, its own or the one above it, exists in the domain;
    /// true for what belongs to no domain.
    pub fn is_within(&self, conn: &mut Conn, at: usize, id: Id, domain: Id) -> Result<bool> {
        let kind = self.resources[at].kind;
        if kind.is_shared() {
            return Ok(true);
        }
        let table = kind.above().unwrap_or(kind).table();
        let found =
            conn.query_opt(&format!("SELECT 1 FROM {table} WHERE id = $1 AND domain_id = $2"), params![id, domain])?;
        Ok(found.is_some())
    }
}

/// Whether a signing service makes signatures of a class; one with a key that is kept here makes all.
fn signs(conn: &mut Conn, id: Id, class: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM signing_service WHERE id = $1 AND class IN ('', $2)";
    Ok(conn.query_opt(sql, params![id, class])?.is_some())
}
