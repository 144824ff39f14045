//! The settings of a domain's store: what clients may say for each class of store, under which names, and what is
//! secret. Names are those of django-storages and of Django, with or without the prefixes that settings files have.

use serde_json::{Map, Value as Json, json};

use crate::resource::Field;

/// A folder of this machine.
pub const FILE_SYSTEM: &str = "pulpcore.app.models.storage.FileSystem";
/// A bucket, by the present and by the former name of its class.
pub const S3: [&str; 2] = ["storages.backends.s3.S3Storage", "storages.backends.s3boto3.S3Boto3Storage"];
/// All classes that clients know. Those that are not named above are refused as not installed.
pub const CLASSES: [&str; 4] = [FILE_SYSTEM, S3[1], S3[0], "storages.backends.azure_storage.AzureStorage"];

/// No signed address is good for more seconds.
pub(super) const LONGEST_SIGNED: u64 = 604_800;

/// What a setting may be.
enum Rule {
    Field(Field),
    /// Encrypted where it is kept, and never shown.
    Secret(Field),
    /// Known to other servers, and only taken as long as it asks for what is done anyhow.
    Only(&'static [&'static str]),
}

struct Setting {
    name: &'static str,
    /// Other names, in lower case.
    aliases: &'static [&'static str],
    rule: Rule,
    /// What else a value has to be.
    fits: Option<Fits>,
}

type Fits = fn(&Json) -> Result<(), &'static str>;

fn require(holds: bool, message: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(message) }
}

fn no_address(value: &Json) -> Result<(), &'static str> {
    require(value == "", "files are served by the content face only")
}

/// The permissions of files: what is kept has to be read.
fn readable(mode: &Json) -> Result<(), &'static str> {
    permits(mode, 0o400)
}

/// Those of folders.
fn enterable(mode: &Json) -> Result<(), &'static str> {
    permits(mode, 0o700)
}

fn permits(mode: &Json, owner: u64) -> Result<(), &'static str> {
    let fits = |mode: u64| mode <= 0o777 && mode & owner == owner;
    require(
        mode.as_u64().is_none_or(fits),
        "must be permissions, as a decimal number, that leave their owner what is needed",
    )
}

/// Longer is no address signed.
fn signable(seconds: &Json) -> Result<(), &'static str> {
    require(seconds.as_u64().is_some_and(|seconds| seconds <= LONGEST_SIGNED), "must be at most 604800, a week")
}

/// Settings that were read.
#[derive(Debug, Default, PartialEq)]
pub struct Settings {
    pub shown: Map<String, Json>,
    pub secret: Map<String, Json>,
}

/// Whether there are stores of this class.
pub fn is_installed(class: &str) -> bool {
    class == FILE_SYSTEM || S3.contains(&class)
}

fn table(class: &str) -> Vec<Setting> {
    if class == FILE_SYSTEM { file_system() } else { bucket() }
}

fn file_system() -> Vec<Setting> {
    let mode = |name, default: Json| Field::integer(name, Some(0), "", 420).nullable().default(default);
    let field = |field: Field, aliases| Setting { name: field.name, aliases, rule: Rule::Field(field), fits: None };
    let checked = |setting: Setting, fits: Fits| Setting { fits: Some(fits), ..setting };
    vec![
        field(Field::text("location", "", "").blank().required(), &["media_root"]),
        checked(field(Field::text("base_url", "", "").blank().default(json!("")), &["media_url"]), no_address),
        checked(field(mode("file_permissions_mode", json!(420)), &["file_upload_permissions"]), readable),
        checked(
            field(mode("directory_permissions_mode", Json::Null), &["file_upload_directory_permissions"]),
            enterable,
        ),
    ]
}

fn bucket() -> Vec<Setting> {
    let text = |name| Field::text(name, "", "");
    let field = |field: Field, aliases| Setting { name: field.name, aliases, rule: Rule::Field(field), fits: None };
    let secret = |field: Field, aliases| Setting { name: field.name, aliases, rule: Rule::Secret(field), fits: None };
    let only = |name, values| Setting { name, aliases: &[], rule: Rule::Only(values), fits: None };
    let expire = Field::integer("querystring_expire", Some(1), "", 3600).default(json!(3600));
    vec![
        secret(text("access_key").required(), &["access_key_id"]),
        secret(text("secret_key").required(), &["secret_access_key"]),
        secret(text("security_token").nullable(), &["session_token"]),
        field(text("bucket_name").required(), &["storage_bucket_name"]),
        field(text("endpoint_url").nullable().default(Json::Null), &[]),
        field(text("region_name").nullable().default(Json::Null), &[]),
        field(
            Field::choice("addressing_style", &["auto", "path", "virtual"], "", "path").nullable().default(Json::Null),
            &[],
        ),
        field(text("location").blank().default(json!("")), &[]),
        Setting { fits: Some(signable), ..field(expire, &[]) },
        only("signature_version", &["null", "\"s3v4\""]),
        only("use_ssl", &["true", "null"]),
        only("verify", &["true", "null"]),
        only("default_acl", &["null", "\"private\""]),
        only("querystring_auth", &["true"]),
        only("file_overwrite", &["true", "false"]),
        only("gzip", &["false"]),
        only("object_parameters", &["{}"]),
        only("custom_domain", &["null"]),
        only("session_profile", &["null"]),
        only("proxies", &["null"]),
        only("max_memory_size", &["0"]),
        only("use_threads", &["true", "false"]),
        only("url_protocol", &["\"https:\"", "\"http:\""]),
    ]
}

/// The setting that a client means by this name.
fn named<'a>(table: &'a [Setting], name: &str) -> Option<&'a Setting> {
    let name = name.to_ascii_lowercase();
    let bare = name.strip_prefix("aws_s3_").or_else(|| name.strip_prefix("aws_")).unwrap_or(&name);
    table.iter().find(|setting| setting.name == bare || setting.aliases.contains(&bare))
}

/// Reads the settings of a store of an installed class. What is not named is taken from `before`, else by default.
///
/// # Errors
/// What is wrong, by the names of settings, as it stands under `storage_settings`.
pub fn read(class: &str, given: &Map<String, Json>, before: Settings) -> Result<Settings, Json> {
    let table = table(class);
    let mut wrong = Map::new();
    let mut values: Vec<(&Setting, &Json)> = Vec::new();
    for (name, value) in given {
        match named(&table, name) {
            Some(setting) => values.push((setting, value)),
            // Pulp says it thus, without a list.
            None => drop(wrong.insert(name.to_ascii_lowercase(), json!("Unexpected field"))),
        }
    }
    if !wrong.is_empty() {
        return Err(Json::Object(wrong));
    }
    let mut settings = Settings::default();
    for setting in &table {
        let value = values.iter().find(|(one, _)| one.name == setting.name).map(|(_, value)| *value);
        if let Err(message) = set(&mut settings, setting, value, &before) {
            wrong.insert(setting.name.to_owned(), message);
        }
    }
    if wrong.is_empty() { Ok(settings) } else { Err(Json::Object(wrong)) }
}

fn set(settings: &mut Settings, setting: &Setting, value: Option<&Json>, before: &Settings) -> Result<(), Json> {
    let (field, into, known) = match &setting.rule {
        Rule::Field(field) => (field, &mut settings.shown, &before.shown),
        Rule::Secret(field) => (field, &mut settings.secret, &before.secret),
        Rule::Only(allowed) => {
            let fits = value.is_none_or(|value| allowed.contains(&value.to_string().as_str()));
            return if fits { Ok(()) } else { Err(json!([format!("only {} can be had", allowed.join(" or "))])) };
        }
    };
    let value = match (value, known.get(setting.name), &field.default) {
        (Some(value), ..) => field.parse(value)?,
        (None, Some(known), _) => known.clone(),
        (None, None, Some(default)) => default.clone(),
        (None, None, None) if field.required => return Err(json!(["This field is required."])),
        (None, None, None) => return Ok(()),
    };
    if let Some(Err(message)) = setting.fits.map(|fits| fits(&value)) {
        return Err(json!([message]));
    }
    into.insert(setting.name.to_owned(), value);
    Ok(())
}

/// The settings as clients see them: of secrets only whether they are set.
pub fn shown(class: &str, settings: &Json, secret: &Map<String, Json>) -> Json {
    let names = table(class).into_iter().filter(|setting| matches!(setting.rule, Rule::Secret(_)));
    let hidden = names.map(|setting| {
        let is_set = secret.get(setting.name).is_some_and(|value| !value.is_null());
        json!({"name": setting.name, "is_set": is_set})
    });
    let mut shown = Map::from_iter([("hidden_fields".to_owned(), hidden.collect())]);
    shown.extend(settings.as_object().cloned().unwrap_or_default());
    Json::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: &str, given: Json, expected: Result<Json, Json>) {
        let read = read(class, given.as_object().unwrap(), Settings::default());
        assert_eq!(read.map(|settings| Json::Object(settings.shown)), expected, "{given}");
    }

    #[test]
    fn settings_of_a_folder_are_read_by_all_their_names() {
        let whole = json!({
            "location": "/x", "base_url": "", "file_permissions_mode": 420, "directory_permissions_mode": null,
        });
        for name in ["location", "MEDIA_ROOT", "media_root"] {
            check(FILE_SYSTEM, json!({name: "/x"}), Ok(whole.clone()));
        }
        check(FILE_SYSTEM, json!({}), Err(json!({"location": ["This field is required."]})));
        check(FILE_SYSTEM, json!({"location": "", "Bogus": 1}), Err(json!({"bogus": "Unexpected field"})));
        let mode = json!({"location": "", "file_permissions_mode": "abc"});
        check(FILE_SYSTEM, mode, Err(json!({"file_permissions_mode": ["A valid integer is required."]})));
    }

    #[test]
    fn settings_of_a_bucket_keep_secrets_apart() {
        let given = json!({
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_STORAGE_BUCKET_NAME": "b",
            "AWS_DEFAULT_ACL": null, "AWS_S3_SIGNATURE_VERSION": "s3v4", "AWS_S3_ADDRESSING_STYLE": "path",
            "AWS_S3_REGION_NAME": "eu-central-1",
        });
        let read = read(S3[0], given.as_object().unwrap(), Settings::default()).unwrap();
        assert_eq!(Json::Object(read.secret.clone()), json!({"access_key": "a", "secret_key": "s"}));
        assert_eq!(read.shown["bucket_name"], "b");
        let shown = shown(S3[0], &Json::Object(read.shown), &read.secret);
        assert_eq!(shown["hidden_fields"][1], json!({"name": "secret_key", "is_set": true}));
        assert_eq!(shown["hidden_fields"][2], json!({"name": "security_token", "is_set": false}));
        check(S3[1], json!({"bucket_name": "b", "access_key": "a", "secret_key": "s", "gzip": true}), {
            Err(json!({"gzip": ["only false can be had"]}))
        });
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = Settings {
            shown: json!({"bucket_name": "b", "location": "x"}).as_object().unwrap().clone(),
            secret: json!({"access_key": "a", "secret_key": "s"}).as_object().unwrap().clone(),
        };
        let read = read(S3[0], json!({"secret_key": "t"}).as_object().unwrap(), before).unwrap();
        assert_eq!((read.shown["location"].as_str(), read.secret["secret_key"].as_str()), (Some("x"), Some("t")));
    }
}
