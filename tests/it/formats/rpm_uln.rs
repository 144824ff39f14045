//! Channels of the Unbreakable Linux Network: who logs in where, with what, and what becomes of a channel.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::rpm_repository::{self, package};
use crate::support::upstream::Asked;
use crate::support::{Reply, Server, Upstream, assert_completed, random, sha256};

const PASSWORD: &str = "p<&>hunter2";
const CHANNEL: &str = "/XMLRPC/GET-REQ/ol9_x86_64/";

#[derive(Default)]
struct State {
    channel: rpm_repository::State,
    /// Tokens that count.
    tokens: HashSet<String>,
    logins: usize,
    /// Answers every login.
    answer: Option<Reply>,
}

/// A server of channels that answers who has logged in.
struct Network {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl Network {
    fn with(names: &[&str]) -> Self {
        let packages = names.iter().map(|name| package(name, "1", "noarch")).collect();
        let channel = rpm_repository::State { packages, revision: "1".into(), ..Default::default() };
        let state = Arc::new(Mutex::new(State { channel, ..State::default() }));
        let shared = state.clone();
        let upstream = Upstream::answering(move |asked, _| answer(&mut shared.lock().unwrap(), asked));
        Self { upstream, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn response(inner: &str) -> Reply {
    Reply::Bytes(format!("<?xml version=\"1.0\"?>\n<methodResponse>{inner}</methodResponse>").into_bytes())
}

fn answer(state: &mut State, asked: &Asked) -> Reply {
    assert!(!asked.headers.contains_key("authorization"), "the password is for the login alone");
    if asked.path == "/rpc/api" {
        state.logins += 1;
        if let Some(answer) = &state.answer {
            return answer.clone();
        }
        let call = String::from_utf8(asked.body.clone()).unwrap();
        let knows = ["auth.login", "<string>user</string>", "<string>p&lt;&amp;&gt;hunter2</string>"];
        if !knows.iter().all(|part| call.contains(part)) {
            let said = format!("you said {call}").replace('<', "&lt;");
            return response(&format!("<fault><value><string>{said}</string></value></fault>"));
        }
        let token = format!("{}x{}", state.logins, "a".repeat(40));
        state.tokens.insert(token.clone());
        return response(&format!("<params><param><value><string>{token}</string></value></param></params>"));
    }
    let token = asked.headers.get("x-uln-api-user-key");
    if !token.is_some_and(|token| state.tokens.contains(token)) {
        return Reply::Status(401);
    }
    match asked.path.strip_prefix(CHANNEL).and_then(|path| state.channel.served().remove(path)) {
        Some(bytes) => Reply::Bytes(bytes),
        None => Reply::Status(404),
    }
}

/// A server with a repository that reads from a channel.
struct Reader {
    server: Server,
    repository: String,
    remote: String,
}

impl Reader {
    fn of(network: &Network, fields: Value) -> Self {
        let settings = [("PITH_DEFAULT_ULN_SERVER_BASE_URL", network.upstream.url("").leak() as &str)];
        let server = Server::start_with(&settings);
        let mut body = json!({
            "url": "uln://ol9_x86_64", "policy": "on_demand", "max_retries": 0, "username": "user",
            "password": PASSWORD,
        });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let remote = server.made("remotes/rpm/uln/", body);
        let repository = server.made("repositories/rpm/rpm/", json!({"remote": remote}));
        assert_eq!(server.get(&repository).expect(200).json()["remote"], remote.as_str());
        Self { repository, server, remote }
    }

    fn sync(&self, options: Value) -> Value {
        self.server.finished(self.server.post(&format!("{}sync/", self.repository), options))
    }

    /// How many packages the newest version has.
    fn packages(&self) -> u64 {
        let version = self.server.latest_version(&self.repository);
        self.server.count(&format!("content/rpm/packages/?repository_version={version}"))
    }

    #[track_caller]
    fn failure(&self) -> String {
        let task = self.sync(json!({}));
        assert_eq!(task["state"], "failed", "{task:#}");
        text(&task["error"], "description")
    }

    fn distribute(&self, fields: Value) -> String {
        self.server.distribute_in("distributions/rpm/rpm/", fields)
    }
}

#[test]
fn a_channel_is_synchronized_by_who_has_logged_in_once() {
    let network = Network::with(&["bear", "cat"]);
    let reader = Reader::of(&network, json!({}));
    let task = reader.sync(json!({"remote": reader.remote}));
    assert_completed(&task);
    let locks = task["reserved_resources_record"].to_string();
    assert!(locks.contains("prn:rpm.ulnremote:"), "{locks}");
    assert_eq!(reader.packages(), 2);
    assert_eq!(network.state().logins, 1);
    // Nothing changed, and both runs say so by the channel's index.
    assert_completed(&reader.sync(json!({})));
    assert_eq!(reader.packages(), 2);

    // A file that only the channel has is fetched when somebody asks, also after the token ceased to count.
    let publication = reader.server.post("publications/rpm/rpm/", json!({"repository": reader.repository}));
    reader.server.created(publication);
    let root = reader.distribute(json!({"repository": reader.repository}));
    let download = |name: &str| reader.server.download(&format!("{root}Packages/{}/{name}-1-1.noarch.rpm", &name[..1]));
    assert_eq!(download("bear").expect(200).text(), "the file of bear-1.noarch");
    std::thread::sleep(Duration::from_millis(2_100));
    network.state().tokens.clear();
    assert_eq!(download("cat").expect(200).text(), "the file of cat-1.noarch");
    assert!(!reader.server.log().contains("hunter2"));
}

#[test]
fn a_complete_mirror_of_a_channel_has_its_metadata() {
    let network = Network::with(&["bear"]);
    let reader = Reader::of(&network, json!({"policy": "immediate"}));
    assert_completed(&reader.sync(json!({"sync_policy": "mirror_complete"})));
    let root = reader.distribute(json!({"repository": reader.repository}));
    let repomd = reader.server.download(&format!("{root}repodata/repomd.xml")).expect(200);
    assert_eq!(sha256(repomd.text().as_bytes()), sha256(&network.state().channel.repomd()));
    network.state().channel.packages = vec![package("cat", "1", "noarch")];
    assert_completed(&reader.sync(json!({"sync_policy": "mirror_content_only"})));
    assert_eq!(reader.packages(), 1);
}

#[test]
fn distributions_pull_through_from_a_channel() {
    let network = Network::with(&["bear"]);
    let reader = Reader::of(&network, json!({}));
    let root = reader.distribute(json!({"remote": reader.remote}));
    let file = reader.server.download(&format!("{root}repodata/repomd.xml")).expect(200);
    assert_eq!(file.text().into_bytes(), network.state().channel.repomd());
}

#[test]
fn a_remote_can_name_its_server() {
    let (network, other) = (Network::with(&["bear"]), Network::with(&["cat", "dog"]));
    let reader = Reader::of(&network, json!({"uln_server_base_url": other.upstream.url("")}));
    assert_completed(&reader.sync(json!({})));
    assert_eq!((network.state().logins, other.state().logins), (0, 1));
    reader.server.completed(reader.server.patch(&reader.remote, json!({"uln_server_base_url": null})));
    assert_completed(&reader.sync(json!({"sync_policy": "mirror_content_only"})));
    assert_eq!(reader.packages(), 1);
}

#[test]
fn a_wrong_password_is_named_and_never_told() {
    let network = Network::with(&["bear"]);
    let reader = Reader::of(&network, json!({"password": "hunter3"}));
    let told = reader.failure();
    assert!(told.contains("RPM0003") && told.contains("`password`") && told.contains("/rpc/api"), "{told}");
    // Nobody tries again what locks an account.
    assert_eq!(network.state().logins, 1);
    for text in [told, reader.server.log(), reader.server.get(&reader.remote).expect(200).text()] {
        assert!(!text.contains("hunter3"), "{text}");
    }
    let hidden = reader.server.get(&reader.remote).expect(200).json()["hidden_fields"].clone();
    assert!(hidden.as_array().unwrap().contains(&json!({"name": "password", "is_set": true})), "{hidden}");
}

#[test]
fn answers_that_are_none_fail_the_synchronization() {
    let network = Network::with(&["bear"]);
    let reader = Reader::of(&network, json!({}));
    let entity = "<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse>&b;</methodResponse>";
    for (answer, named) in [
        (Reply::Endless, "larger than the allowed"),
        (Reply::Status(404), "404"),
        (Reply::Status(500), "500"),
        (Reply::Redirect("http://127.0.0.1:9/".into()), "302"),
        (Reply::Close, "PLP0027"),
        (Reply::Bytes(b"<html></html>".to_vec()), "RPM0003"),
        (Reply::Bytes(entity.into()), "RPM0003"),
        (response("<params><param><value><int>1</int></value></param></params>"), "RPM0003"),
        (response(&format!("<params><param><value>{}</value></param></params>", "a".repeat(5_000))), "token"),
    ] {
        network.state().answer = Some(answer);
        let told = reader.failure();
        assert!(told.contains(named) && told.contains("/rpc/api") && told.len() < 500, "{named}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    network.state().answer = None;
    network.state().channel.packages[0].0.location_href = "../x.rpm".into();
    assert!(reader.failure().contains("location"));
}

#[test]
fn remotes_of_channels_are_checked() {
    let server = Server::start();
    let whole = json!({"name": random::name(), "url": "uln://a", "username": "u", "password": "p"});
    let with = |change: Value| {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (change, field, message) in [
        (json!({"url": "http://h/"}), "url", "must start with: uln://"),
        (json!({"url": "uln://"}), "url", "names no channel"),
        (json!({"url": "uln://a/../b"}), "url", "names no channel"),
        (json!({"url": "uln://u:p@a"}), "url", ""),
        (json!({"username": null}), "username", "may not be null"),
        (json!({"password": ""}), "password", "may not be blank"),
        (json!({"uln_server_base_url": "ftp://h"}), "uln_server_base_url", "http://"),
        (json!({"policy": "sometimes"}), "policy", "not a valid choice"),
    ] {
        let told = server.post("remotes/rpm/uln/", with(change)).expect(400).json();
        assert!(told[field].to_string().contains(message) && told.get(field).is_some(), "{field}: {told}");
    }
    let told = server.post("remotes/rpm/uln/", json!({"name": "a", "url": "uln://a"})).expect(400).json();
    assert!(told["username"].is_array() && told["password"].is_array(), "{told}");
    let remote = server.post("remotes/rpm/uln/", whole).expect(201).json();
    assert!(remote.get("username").is_none() && remote["uln_server_base_url"].is_null(), "{remote}");
    assert_eq!(server.count("remotes/rpm/uln/"), 1);
    assert_eq!(server.count("remotes/rpm/rpm/"), 0);
    // Other formats have no use for it.
    let told = server.post("repositories/file/file/", json!({"name": "f", "remote": remote["pulp_href"]})).expect(400);
    assert!(told.json()["remote"].is_array());
    server.completed(server.delete(&text(&remote, "pulp_href")));
}
