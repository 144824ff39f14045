//! The REST collections of core's guards.

use serde_json::{Value as Json, json};

use super::header::HEADER;
use super::redirect::REDIRECT;
use super::variable::VARIABLE;
use super::{COMPOSITE, DOWNLOAD, RBAC, header};
use crate::auth::policy::Owned;
use crate::db::roles::{self, ObjectKey};
use crate::db::{Conn, content_guards};
use crate::error::Result;
use crate::id::Id;
use crate::resource::kinds::Names;
use crate::resource::{Field, Kind, Record, Resource, Scope};

/// All guards, and core's types. `types` are those of the components.
pub fn all(types: Vec<&'static str>) -> Vec<Resource> {
    let mut known = vec![COMPOSITE, REDIRECT, VARIABLE, HEADER, RBAC];
    known.extend(types);
    known.sort_unstable();
    vec![Resource::content_guards(known), composite(), redirect(), variable(), header(), rbac()]
}

fn composite() -> Resource {
    let guard = "/pulp/api/v3/contentguards/core/header/01a1fe66-6be8-7b3c-9f74-8268ba891d5d/";
    let guards =
        Field::hrefs("guards", "The guards that are asked, in this order. Without one all are let through.", guard)
            .shown(&[], |_, _, _| json!([]))
            .writable();
    let names = Names {
        app: "core",
        model: "CompositeContentGuard",
        noun: "composite content guard",
        pulp_type: COMPOSITE,
        path: "contentguards/core/composite/",
        operations: "contentguards_core_composite",
        href_parameter: "composite_content_guard_href",
        tag: "Contentguards: Composite",
        description: "Guards that let through whom one of several others lets through.",
    };
    let policy = Owned::new("core", "compositecontentguard").policy();
    Resource { enrich: Some(show_members), ..Resource::content_guard(names, vec![guards], policy) }
}

fn show_members(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let members = content_guards::members(conn, &ids)?;
    for (record, shown) in records.iter().zip(shown) {
        let own = members.iter().filter(|(composite, ..)| Some(*composite) == record.id());
        let hrefs: Vec<_> =
            own.filter_map(|(_, member, name)| scope.typed_href(Kind::ContentGuard, name, *member)).collect();
        if let Some(guards) = shown.get_mut("guards") {
            *guards = json!(hrefs);
        }
    }
    Ok(())
}

fn redirect() -> Resource {
    let names = Names {
        app: "core",
        model: "ContentRedirectContentGuard",
        noun: "content redirect content guard",
        pulp_type: REDIRECT,
        path: "contentguards/core/content_redirect/",
        operations: "contentguards_core_content_redirect",
        href_parameter: "content_redirect_content_guard_href",
        tag: "Contentguards: Content_Redirect",
        description: "Guards that let through whoever comes with an address that this server signed.",
    };
    Resource::content_guard(names, vec![], Owned::new("core", "contentredirectcontentguard").policy())
}

fn header() -> Resource {
    let names = Names {
        app: "core",
        model: "HeaderContentGuard",
        noun: "header content guard",
        pulp_type: HEADER,
        path: "contentguards/core/header/",
        operations: "contentguards_core_header",
        href_parameter: "header_content_guard_href",
        tag: "Contentguards: Header",
        description: "Guards that let through whoever sends a header with the right value, in base64.",
    };
    let settings = vec![
        Field::text("header_name", "The name of the header.", "x-organization").required().detail(),
        Field::text("header_value", "The value, before it was put into base64.", "1234").required().detail(),
        Field::text(
            "jq_filter",
            "How the value is found in JSON, in the language of jq; without it the header is the value. Paths, \
             comparisons, conditions and simple functions may be used.",
            ".internal.organization_id",
        )
        .nullable()
        .detail(),
    ];
    let policy = Owned::new("core", "headercontentguard").policy();
    Resource { check: Some(header::check), ..Resource::content_guard(names, settings, policy) }
}

fn variable() -> Resource {
    let names = Names {
        app: "core",
        model: "EnvVarHeaderContentGuard",
        noun: "environment header content guard",
        pulp_type: VARIABLE,
        path: "contentguards/core/envvar_header/",
        operations: "contentguards_core_envvar_header",
        href_parameter: "env_var_header_content_guard_href",
        tag: "Contentguards: Envvar_Header",
        description: "Guards that let through whoever sends a header with the value of a variable of the server's \
                      environment, in base64.",
    };
    let settings = vec![
        Field::text("header_name", "The name of the header.", "x-organization").required().detail(),
        Field::text(
            "env_var",
            "The name of the variable, one of those that the configuration allows.",
            "READERS_TOKEN",
        )
        .required()
        .detail(),
    ];
    let policy = Owned::new("core", "envvarheadercontentguard").policy();
    Resource { check: Some(header::check), ..Resource::content_guard(names, settings, policy) }
}

fn rbac() -> Resource {
    let names = Names {
        app: "core",
        model: "RBACContentGuard",
        noun: "RBAC content guard",
        pulp_type: RBAC,
        path: "contentguards/core/rbac/",
        operations: "contentguards_core_rbac",
        href_parameter: "r_b_a_c_content_guard_href",
        tag: "Contentguards: Rbac",
        description: "Guards that let through users with the permission to download.",
    };
    let list =
        |name, schema, what, example| Field::any(name, schema, what, json!([example])).shown(&[], |_, _, _| json!([]));
    let user = json!({"username": "ada", "pulp_href": "/pulp/api/v3/users/4/", "prn": "prn:auth.user:4"});
    let group = json!({"name": "readers", "pulp_href": "/pulp/api/v3/groups/1/", "prn": "prn:auth.group:1", "id": 1});
    let settings = vec![
        list("users", "GroupUser", "The users who were given the permission; administrators need none.", user),
        list("groups", "Group", "The groups that were given it.", group),
    ];
    let policy = Owned::new("core", "rbaccontentguard").role_for("downloader", "download").policy();
    Resource { enrich: Some(show_readers), ..Resource::content_guard(names, settings, policy) }
}

/// Adds the users and groups that were given the permission on a guard.
fn show_readers(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    for (record, shown) in records.iter().zip(shown) {
        let Some(id) = record.id() else { continue };
        let (mut users, mut groups) = (vec![], vec![]);
        for given in roles::on_object(conn, ObjectKey::Id(id), Some(DOWNLOAD))? {
            if let Some((number, username)) = given.user {
                users.push(shown_user(scope, number, &username));
            }
            if let Some((number, name)) = given.group {
                groups.push(shown_group(scope, number, &name));
            }
        }
        users.dedup();
        groups.dedup();
        for (name, list) in [("users", users), ("groups", groups)] {
            if let Some(place) = shown.get_mut(name) {
                *place = Json::Array(list);
            }
        }
    }
    Ok(())
}

/// A user in short.
pub fn shown_user(scope: &Scope<'_>, number: i64, username: &str) -> Json {
    let href = format!("{}users/{number}/", scope.api.shared());
    json!({"username": username, "pulp_href": href, "prn": crate::id::prn("auth", "user", number)})
}

/// A group.
pub fn shown_group(scope: &Scope<'_>, number: i64, name: &str) -> Json {
    let href = format!("{}groups/{number}/", scope.api.shared());
    json!({"name": name, "pulp_href": href, "prn": crate::id::prn("core", "group", number), "id": number})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_together() {
        for resource in all(vec!["x.y"]).into_iter().skip(1) {
            assert_eq!(resource.operations, resource.path.trim_end_matches('/').replace('/', "_"));
            let name = resource.pulp_type.unwrap_or_default().replace('.', "/");
            assert_eq!(resource.path, format!("contentguards/{name}/"));
        }
    }
}
