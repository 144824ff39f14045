//! What has to hold besides who asks: conditions of access policies, read from and written to their words,
//! `has_model_or_domain_or_obj_perms:file.view_filerepository`.

/// Whose permissions are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The object that is asked for.
    Object,
    /// The repository in whose path the object lies.
    Repository,
    /// The group in whose path the object lies.
    Group,
    /// What this field of the body names; without it the requirement holds.
    Parameter(String),
    /// The repository that an upload goes into, which must be named.
    Upload,
    /// The distribution whose native face is asked.
    Index,
    /// The repository that such a distribution serves; without one the requirement holds.
    IndexRepository,
}

/// Where a permission may have been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// For the whole installation.
    pub model: bool,
    pub domain: bool,
    /// On the object itself.
    pub object: bool,
}

/// One of the permissions, full names, is held on the subject at one of the levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub subject: Subject,
    pub levels: Levels,
    pub permissions: Vec<String>,
}

const fn levels(model: bool, domain: bool, object: bool) -> Levels {
    Levels { model, domain, object }
}

/// The levels by their names, the longest first.
const LEVELS: [(&str, Levels); 7] = [
    ("model_or_domain_or_obj", levels(true, true, true)),
    ("model_or_domain", levels(true, true, false)),
    ("model_or_obj", levels(true, false, true)),
    ("domain_or_obj", levels(false, true, true)),
    ("model", levels(true, false, false)),
    ("domain", levels(false, true, false)),
    ("obj", levels(false, false, true)),
];
const ANYWHERE: Levels = levels(true, true, true);

const UPLOAD: &str = "has_required_repo_perms_on_upload";
const INDEX: &str = "index_has_perm";
const INDEX_REPOSITORY: &str = "index_has_repo_perm";
/// How the words call the fields `repository` and `repository_version`, either of which names a repository.
const REPOSITORY_PARAMETER: &str = "repo_or_repo_ver";
/// The field that stands for both.
pub const REPOSITORY_FIELD: &str = "repository";

impl Requirement {
    /// Held for the whole installation or the domain.
    pub fn model(permission: impl Into<String>) -> Self {
        Self { subject: Subject::Object, levels: levels(true, true, false), permissions: vec![permission.into()] }
    }

    /// Held for all objects, the domain, or the object asked for.
    pub fn object(permission: impl Into<String>) -> Self {
        Self { subject: Subject::Object, levels: ANYWHERE, permissions: vec![permission.into()] }
    }

    /// Held for the repository in whose path the object lies.
    pub fn repository(permission: impl Into<String>) -> Self {
        Self { subject: Subject::Repository, levels: ANYWHERE, permissions: vec![permission.into()] }
    }

    /// Any of the permissions is held for what this field of the body names, if it names something.
    pub fn parameter(field: &str, permissions: Vec<String>) -> Self {
        Self { subject: Subject::Parameter(field.to_owned()), levels: ANYWHERE, permissions }
    }

    /// Held for the repository that an upload goes into.
    pub fn upload_repository(permission: impl Into<String>) -> Self {
        Self { subject: Subject::Upload, levels: ANYWHERE, permissions: vec![permission.into()] }
    }

    /// Held for the repository that the distribution serves whose native face is asked.
    pub fn index_repository(permission: impl Into<String>) -> Self {
        Self { subject: Subject::IndexRepository, levels: ANYWHERE, permissions: vec![permission.into()] }
    }

    /// The same of what belongs to no domain: groups, domains.
    pub fn outside_domains(mut self) -> Self {
        self.levels.domain = false;
        self
    }

    /// As a condition of an access policy.
    pub fn condition(&self) -> String {
        let permissions = self.permissions.join(",");
        let levels = LEVELS.iter().find(|(_, levels)| *levels == self.levels).map_or("no", |(name, _)| *name);
        match &self.subject {
            Subject::Object => format!("has_{levels}_perms:{permissions}"),
            Subject::Repository => format!("has_repository_{levels}_perms:{permissions}"),
            Subject::Group => format!("has_group_{levels}_perms:{permissions}"),
            Subject::Parameter(field) => {
                let name = if field == REPOSITORY_FIELD { REPOSITORY_PARAMETER } else { field };
                format!("has_{name}_param_{levels}_perms:{permissions}")
            }
            Subject::Upload => format!("{UPLOAD}:{permissions}"),
            Subject::Index => format!("{INDEX}:{permissions}"),
            Subject::IndexRepository => format!("{INDEX_REPOSITORY}:{permissions}"),
        }
    }

    /// Reads a condition; none for one that is not known.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, permissions) = text.split_once(':')?;
        let permissions: Vec<String> = permissions.split(',').map(|name| name.trim().to_owned()).collect();
        if permissions.iter().any(|name| !is_permission(name)) {
            return None;
        }
        let whole = match name {
            UPLOAD => Some(Subject::Upload),
            INDEX => Some(Subject::Index),
            INDEX_REPOSITORY => Some(Subject::IndexRepository),
            _ => None,
        };
        if let Some(subject) = whole {
            return Some(Self { subject, levels: ANYWHERE, permissions });
        }
        let words = name.strip_prefix("has_")?.strip_suffix("_perms")?;
        let (before, levels) = LEVELS.iter().find_map(|(name, levels)| {
            let before = words.strip_suffix(name)?;
            (before.is_empty() || before.ends_with('_')).then(|| (before.trim_end_matches('_'), *levels))
        })?;
        let subject = match before {
            "" => Subject::Object,
            "repository" => Subject::Repository,
            "group" => Subject::Group,
            other => match other.strip_suffix("_param")? {
                REPOSITORY_PARAMETER => Subject::Parameter(REPOSITORY_FIELD.to_owned()),
                field => Subject::Parameter(field.to_owned()),
            },
        };
        Some(Self { subject, levels, permissions })
    }
}

/// Whether a text has the form of a permission's full name.
pub fn is_permission(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    text.split_once('.').is_some_and(|(app, code)| is_name(app) && is_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_survive_being_read() {
        for text in [
            "has_model_perms:core.add_group",
            "has_model_or_obj_perms:core.change_group",
            "has_model_or_domain_perms:file.add_filerepository",
            "has_model_or_domain_or_obj_perms:file.view_filerepository",
            "has_obj_perms:file.view_filerepository",
            "has_domain_or_obj_perms:file.view_filerepository",
            "has_repository_model_or_domain_or_obj_perms:rpm.view_rpmrepository",
            "has_group_model_or_obj_perms:core.view_group",
            "has_remote_param_model_or_domain_or_obj_perms:file.view_fileremote,file.view_filegitremote",
            "has_repo_or_repo_ver_param_model_or_domain_or_obj_perms:file.view_filerepository",
            "has_upload_param_model_or_domain_or_obj_perms:core.change_upload",
            "has_required_repo_perms_on_upload:file.modify_filerepository",
            "index_has_perm:file.view_filedistribution",
            "index_has_repo_perm:file.modify_filerepository",
        ] {
            assert_eq!(Requirement::parse(text).map(|read| read.condition()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for text in ["", "nope", "has_perms:a.b", "has_model_perms", "has_model_perms:", "has_model_perms:add_group"] {
            assert_eq!(Requirement::parse(text), None, "{text}");
        }
        for text in ["has_supermodel_perms:a.b", "has_x_model_perms:a.b", "has_model_or_perms:a.b"] {
            assert_eq!(Requirement::parse(text), None, "{text}");
        }
    }
}
