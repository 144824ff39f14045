//! What the configuration takes and refuses.

use super::keys::{KEYS, Key};
use super::kind::Kind;
use super::*;

fn load(overrides: Overrides, variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&overrides, variables, Some(&path))
}

fn listen(address: &str) -> Overrides {
    Overrides { listen: Some(address.into()), ..Overrides::default() }
}

fn error(variables: &[(&str, &str)], file: &str) -> String {
    load(Overrides::default(), variables, file).unwrap_err().to_string()
}

#[test]
fn every_field_has_its_key_and_every_default_is_possible() {
    let config = load(Overrides::default(), &[], "").unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080");
    assert_eq!(config.orphan_protection_time, Duration::from_secs(24 * 60 * 60));
    assert!(config.data_dir.is_absolute());
    assert_eq!(config.database, DatabaseAddress::Sqlite(config.data_dir.join("pith.db")));
    assert_eq!(config.storage, StorageAddress::Local(config.data_dir.join("store")));
    for key in KEYS {
        let default = key.default.value();
        assert!(default.is_null() || key.kind.check(&default).is_ok(), "{}", key.name);
    }
}

#[test]
fn a_key_is_described_once() {
    for (at, key) in KEYS.iter().enumerate() {
        assert!(KEYS[..at].iter().all(|other| other.name != key.name), "{} stands twice", key.name);
        assert!(key.about.ends_with('.'), "{}", key.name);
    }
}

#[test]
fn the_keys_of_a_group_stand_together() {
    let reference = reference();
    let headings: Vec<&str> = reference.lines().filter(|line| line.starts_with("## ")).collect();
    for (at, heading) in headings.iter().enumerate() {
        assert!(!headings[..at].contains(heading), "`{heading}` comes back");
    }
}

#[test]
fn a_wrong_type_names_its_key_in_file_and_environment() {
    for Key { name, kind, .. } in KEYS {
        let (wrong_in_file, wrong_as_text) = match kind {
            Kind::Text(_) | Kind::Secret => ("[1]", None),
            Kind::Choice(_) => ("true", Some("neither")),
            Kind::Boolean => ("\"true\"", Some("perhaps")),
            Kind::Integer { .. } => ("-1", Some("1.5")),
            Kind::TextList(_) => ("[1]", Some("a,b")),
        };
        let file = format!("{name} = {wrong_in_file}");
        let told = error(&[], &file);
        assert!(told.starts_with(&format!("configuration key `{name}` (")) && told.contains("some.toml"), "{told}");
        assert!(!told.contains('\n'), "{told}");
        if let Some(text) = wrong_as_text {
            let variable = format!("PITH_{}", name.to_ascii_uppercase());
            let told = error(&[(&variable, text)], "");
            assert!(told.starts_with(&format!("configuration key `{name}` ({variable})")), "{told}");
        }
    }
}

#[test]
fn an_impossible_value_is_refused() {
    for (file, expected) in [
        ("api_root = \"pulp/\"", "key `api_root`"),
        ("api_root = \"/pulp\"", "starts and ends with `/`"),
        ("api_root = \"/a/../b/\"", "key `api_root`"),
        ("content_path_prefix = \"/pulp/api/content/\"", "below the API"),
        ("content_path_prefix = \"/\"", "key `content_path_prefix`"),
        ("allowed_content_checksums = [\"sha1\"]", "must contain `sha256`"),
        ("allowed_content_checksums = [\"sha256\", \"crc32\"]", "found `crc32`"),
        ("allowed_content_checksums = [\"sha256\", \"sha256\"]", "twice"),
        ("allowed_import_paths = [\"tmp\"]", "key `allowed_import_paths`"),
        ("allowed_export_paths = [\"/tmp/../etc\"]", "key `allowed_export_paths`"),
        ("osv_url = \"file:///etc/passwd\"", "key `osv_url`"),
        ("osv_dump = \"all.zip\"", "absolute path"),
        ("osv_dump = \"/srv/all.zip\"", "below one of `allowed_import_paths`"),
        ("osv_dump = \"/srv2/all.zip\"\nallowed_import_paths = [\"/srv\"]", "key `osv_dump`"),
        ("roles = []", "at least one"),
        ("roles = [\"boss\"]", "found `boss`"),
        ("workers = 0", "from 1 to 256; found `0`"),
        ("listen = \"8080\"", "ADDRESS:PORT"),
        ("listen = \"::1:8080\"", "ADDRESS:PORT"),
        ("listen = \"localhost:99999\"", "ADDRESS:PORT"),
        ("database = \"mysql://x/y\"", "postgres://"),
        ("database = \"postgres://me:hidden@host\"", "names no database"),
        ("storage = \"gs://bucket\"", "`gs://` is not supported"),
        ("storage = \"s3://id:key@bucket\"", "s3_access_key_id"),
        ("storage = \"s3://bucket/a/../b\"", "`..`"),
        ("content_origin = \"https://host/path\"", "without a path"),
        ("s3_access_key_id = \"id\"", "key `s3_secret_access_key`"),
        ("log_format = \"xml\"", "one of `text`, `json`"),
        ("admin_password = \"\"", "must not be empty"),
        ("listen = 1\nlisten = 2", "line 2"),
        ("workers = 1979-05-27", "key `workers`"),
    ] {
        let told = error(&[], file);
        assert!(told.contains(expected), "{file}: {told}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    assert_eq!(
        error(&[("PITH_LISTN", "x")], ""),
        "configuration key `listn` (PITH_LISTN): is unknown; did you mean `listen`?"
    );
    assert!(error(&[], "[server]\nlisten = \"\"").contains("key `server`"));
}

#[test]
fn variables_that_are_not_ours_are_passed_over() {
    let variables = [
        ("PATH", "/bin"),
        ("PITH_SERVICE_HOST", "10.0.0.1"),
        ("PITH_PORT", "tcp://10.0.0.1:80"),
        ("PITH_LISTEN", ""),
        ("PITH_CONFIG", "x"),
    ];
    assert!(load(Overrides::default(), &variables, "").is_ok());
    assert!(error(&[("PITH_PORT", "80")], "").contains("`port`"));
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_file() {
    let file = "listen = \"a:1\"\nworkers = 3\nlog_level = \"warn\"";
    let variables = [("PITH_LISTEN", "b:2"), ("PITH_WORKERS", "4"), ("PITH_ROLES", "[\"api\"]")];
    let config = load(listen("c:3"), &variables, file).unwrap();
    assert_eq!((config.listen.as_str(), config.workers, config.log_level.as_str()), ("c:3", 4, "warn"));
    assert!(config.has_role(Role::Api) && !config.has_role(Role::Worker));
    let told = load(listen("c"), &[], "").unwrap_err().to_string();
    assert!(told.starts_with("configuration key `listen` (--listen): "), "{told}");
}

#[test]
fn the_file_of_the_data_folder_is_read_and_cannot_move_it() {
    let folder = tempfile::tempdir().unwrap();
    let variables = || std::iter::once(("PITH_DATA_DIR".to_owned(), folder.path().display().to_string()));
    std::fs::write(folder.path().join(FILE_NAME), "workers = 7").unwrap();
    let config = Config::load(&Overrides::default(), variables(), None).unwrap();
    assert_eq!((config.workers, config.data_dir.as_path()), (7, folder.path()));
    assert_eq!(config.secret_key_file, folder.path().join("secret.key"));
    std::fs::write(folder.path().join(FILE_NAME), "data_dir = \"/srv\"").unwrap();
    assert_eq!(Config::load(&Overrides::default(), variables(), None).unwrap_err().key(), "data_dir");
}

#[test]
fn a_missing_or_broken_file_is_one_clear_line() {
    let told = Config::load(&Overrides::default(), std::iter::empty(), Some(Path::new("/nowhere/pith.toml")))
        .unwrap_err()
        .to_string();
    assert!(told.starts_with("configuration (/nowhere/pith.toml): cannot be read"), "{told}");
    assert!(error(&[], "listen = ").contains("is not TOML, line 1"));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let file = "admin_password = \"hidden\"\ndatabase = \"postgres://me:hidden@host/pith\"";
    assert!(!format!("{:?}", load(Overrides::default(), &[], file).unwrap()).contains("hidden"));
}

#[test]
fn the_documentation_is_the_table() {
    let written = include_str!("../../../docs/configuration.md");
    assert!(written == reference(), "run `pith config-reference > docs/configuration.md`");
}

#[test]
fn the_data_folder_is_made_or_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let below = |name: &str| Overrides {
        data_dir: Some(folder.path().join(name).display().to_string()),
        ..Overrides::default()
    };
    let config = load(below("a/b"), &[], "").unwrap();
    config.prepare_data_dir().unwrap();
    assert_eq!(std::fs::read_dir(&config.data_dir).unwrap().count(), 0);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let told = load(below("file/b"), &[], "").unwrap().prepare_data_dir().unwrap_err().to_string();
    assert!(told.starts_with("configuration key `data_dir`: ") && told.contains("--data-dir"), "{told}");
    let elsewhere = "database = \"postgres://h/n\"\nstorage = \"s3://b\"\nsecret_key_file = \"/run/secret.key\"";
    assert!(load(below("file/b"), &[], elsewhere).unwrap().prepare_data_dir().is_ok());
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = load(listen(&address), &[], "").unwrap();
    let told = config.listen_error(&std::net::TcpListener::bind(&config.listen).unwrap_err()).to_string();
    assert!(told.starts_with(&format!("configuration key `listen`: `{address}` is taken")), "{told}");
}
