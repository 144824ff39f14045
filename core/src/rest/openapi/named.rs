//! Schemas that no resource's fields make: envelopes and the parts of larger answers.

use serde_json::{Value as Json, json};

use super::schemas::reference;

/// The envelope of a page.
pub fn page(schema: &str) -> Json {
    let link = |text: &str| json!({"type": "string", "format": "uri-reference", "nullable": true, "description": text});
    json!({
        "type": "object",
        "required": ["count", "results"],
        "properties": {
            "count": {"type": "integer", "description": "How many results the whole list has.", "example": 123},
            "next": link("The address of the next page."),
            "previous": link("The address of the page before."),
            "results": {"type": "array", "items": reference(schema)},
        },
    })
}

/// The schema with this name; anything at all if it has none.
pub fn schema(name: &str) -> Json {
    let (required, properties) = match name {
        "AsyncOperationResponse" => {
            (vec!["task"], json!({"task": href("The address of the task that does the work.")}))
        }
        "TaskGroupOperationResponse" => {
            (vec!["task_group"], json!({"task_group": href("The address of the group of tasks that do the work.")}))
        }
        "ContentSummaryResponse" => {
            let counts =
                |text: &str| json!({"type": "object", "additionalProperties": {"type": "object"}, "description": text});
            let properties = json!({
                "added": counts("What this version added, by type."),
                "removed": counts("What this version removed, by type."),
                "present": counts("What this version holds, by type."),
            });
            (vec!["added", "present", "removed"], properties)
        }
        "GroupUserResponse" => {
            let properties = json!({
                "username": text("The name to log in with.", "ada"),
                "pulp_href": read_only(href("The address of the user.")),
                "prn": read_only(text("The name of the user, which stays.", "prn:auth.user:4")),
            });
            (vec!["username"], properties)
        }
        "GroupResponse" => {
            let properties = json!({
                "name": text("The name of the group.", "readers"),
                "pulp_href": read_only(href("The address of the group.")),
                "prn": read_only(text("The name of the group, which stays.", "prn:auth.group:1")),
                "id": read_only(integer("The group's number.")),
            });
            (vec!["name"], properties)
        }
        "ObjectRolesResponse" => {
            let roles = json!({"type": "array", "items": reference("NestedRoleResponse"), "description": "The roles."});
            (vec!["roles"], json!({"roles": roles}))
        }
        "MyPermissionsResponse" => {
            let name = text("The full name of a permission.", "file.view_filerepository");
            let permissions = json!({"type": "array", "items": name, "description": "The permissions."});
            (vec!["permissions"], json!({"permissions": permissions}))
        }
        "UploadChunkResponse" => {
            let properties = json!({
                "offset": read_only(integer("Where in the whole the range begins.")),
                "size": read_only(integer("How many bytes it has.")),
            });
            (vec![], properties)
        }
        _ => return of_status(name).or_else(|| of_tasks(name)).unwrap_or_else(unknown),
    };
    object(&required, &properties)
}

/// The schema of a name that says nothing.
pub fn unknown() -> Json {
    json!({"type": "object"})
}

/// Parts of the status page.
fn of_status(name: &str) -> Option<Json> {
    let size = |what: &str| {
        let text = format!("{what} bytes of the store; not known of a bucket.");
        json!({"type": "integer", "format": "int64", "minimum": 0, "nullable": true, "description": text})
    };
    let (required, properties) = match name {
        "StatusResponse" => return Some(status()),
        "VersionResponse" => (
            vec!["component", "domain_compatible", "module", "package", "version"],
            json!({
                "component": text("The component's name.", "core"),
                "version": text("The version of Pulp whose interface it speaks.", "3.123.1"),
                "package": text("The package in Pulp.", "pulpcore"),
                "module": text("The module in Pulp.", "pulpcore.app"),
                "domain_compatible": boolean("Whether it can live in domains."),
            }),
        ),
        "AppStatusResponse" => (
            vec![],
            json!({
                "name": read_only(text("Process and host.", "1234@host")),
                "last_heartbeat": read_only(instant("When it was last seen.")),
                "versions": read_only(json!({
                    "type": "object",
                    "additionalProperties": {"type": "string", "nullable": true},
                    "description": "Its components by their versions.",
                })),
            }),
        ),
        "DatabaseConnectionResponse" | "RedisConnectionResponse" => {
            (vec!["connected"], json!({"connected": boolean("Whether it can be reached.")}))
        }
        "StorageResponse" => {
            (vec!["free", "total", "used"], json!({"total": size("All"), "used": size("Used"), "free": size("Free")}))
        }
        "ContentSettingsResponse" => {
            let origin = json!({"type": "string", "nullable": true, "description": "Scheme and host that content is served from."});
            let properties = json!({
                "content_origin": origin,
                "content_path_prefix": text("The path below which content is served.", "/pulp/content/"),
            });
            (vec!["content_path_prefix"], properties)
        }
        _ => return None,
    };
    Some(object(&required, &properties))
}

fn status() -> Json {
    let part = |name: &str, text: &str| json!({"allOf": [reference(name)], "description": text});
    let parts = |name: &str, text: &str| json!({"type": "array", "items": reference(name), "description": text});
    let properties = json!({
        "versions": parts("VersionResponse", "The components."),
        "online_workers": parts("AppStatusResponse", "The processes that run tasks."),
        "online_api_apps": parts("AppStatusResponse", "The processes that answer the API."),
        "online_content_apps": parts("AppStatusResponse", "The processes that serve content."),
        "database_connection": part("DatabaseConnectionResponse", "The database."),
        "redis_connection": part("RedisConnectionResponse", "A cache in Redis, of which this server has no need."),
        "storage": part("StorageResponse", "The store."),
        "content_settings": part("ContentSettingsResponse", "Where content is served."),
        "domain_enabled": boolean("Whether there are domains."),
    });
    object(&[], &properties)
}

/// Parts of tasks, task groups and users.
fn of_tasks(name: &str) -> Option<Json> {
    let properties = match name {
        "ProgressReportResponse" => json!({
            "message": read_only(text("What is done.", "Downloading Artifacts")),
            "code": read_only(text("A name for it that programs know.", "sync.downloading.artifacts")),
            "state": read_only(text("How far it is.", "completed")),
            "total": read_only(json!({"type": "integer", "format": "int64", "nullable": true, "description": "How much there is to do, if known."})),
            "done": read_only(integer("How much is done.")),
            "suffix": read_only(json!({"type": "string", "nullable": true, "description": "The unit."})),
        }),
        "GroupProgressReportResponse" => json!({
            "message": read_only(text("What is done.", "Downloading Artifacts")),
            "code": read_only(text("A name for it that programs know.", "sync.downloading.artifacts")),
            "total": read_only(integer("How much there is to do.")),
            "done": read_only(integer("How much is done.")),
            "suffix": read_only(json!({"type": "string", "nullable": true, "description": "The unit."})),
        }),
        "MinimalTaskResponse" => return Some(minimal_task()),
        "UserGroupResponse" => json!({
            "name": text("The group's name.", "operators"),
            "pulp_href": read_only(href("The address of the group.")),
            "prn": read_only(text("The name of the group that stays.", "prn:auth.group:1")),
        }),
        _ => return None,
    };
    Some(object(&[], &properties))
}

fn minimal_task() -> Json {
    let moment = |what: &str| {
        let mut schema = read_only(instant(what));
        schema["nullable"] = json!(true);
        schema
    };
    let properties = json!({
        "pulp_href": read_only(href("The address of the task.")),
        "prn": read_only(text("The name of the task that stays.", "prn:core.task:01a1fe65-ed86-7239-9e42-33410d1bb681")),
        "pulp_created": read_only(instant("When it was made.")),
        "pulp_last_updated": read_only(instant("When it last changed.")),
        "name": text("What runs.", "pulp_file.app.tasks.synchronizing.synchronize"),
        "state": read_only(text("How far it is.", "completed")),
        "unblocked_at": moment("When nothing was in its way any more."),
        "started_at": moment("When it began."),
        "finished_at": moment("When it ended."),
        "worker": read_only(json!({"type": "string", "format": "uri-reference", "nullable": true, "description": "The worker that runs it."})),
        "pulp_api_version": json!({"type": "string", "default": "v3", "description": "The version of the interface."}),
    });
    object(&["name"], &properties)
}

fn object(required: &[&str], properties: &Json) -> Json {
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn text(description: &str, example: &str) -> Json {
    json!({"type": "string", "description": description, "example": example})
}

fn href(description: &str) -> Json {
    json!({"type": "string", "format": "uri-reference", "description": description})
}

fn instant(description: &str) -> Json {
    json!({"type": "string", "format": "date-time", "description": description})
}

fn boolean(description: &str) -> Json {
    json!({"type": "boolean", "description": description})
}

fn integer(description: &str) -> Json {
    json!({"type": "integer", "format": "int64", "description": description})
}

fn read_only(mut schema: Json) -> Json {
    schema["readOnly"] = json!(true);
    schema
}
