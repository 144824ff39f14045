//! What a client asks of a synchronization, and what goes together.

use pith_core::error::{Error, Result};
use pith_core::plugin::SyncOptions;
use serde_json::{Map, Value as Json};

/// What becomes of what the repository has and the upstream has not, and whose metadata is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncPolicy {
    /// The repository keeps it.
    Additive,
    /// The repository loses it.
    MirrorContentOnly,
    /// The repository loses it, and publishes the upstream's metadata byte by byte.
    MirrorComplete,
}

impl SyncPolicy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::MirrorContentOnly => "mirror_content_only",
            Self::MirrorComplete => "mirror_complete",
        }
    }

    /// Whether the repository shall have what the upstream has, and nothing else.
    pub fn mirrors(self) -> bool {
        self != Self::Additive
    }
}

/// The options of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub policy: SyncPolicy,
    /// Source packages are left out.
    pub skips_sources: bool,
    /// The installable tree is left out.
    pub skips_trees: bool,
}

impl Choice {
    /// Of what [`options`] has let pass. Of old clients, `mirror` stands for the complete policy.
    pub fn of(given: &Map<String, Json>) -> Self {
        let policy = match given.get("sync_policy").and_then(Json::as_str) {
            Some("mirror_complete") => SyncPolicy::MirrorComplete,
            Some("mirror_content_only") => SyncPolicy::MirrorContentOnly,
            Some(_) => SyncPolicy::Additive,
            None if given.get("mirror") == Some(&Json::Bool(true)) => SyncPolicy::MirrorComplete,
            None => SyncPolicy::Additive,
        };
        let skipped = given.get("skip_types").and_then(Json::as_array);
        let skips = |kind: &str| skipped.is_some_and(|skipped| skipped.iter().any(|skipped| skipped == kind));
        Self { policy, skips_sources: skips("srpm"), skips_trees: skips("treeinfo") }
    }
}

/// What core has to know.
///
/// # Errors
/// `Invalid` for options that exclude each other, or exclude how the repository is set.
pub(crate) fn options(given: &Map<String, Json>, repository: &Json) -> Result<SyncOptions> {
    let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
    if is_given("sync_policy") && is_given("mirror") {
        return Err(Error::field("mirror", "`mirror` and `sync_policy` cannot be given together."));
    }
    let choice = Choice::of(given);
    if choice.policy.mirrors() && retained(repository) > 0 {
        return Err(excluded("retain_package_versions", choice.policy));
    }
    if choice.policy == SyncPolicy::MirrorComplete {
        if repository.get("autopublish") == Some(&Json::Bool(true)) {
            return Err(excluded("autopublish", choice.policy));
        }
        if choice.skips_sources || choice.skips_trees {
            return Err(excluded("skip_types", choice.policy));
        }
    }
    Ok(SyncOptions { mirror: choice.policy.mirrors(), ..SyncOptions::of(given) })
}

/// How many versions of a package a repository with these details keeps; 0 for all.
pub(super) fn retained(repository: &Json) -> i64 {
    repository.get("retain_package_versions").and_then(Json::as_i64).unwrap_or(0)
}

fn excluded(name: &str, policy: SyncPolicy) -> Error {
    Error::non_field(format!("Cannot use '{name}' together with the sync policy '{}'.", policy.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(given: Json, repository: Json) -> Result<(SyncPolicy, bool)> {
        let given = given.as_object().expect("an object");
        let options = options(given, &repository)?;
        Ok((Choice::of(given).policy, options.mirror))
    }

    #[test]
    fn policies_are_understood() {
        use SyncPolicy::{Additive, MirrorComplete, MirrorContentOnly};
        for (given, expected) in [
            (json!({}), (Additive, false)),
            (json!({"mirror": null, "sync_policy": null}), (Additive, false)),
            (json!({"mirror": false}), (Additive, false)),
            (json!({"mirror": true}), (MirrorComplete, true)),
            (json!({"sync_policy": "additive"}), (Additive, false)),
            (json!({"sync_policy": "mirror_content_only"}), (MirrorContentOnly, true)),
            (json!({"sync_policy": "mirror_complete"}), (MirrorComplete, true)),
        ] {
            assert_eq!(check(given.clone(), json!({})).expect("options"), expected, "{given}");
        }
        let choice = Choice::of(json!({"skip_types": ["srpm", "treeinfo"]}).as_object().expect("an object"));
        assert!(choice.skips_sources && choice.skips_trees);
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        for (given, repository, named) in [
            (json!({"mirror": false, "sync_policy": "additive"}), json!({}), "mirror"),
            (json!({"mirror": true}), json!({"autopublish": true}), "autopublish"),
            (json!({"sync_policy": "mirror_complete", "skip_types": ["srpm"]}), json!({}), "skip_types"),
            (
                json!({"sync_policy": "mirror_content_only"}),
                json!({"retain_package_versions": 1}),
                "retain_package_versions",
            ),
        ] {
            let error = check(given, repository).expect_err(named);
            assert!(error.public_text().contains(named), "{error}");
        }
        check(json!({"sync_policy": "mirror_content_only"}), json!({"autopublish": true})).expect("own metadata");
        check(json!({}), json!({"autopublish": true, "retain_package_versions": 3})).expect("additive");
    }
}
