//! Bearer tokens of a provider of OpenID Connect, and what is none of them.

use std::time::Instant;

use serde_json::{Value, json};

use super::{give, user};
use crate::formats::python_uploads::Index;
use crate::support::oidc::{AUDIENCE, Provider, SigningKey, encoded, now, unsigned};
use crate::support::pulp::{REPOSITORIES, text};
use crate::support::upstream::Reply;
use crate::support::wheel::Wheel;
use crate::support::{Client, Server, random, until};

const CREATES: (&str, &str) = ("PITH_CREATE_REMOTE_USERS", "true");

fn server(provider: &Provider, settings: &[(&str, &str)]) -> Server {
    let own = provider.settings();
    let own = own.iter().map(|(key, value)| (*key, value.as_str()));
    Server::start_with(&own.chain(settings.iter().copied()).collect::<Vec<_>>())
}

#[track_caller]
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn bearing(server: &Server, token: &str) -> Client {
    server.anonymous().bearing(token)
}

#[test]
fn tokens_of_each_algorithm_let_in_whom_they_name() {
    let keys = [SigningKey::rsa("r"), SigningKey::ec("e"), SigningKey::ed("d")];
    let provider = Provider::publishing(&keys.iter().collect::<Vec<_>>());
    let server = server(&provider, &[CREATES]);
    for (at, key) in keys.iter().enumerate() {
        let name = format!("somebody-{at}");
        let token = key.token(&provider.claims(&name));
        assert_eq!(bearing(&server, &token).get("login/").expect(200).json()["username"], json!(name));
        let unnamed = key.token_headed(&json!({"alg": key.header()["alg"]}), &provider.claims(&name));
        bearing(&server, &unnamed).get("login/").expect(200);
        // They have the rights that they were given, which are none.
        bearing(&server, &token).post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    }
    assert_eq!(server.count("users/"), 4);
    // However many tokens come, the provider is asked once.
    assert_eq!(provider.asked(), (1, 1));
    server.get("login/").expect(200);
    server.anonymous().get("login/").expect(401);
}

#[test]
fn what_is_no_right_token_lets_nobody_in() {
    let (key, other, unknown) = (SigningKey::ec("a"), SigningKey::ec("a"), SigningKey::ed("b"));
    let provider = Provider::publishing(&[&key]);
    let server = server(&provider, &[CREATES, ("PITH_ACCESS_LOG", "true")]);
    let right = provider.claims("ada");
    let token = key.token(&right);
    bearing(&server, &token).get("login/").expect(200);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let changed = unsigned(&key.header(), &with(right.clone(), "sub", json!("bob")));
    let public = serde_json::to_vec(&key.public).unwrap();
    let headed = |header: Value| key.token_headed(&header, &right);
    let claiming = |name: &str, value: Value| key.token(&with(right.clone(), name, value));
    for (what, wrong) in [
        ("expired", claiming("exp", json!(now() - 3600))),
        ("no end", claiming("exp", Value::Null)),
        ("an end that is no number", claiming("exp", json!("9999999999"))),
        ("not yet valid", claiming("nbf", json!(now() + 3600))),
        ("nbf that is no number", claiming("nbf", json!("0"))),
        ("from the future", claiming("iat", json!(now() + 3600))),
        ("another audience", claiming("aud", json!("somebody-else"))),
        ("no audience", claiming("aud", Value::Null)),
        ("other audiences", claiming("aud", json!(["a", "b"]))),
        ("another issuer", claiming("iss", json!("https://id.example.org"))),
        ("almost the issuer", claiming("iss", json!(format!("{}/", provider.issuer())))),
        ("no user", claiming("sub", Value::Null)),
        ("an empty user", claiming("sub", json!(""))),
        ("a long user", claiming("sub", json!("x".repeat(151)))),
        ("a user of two lines", claiming("sub", json!("a\nb"))),
        ("alg none", format!("{}.", unsigned(&json!({"alg": "none"}), &right))),
        ("alg None, signed", headed(json!({"alg": "None", "kid": "a"}))),
        ("no alg", headed(json!({"kid": "a"}))),
        ("HS256 with the public key", {
            let signed = unsigned(&json!({"alg": "HS256", "kid": "a"}), &right);
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
            format!("{signed}.{}", encoded(ring::hmac::sign(&secret, signed.as_bytes()).as_ref()))
        }),
        ("an algorithm that is not the key's", headed(json!({"alg": "RS256", "kid": "a"}))),
        ("a critical extension", headed(json!({"alg": "ES256", "kid": "a", "crit": ["b64"], "b64": false}))),
        ("its own key", headed(json!({"alg": "ES256", "kid": "z", "jwk": key.public}))),
        ("signed by another of the name", other.token(&right)),
        ("signed by one that is not published", unknown.token(&right)),
        ("claims of another token", format!("{changed}.{signature}")),
        ("no signature", format!("{signed}.")),
        ("a cut signature", token[..token.len() - 4].to_owned()),
        ("a cut token", token[..token.len() / 2].to_owned()),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{token}.{signature}")),
        ("padding", format!("{token}==")),
        ("five parts", format!("{token}.a.b")),
        ("nonsense", "nonsense".to_owned()),
        ("dots", "..".to_owned()),
    ] {
        let status = bearing(&server, &wrong).get("login/").status;
        assert_eq!(status, 401, "{what}");
    }
    let large = key.token(&with(right.clone(), "more", json!("x".repeat(20_000))));
    let refused = bearing(&server, &large).get("login/").status;
    assert!([401, 400, 431].contains(&refused), "{refused}");
    bearing(&server, &token).get("login/").expect(200);
    assert_eq!(server.count("users/"), 2);
    let log = server.log();
    assert!(!log.contains(&token) && !log.contains(signature));
}

#[test]
fn only_users_who_are_here_and_active_get_in() {
    let key = SigningKey::ed("a");
    let provider = Provider::publishing(&[&key]);
    let server = server(&provider, &[]);
    let (name, href, _) = user(&server);
    let token = key.token(&provider.claims(&name));
    bearing(&server, &token).get("login/").expect(200);
    bearing(&server, &key.token(&provider.claims("nobody-here"))).get("login/").expect(401);
    assert_eq!(server.count("users/"), 2);
    server.patch(&href, json!({"is_active": false})).expect(200);
    bearing(&server, &token).get("login/").expect(401);
    server.patch(&href, json!({"is_active": true})).expect(200);
    bearing(&server, &token).get("login/").expect(200);
    server.delete(&href).expect(204);
    bearing(&server, &token).get("login/").expect(401);
    // Nobody becomes the administrator by a name that the provider gives.
    bearing(&server, &key.token(&provider.claims("admin"))).get("login/").expect(401);
}

#[test]
fn a_short_token_does_not_become_a_long_one() {
    let key = SigningKey::ed("a");
    let provider = Provider::publishing(&[&key]);
    let server = server(&provider, &[CREATES]);
    let client = bearing(&server, &key.token(&provider.claims("ada")));
    client.post("tokens/", json!({"name": "t"})).expect(403);
    client.request("POST", "login/").send().expect(403);
    client.get("tokens/").expect(200);
}

#[test]
fn names_and_groups_are_found_where_the_configuration_says() {
    let key = SigningKey::ed("a");
    let provider = Provider::publishing(&[&key]);
    let server = server(
        &provider,
        &[
            CREATES,
            ("PITH_OIDC_USERNAME_CLAIM", "person.login"),
            ("PITH_OIDC_USERNAME_PREFIX", "id:"),
            ("PITH_OIDC_GROUPS_CLAIM", "https://example.org/groups"),
            ("PITH_OIDC_GROUPS", r#"["dev=builders", "ops=keepers", "dev=absent"]"#),
        ],
    );
    for name in ["builders", "keepers", "others"] {
        server.post("groups/", json!({"name": name})).expect(201);
    }
    let repository = server.repository();
    let builders = text(&server.get("groups/?name=builders").json()["results"][0], "pulp_href");
    give(&server, &builders, "file.filerepository_viewer", json!(repository));
    let client = |groups: Value| {
        let claims = with(provider.claims("x"), "person", json!({"login": "ada"}));
        bearing(&server, &key.token(&with(claims, "https://example.org/groups", groups)))
    };
    let shown = || {
        let found = server.get("users/?username=id:ada").expect(200).json()["results"][0].clone();
        let groups = found["groups"].as_array().unwrap().iter().map(|group| text(group, "name"));
        (text(&found, "pulp_href"), groups.collect::<Vec<_>>())
    };
    client(json!(["dev", "unknown"])).get(&repository).expect(200);
    let (_, groups) = shown();
    assert_eq!(groups, ["builders"]);
    // Groups that the provider does not speak of are the administrator's.
    let others = text(&server.get("groups/?name=others").json()["results"][0], "pulp_href");
    server.post(&format!("{others}users/"), json!({"username": "id:ada"})).expect(201);
    client(json!("ops")).get(&repository).expect(404);
    assert_eq!(shown().1, ["keepers", "others"]);
    client(Value::Null).get("login/").expect(200);
    assert_eq!(shown().1, ["others"]);
    assert_eq!(server.count("users/?username=ada"), 0);
}

#[test]
fn new_keys_are_found_and_old_ones_forgotten() {
    let (old, new) = (SigningKey::ec("old"), SigningKey::ec("new"));
    let provider = Provider::publishing(&[&old]);
    let server = server(&provider, &[CREATES]);
    let status = |key: &SigningKey| bearing(&server, &key.token(&provider.claims("ada"))).get("login/").status;
    assert_eq!((status(&old), status(&new)), (200, 401));
    provider.change(|state| state.keys = vec![new.public.clone()]);
    let begun = Instant::now();
    // Whatever is sent, the provider is not asked all the time.
    (0..20).for_each(|_| assert_eq!(status(&new), 401));
    assert_eq!(provider.asked(), (1, 1));
    until("the new key is known", || (status(&new) == 200).then_some(()));
    assert!(
        begun.elapsed().as_secs() >= 5 && provider.asked() == (2, 2),
        "{:?} {:?}",
        begun.elapsed(),
        provider.asked()
    );
    assert_eq!(status(&old), 401);
}

#[test]
fn a_provider_that_is_away_or_lies_costs_nobody_else_anything() {
    let key = SigningKey::ed("a");
    let provider = Provider::publishing(&[&key]);
    let wrong: [(Option<Reply>, Value); 6] = [
        (Some(Reply::Close), json!({})),
        (Some(Reply::Status(500)), json!({})),
        (Some(Reply::Endless), json!({})),
        (Some(Reply::Bytes(b"no json".to_vec())), json!({})),
        (None, json!({"issuer": "https://id.example.org"})),
        (None, json!({"jwks_uri": "file:///etc/passwd"})),
    ];
    for (instead, says) in wrong {
        provider.change(|state| (state.instead, state.says) = (instead, says.clone()));
        let server = server(&provider, &[CREATES]);
        let token = key.token(&provider.claims("ada"));
        bearing(&server, &token).get("login/").expect(502);
        // Wrong tokens make nobody ask the provider, nor do many right ones.
        let asked = provider.asked().0;
        bearing(&server, "nonsense").get("login/").expect(401);
        bearing(&server, &token).get("login/").expect(502);
        assert_eq!(provider.asked().0, asked, "{says}");
        server.get("login/").expect(200);
        let made = text(&server.post("tokens/", json!({"name": "t"})).expect(201).json(), "token");
        bearing(&server, &made).get("login/").expect(200);
        provider.change(|state| (state.instead, state.says) = (None, json!({})));
        until("the provider is asked again", || (bearing(&server, &token).get("login/").status == 200).then_some(()));
    }
}

#[test]
fn indexes_and_guards_take_them_also_as_a_password() {
    let key = SigningKey::ed("a");
    let provider = Provider::publishing(&[&key]);
    let server = server(&provider, &[CREATES]);
    let index = Index::new(&server);
    let token = key.token(&provider.claims("ada"));
    let twine = server.user("__token__", &token);
    index.send(&twine, &Wheel::new("some", "1.0")).expect(403);
    let ada = text(&server.get("users/?username=ada").json()["results"][0], "pulp_href");
    give(&server, &ada, "python.pythonrepository_owner", json!(index.repository));
    index.send(&twine, &Wheel::new("some", "1.0")).expect(202);
    let guard = server.post("contentguards/core/rbac/", json!({"name": random::name()})).expect(201).json();
    give(&server, &ada, "core.rbaccontentguard_downloader", guard["pulp_href"].clone());
    server.completed(server.patch(&index.distribution, json!({"content_guard": guard["pulp_href"]})));
    for (client, status) in [
        (bearing(&server, &token), 200),
        (twine, 200),
        (bearing(&server, &key.token(&with(provider.claims("ada"), "aud", json!("x")))), 403),
        (bearing(&server, &key.token(&provider.claims("bob"))), 403),
        (server.anonymous(), 403),
    ] {
        client.get(&index.path("simple/")).expect(status);
    }
}

#[test]
fn settings_that_do_not_go_together_stop_the_start() {
    let issuer = ("PITH_OIDC_ISSUER", "https://id.example.org");
    let audience = ("PITH_OIDC_AUDIENCE", AUDIENCE);
    for (settings, told) in [
        (&[issuer][..], "oidc_audience"),
        (&[audience], "oidc_issuer"),
        (&[("PITH_OIDC_ISSUER", "id.example.org"), audience], "oidc_issuer"),
        (&[issuer, audience, ("PITH_OIDC_GROUPS", r#"["a=b"]"#)], "oidc_groups_claim"),
        (&[issuer, audience, ("PITH_OIDC_GROUPS_CLAIM", "g"), ("PITH_OIDC_GROUPS", r#"["a"]"#)], "oidc_groups"),
    ] {
        let refusal = Server::refusal(settings);
        assert!(refusal.contains(told), "{settings:?}: {refusal}");
    }
}
