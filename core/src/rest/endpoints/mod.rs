//! What is no plain collection, one file per noun: its resource, if it has one, and its endpoints.

pub mod access_policies;
pub mod artifacts;
pub mod content;
pub mod content_guards;
pub mod docs;
pub mod domains;
pub mod exchange;
pub mod faces;
mod groups;
mod login;
pub mod object_roles;
mod operations;
pub mod parts;
pub mod publications;
mod role_assignments;
mod roles;
mod status;
mod task_filters;
mod task_groups;
mod task_profiles;
mod task_schedules;
pub mod tasks;
pub mod tokens;
pub mod upkeep;
pub mod uploads;
pub mod upstream_pulps;
mod users;
pub mod versions;
pub mod vulnerability_reports;
mod workers;

use super::routes::Endpoint;
use crate::db::artifact_distribution::ARTIFACTS;
use crate::guards;
use crate::resource::{Kind, Registry, Resource};

/// Core's own collections. `types` gives the types that formats have of a kind.
pub fn resources(types: &dyn Fn(Kind) -> Vec<&'static str>) -> Vec<Resource> {
    let mut distributions = types(Kind::Distribution);
    distributions.push(ARTIFACTS);
    distributions.sort_unstable();
    let mut resources = vec![
        Resource::repositories(types(Kind::Repository)),
        Resource::versions(None),
        Resource::remotes(types(Kind::Remote)),
        Resource::publications(types(Kind::Publication)),
        Resource::distributions(distributions),
        Resource::artifact_distributions(),
        Resource::contents(types(Kind::Content)),
        artifacts::resource(),
        uploads::resource(),
        tasks::resource(),
        task_groups::resource(),
        task_schedules::resource(),
        workers::resource(),
        users::resource(),
        groups::resource(),
        roles::resource(),
        access_policies::resource(),
        tokens::resource(),
        Resource::vulnerability_reports(),
        Resource::signing_services(),
        Resource::domains(crate::ops::domains::STORES),
        Resource::pulp_exporters(),
        Resource::pulp_exports(),
        Resource::filesystem_exporters(),
        Resource::filesystem_exports(),
        Resource::pulp_importers(),
        Resource::pulp_imports(),
        Resource::upstream_pulps(),
    ];
    resources.extend(role_assignments::resources());
    resources.extend(guards::resources::all(types(Kind::ContentGuard)));
    resources
}

/// The operations that no resource's value makes by itself.
pub fn all(registry: &Registry) -> Vec<Endpoint> {
    let mut endpoints = artifacts::endpoints(registry);
    endpoints.extend(uploads::endpoints(registry));
    endpoints.extend(content::endpoints(registry));
    endpoints.extend(docs::endpoints());
    endpoints.extend(domains::endpoints(registry));
    endpoints.extend(exchange::endpoints());
    endpoints.extend(upkeep::endpoints());
    endpoints.extend(tasks::endpoints(registry));
    endpoints.extend(task_profiles::endpoints(registry));
    endpoints.extend(task_groups::endpoints(registry));
    endpoints.extend(users::endpoints(registry));
    endpoints.extend(groups::endpoints(registry));
    endpoints.extend(roles::endpoints(registry));
    endpoints.extend(role_assignments::endpoints(registry));
    endpoints.extend(access_policies::endpoints(registry));
    endpoints.extend(login::endpoints(registry));
    endpoints.extend(tokens::endpoints(registry));
    endpoints.extend(status::endpoints());
    endpoints.extend(versions::scans(registry));
    endpoints.extend(operations::endpoints(registry));
    endpoints
}

/// The position of core's resource at `path`.
fn position(registry: &Registry, path: &str) -> Option<usize> {
    registry.resources.iter().position(|resource| resource.path == path)
}
