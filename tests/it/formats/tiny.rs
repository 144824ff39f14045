//! The format of `docs/adding-a-format.md` works, and the document shows its very code.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pith_core::config::{Config, Overrides};
use pith_core::server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::server::PASSWORD;
use crate::support::world::World;
use crate::support::{Answer, Client};

const NOTES: &str = "content/note/notes/";

/// A server within this process that knows files and notes. It ends with the process.
struct Notes {
    client: Client,
    _world: World,
    _folder: TempDir,
}

impl Notes {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let world = World::new(&folder.path().join("data"));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let own = [("PITH_LISTEN", address.to_string()), ("PITH_ADMIN_PASSWORD", PASSWORD.to_owned())];
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
        let environment = world.environment.clone().into_iter().chain(own);
        let config = Config::load(&Overrides::default(), environment, None).unwrap();
        thread::spawn(move || {
            let ended = server::serve(config, vec![Arc::new(pith_file::FilePlugin), Arc::new(pith_tiny::NotePlugin)]);
            ended.unwrap_or_else(|error| panic!("{error}"));
        });
        await_answer(address);
        Self { client: Client::new(address, Some(("admin", PASSWORD))), _world: world, _folder: folder }
    }

    fn upload(&self, title: &str, bytes: &[u8]) -> Answer {
        let form = Multipart::new().field("title", title).file("file", bytes);
        self.request("POST", &format!("{NOTES}upload/")).multipart(form).send()
    }

    /// Adds a note to a repository, as a version of its own.
    fn add(&self, repository: &str, title: &str, bytes: &[u8]) {
        let unit = text(&self.upload(title, bytes).expect(201).json(), "pulp_href");
        self.modify(repository, &[&unit], &[]);
    }
}

impl std::ops::Deref for Notes {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

fn await_answer(address: SocketAddr) {
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "no server at {address}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn notes_are_uploaded_published_and_served() {
    let server = Notes::start();
    let repository = server.post("repositories/note/note/", json!({"name": "diary"})).expect(201).json();
    let repository = text(&repository, "pulp_href");
    server.add(&repository, "monday", b"rain");
    server.add(&repository, "tuesday", b"sun");
    server.add(&repository, "monday", b"more rain");
    let listed = |filter: &str| server.count(&format!("{NOTES}?repository_version={repository}{filter}"));
    assert_eq!((listed(""), listed("&title=monday")), (2, 1), "a title leads to one note");

    let publication = server.created(server.post("publications/note/note/", json!({"repository": repository})));
    let fields = json!({"name": "diary", "base_path": "diary", "publication": publication});
    let distribution = server.created(server.post("distributions/note/note/", fields));
    let base = text(&server.get(&distribution).expect(200).json(), "base_url");
    assert_eq!(server.download(&format!("{base}index")).expect(200).text(), "monday.txt\ntuesday.txt\n");
    assert_eq!(server.download(&format!("{base}monday.txt")).expect(200).text(), "more rain");
}

#[test]
fn what_is_no_note_is_refused_under_the_name_of_its_field() {
    let server = Notes::start();
    let refusal = |answer: Answer| answer.expect(400).json();
    let large = refusal(server.upload("large", &vec![b'a'; (64 << 10) + 1]));
    assert_eq!(large, json!({"file": ["a note has at most 65536 bytes"]}));
    assert!(refusal(server.upload("../escape", b"text"))["title"].is_array());
    let form = Multipart::new().file("file", b"text");
    let untitled = refusal(server.request("POST", &format!("{NOTES}upload/")).multipart(form).send());
    assert_eq!(untitled, json!({"title": ["This field is required."]}));
}

#[test]
fn the_status_and_the_description_know_a_format() {
    let server = Notes::start();
    let status = server.get("status/").expect(200).json();
    let versions = status["versions"].as_array().unwrap();
    assert!(versions.iter().any(|version| version["component"] == "note" && version["version"] == "1.0.0"));
    let description: Value = server.get("docs/api.json").expect(200).json();
    assert!(description["components"]["schemas"]["note.NoteResponse"].is_object());
}

#[test]
fn the_document_shows_this_code() {
    let read = |file: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let document = read("docs/adding-a-format.md");
    for (language, separator, file) in
        [("rust", "\n\n", "src/lib.rs"), ("sql", "", "0001_initial.sql"), ("toml", "", "Cargo.toml")]
    {
        let opening = format!("\n```{language}\n");
        let blocks: Vec<_> = document.split(&opening).skip(1).filter_map(|part| part.split("\n```").next()).collect();
        assert_eq!(blocks.join(separator) + "\n", read(&format!("tests/tiny-format/{file}")), "{file}");
    }
}
