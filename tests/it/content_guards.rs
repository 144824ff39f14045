//! Content guards: made by the REST API, in force on the content face and on native faces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::support::pulp::{DISTRIBUTIONS, REPOSITORIES, text};
use crate::support::wheel::Wheel;
use crate::support::{Answer, Client, Server, random};

const GUARDS: &str = "contentguards/";
const HEADER: &str = "contentguards/core/header/";
const VARIABLE: &str = "contentguards/core/envvar_header/";
const COMPOSITE: &str = "contentguards/core/composite/";
const RBAC: &str = "contentguards/core/rbac/";
const REDIRECT: &str = "contentguards/core/content_redirect/";
const X509: &str = "contentguards/certguard/x509/";
const RHSM: &str = "contentguards/certguard/rhsm/";

#[track_caller]
fn guard(server: &Client, path: &str, mut fields: Value) -> String {
    fields["name"] = json!(random::name());
    text(&server.post(path, fields).expect(201).json(), "pulp_href")
}

/// A server with a distribution of one file, the distribution's href and address.
fn serving(settings: &[(&str, &str)]) -> (Server, String, String) {
    let settings: Vec<_> = [("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")].iter().chain(settings).copied().collect();
    let server = Server::start_with(&settings);
    let repository = server.repository_with(json!({"autopublish": true}));
    let unit = server.upload("file", b"some bytes");
    server.modify(&repository, &[&unit], &[]);
    let name = random::name();
    let body = json!({"name": name, "base_path": format!("guarded/{name}"), "repository": repository});
    let href = server.created(server.post(DISTRIBUTIONS, body));
    let base = text(&server.get(&href).expect(200).json(), "base_url");
    (server, href, base)
}

fn set_guard(server: &Client, distribution: &str, guard: Value) {
    server.completed(server.patch(distribution, json!({"content_guard": guard})));
}

fn ask(server: &Server, address: &str, headers: &[(&str, &str)]) -> Answer {
    let anonymous = server.anonymous();
    let request = anonymous.request("GET", address);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert!(!answer.text().contains("some bytes"));
}

#[test]
fn guards_are_made_listed_changed_and_deleted() {
    let server = Server::start();
    let made = server.post(HEADER, json!({"name": "h", "header_name": "x-h", "header_value": "v"})).expect(201).json();
    let href = text(&made, "pulp_href");
    assert!(text(&made, "prn").starts_with("prn:core.headercontentguard:"));
    assert_eq!((&made["description"], &made["jq_filter"]), (&Value::Null, &Value::Null));
    let rbac = guard(&server, RBAC, json!({}));
    let shown = server.get(&rbac).expect(200).json();
    assert!(shown["users"].is_array() && shown["groups"].is_array());
    let taken = server.post(RBAC, json!({"name": "h"})).expect(400).json();
    assert_eq!(taken, json!({"name": ["This field must be unique."]}));
    // At once, and answered with the guard.
    let changed = server.patch(&href, json!({"header_value": "w", "description": "d"})).expect(200).json();
    assert_eq!((&changed["header_value"], &changed["description"]), (&json!("w"), &json!("d")));
    let replaced =
        server.put(&href, json!({"name": "h2", "header_name": "x-h", "header_value": "v"})).expect(200).json();
    assert_eq!(replaced["name"], "h2");
    // Beside that of the artifact distribution.
    assert_eq!(server.count(GUARDS), 3);
    assert_eq!(server.count(&format!("{GUARDS}?pulp_type=core.header")), 1);
    assert_eq!(server.count(&format!("{HEADER}?name__startswith=h")), 1);
    assert_eq!(server.get(GUARDS).expect(200).json()["results"][0]["pulp_href"], json!(rbac));
    server.delete(&href).expect(204);
    server.get(&href).expect(404);
    server.delete(&href).expect(404);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let server = Server::start();
    let refused = |path: &str, fields: Value| server.post(path, fields).expect(400).json();
    guard(&server, RBAC, json!({}));
    let told =
        refused(HEADER, json!({"name": "a", "header_name": "x h", "header_value": "v", "jq_filter": "def f: f; f"}));
    assert!(told["header_name"].is_array() && told["jq_filter"].is_array(), "{told}");
    for path in [X509, RHSM] {
        let name = server.get(&format!("{GUARDS}?limit=1")).expect(200).json()["results"][0]["name"].clone();
        let told = refused(path, json!({"name": name, "ca_certificate": "x"}));
        let pem = ["Must be PEM encoded X.509 certificate."];
        assert_eq!(told, json!({"name": ["This field must be unique."], "ca_certificate": pem}));
        assert_eq!(refused(path, json!({"name": "a"})), json!({"ca_certificate": ["This field is required."]}));
    }
    let absent = format!("/pulp/api/v3/{RBAC}00000000-0000-7000-8000-000000000000/");
    let told = refused(COMPOSITE, json!({"name": "a", "guards": [absent]}));
    assert_eq!(told, json!({"guards": ["Invalid hyperlink - Object does not exist."]}));
    let told = refused(COMPOSITE, json!({"name": "a", "guards": [server.repository()]}));
    assert_eq!(told, json!({"guards": ["Invalid hyperlink - Incorrect URL match."]}));
}

#[test]
fn a_distribution_shows_its_guard_and_loses_it_with_the_guard() {
    let (server, distribution, base) = serving(&[]);
    let header = guard(&server, HEADER, json!({"header_name": "x-h", "header_value": "v"}));
    let prn = text(&server.get(&header).expect(200).json(), "prn");
    set_guard(&server, &distribution, json!(prn));
    let shown = server.get(&distribution).expect(200).json();
    assert_eq!((&shown["content_guard"], &shown["content_guard_prn"]), (&json!(header), &json!(prn)));
    server.patch(&distribution, json!({"content_guard": header})).expect(200);
    assert_refused(&ask(&server, &format!("{base}file"), &[]));
    let told = server.patch(&distribution, json!({"content_guard": server.repository()})).expect(400).json();
    assert_eq!(told, json!({"content_guard": ["Invalid hyperlink - Incorrect URL match."]}));
    server.delete(&header).expect(204);
    let shown = server.get(&distribution).expect(200).json();
    assert!(shown["content_guard"].is_null() && shown["content_guard_prn"].is_null());
    ask(&server, &format!("{base}file"), &[]).expect(200);
}

#[test]
fn a_header_opens_a_distribution() {
    let (server, distribution, base) = serving(&[]);
    let file = format!("{base}file");
    let plain = ask(&server, &file, &[]).expect(200);
    assert_eq!(plain.header("Cache-Control"), Some("public, max-age=0, must-revalidate"));
    let header = guard(&server, HEADER, json!({"header_name": "X-Header", "header_value": "123456"}));
    set_guard(&server, &distribution, json!(header));
    let refused = ask(&server, &file, &[]);
    assert_refused(&refused);
    assert_eq!(refused.text(), "403: Access denied.");
    let (right, wrong) = (STANDARD.encode("123456"), STANDARD.encode("12345"));
    // What the one got is in memory then, and not for the other.
    for _ in 0..2 {
        let answer = ask(&server, &file, &[("x-header", &right)]).expect(200);
        assert_eq!(answer.body, b"some bytes");
        assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"));
        for headers in [&[][..], &[("x-header", &*wrong)], &[("x-header", "123456")]] {
            assert_refused(&ask(&server, &file, headers));
            assert_refused(&ask(&server, &base, headers));
            assert_refused(&ask(&server, &format!("{base}none"), headers));
            assert_refused(&ask(&server, base.trim_end_matches('/'), headers));
        }
    }
    let etag = plain.header("ETag").unwrap();
    assert_refused(&ask(&server, &file, &[("If-None-Match", etag)]));
    ask(&server, &file, &[("If-None-Match", etag), ("x-header", &right)]).expect(304);
    ask(&server, &format!("{base}none"), &[("x-header", &right)]).expect(404);
    assert!(server.anonymous().head(&file).status == 403);
    // The next value is the one that counts.
    server.patch(&header, json!({"header_value": "12345"})).expect(200);
    assert_refused(&ask(&server, &file, &[("x-header", &right)]));
    ask(&server, &file, &[("x-header", &wrong)]).expect(200);
    set_guard(&server, &distribution, Value::Null);
    ask(&server, &file, &[]).expect(200);
}

#[test]
fn a_variable_of_the_environment_is_what_a_header_must_hold() {
    const ALLOWED: &str = "PITH_ENVVAR_HEADER_CONTENT_GUARD_ALLOWED_VARS";
    let (mut server, distribution, address) =
        serving(&[(ALLOWED, r#"["READERS_TOKEN", "NOT_SET"]"#), ("READERS_TOKEN", "open sesame")]);
    for (name, is_allowed) in
        [("READERS_TOKEN", true), ("NOT_SET", true), ("HOME", false), ("PITH_ADMIN_PASSWORD", false)]
    {
        let body = json!({"name": name, "header_name": "x-token", "env_var": name});
        let made = server.post(VARIABLE, body).expect(if is_allowed { 201 } else { 400 }).json();
        assert!(is_allowed || made["env_var"].is_array(), "{made}");
        assert!(!made.to_string().contains("open sesame"));
    }
    let named = |name: &str| {
        text(&server.get(&format!("{VARIABLE}?name={name}")).expect(200).json()["results"][0], "pulp_href")
    };
    let (token, empty) = (named("READERS_TOKEN"), named("NOT_SET"));
    server.patch(&token, json!({"env_var": "HOME"})).expect(400);
    let right = STANDARD.encode("open sesame");
    let file = format!("{address}file");
    set_guard(&server, &distribution, json!(token));
    assert_eq!(ask(&server, &file, &[("x-token", &right)]).expect(200).text(), "some bytes");
    for wrong in ["open sesame", "", &STANDARD.encode("open"), &STANDARD.encode("")] {
        assert_refused(&ask(&server, &file, &[("x-token", wrong)]));
    }
    assert_refused(&ask(&server, &file, &[]));
    set_guard(&server, &distribution, json!(empty));
    for wrong in ["", &right] {
        assert_refused(&ask(&server, &file, &[("x-token", wrong)]));
    }
    server.restart();
    set_guard(&server, &distribution, json!(token));
    // It answers at another port now.
    let file = format!("{}file", text(&server.get(&distribution).expect(200).json(), "base_url"));
    ask(&server, &file, &[("x-token", &right)]).expect(200);
    let told = Server::refusal(&[(ALLOWED, r#"["PITH_ADMIN_PASSWORD"]"#)]);
    assert!(told.contains("envvar_header_content_guard_allowed_vars"), "{told}");
}

#[test]
fn a_filter_finds_the_value_in_a_header_of_json() {
    let (server, distribution, base) = serving(&[]);
    let settings =
        json!({"header_name": "x-id", "header_value": "12", "jq_filter": ".internal | .orgs[] | select(.on) | .id"});
    let header = guard(&server, HEADER, settings);
    set_guard(&server, &distribution, json!(header));
    let ask =
        |identity: Value| ask(&server, &format!("{base}file"), &[("x-id", &STANDARD.encode(identity.to_string()))]);
    let orgs = |orgs: Value| json!({"internal": {"orgs": orgs}});
    ask(orgs(json!([{"id": "11"}, {"id": "12", "on": true}]))).expect(200);
    assert_refused(&ask(orgs(json!([{"id": "12"}]))));
    assert_refused(&ask(orgs(json!([{"id": 12, "on": true}]))));
    assert_refused(&ask(json!([])));
}

#[test]
fn users_with_the_permission_pass_by_password_or_session() {
    let (server, distribution, base) = serving(&[]);
    let rbac = guard(&server, RBAC, json!({}));
    set_guard(&server, &distribution, json!(rbac));
    let file = format!("{base}file");
    assert_refused(&ask(&server, &file, &[]));
    assert_refused(&ask(&server, &file, &[("Authorization", "Basic YWRtaW46d3Jvbmc=")]));
    assert_refused(&ask(&server, &file, &[("Authorization", "Basic ?")]));
    assert_eq!(server.get(&file).expect(200).body, b"some bytes");
    let login = server.request("POST", "login/").send().expect(201);
    let cookies = login.headers.get_all("Set-Cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let session = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with("sessionid="));
    ask(&server, &file, &[("Cookie", session.unwrap())]).expect(200);
}

#[test]
fn an_address_that_was_not_signed_here_opens_nothing() {
    let (server, distribution, base) = serving(&[]);
    let redirect = guard(&server, REDIRECT, json!({}));
    let shown = server.get(&redirect).expect(200).json();
    assert!(!shown.to_string().contains("secret"), "{shown}");
    set_guard(&server, &distribution, json!(redirect));
    let far = 99_999_999_999u64;
    let code = "ab".repeat(32);
    let queries = [
        String::new(),
        format!("?expires={far}"),
        format!("?expires={far}&validate_token={}:{code}", "00".repeat(16)),
        format!("?expires={far}&validate_token={code}"),
        format!("?expires={far}&validate_token=x:y"),
        format!("?validate_token=:&expires={far}"),
    ];
    for query in queries {
        assert_refused(&ask(&server, &format!("{base}file{query}"), &[]));
    }
}

#[test]
fn any_guard_of_a_composite_one_opens() {
    let (server, distribution, base) = serving(&[]);
    let file = format!("{base}file");
    let composite = guard(&server, COMPOSITE, json!({}));
    set_guard(&server, &distribution, json!(composite));
    assert_eq!(server.get(&composite).expect(200).json()["guards"], json!([]));
    ask(&server, &file, &[]).expect(200);
    let redirect = guard(&server, REDIRECT, json!({}));
    let header = guard(&server, HEADER, json!({"header_name": "x-h", "header_value": "v"}));
    let changed = server.patch(&composite, json!({"guards": [header, redirect]})).expect(200).json();
    assert_eq!(changed["guards"], json!([header, redirect]));
    let listed = server.get(COMPOSITE).expect(200).json();
    assert_eq!(listed["results"][0]["guards"], json!([header, redirect]));
    let refused = ask(&server, &file, &[]);
    assert_refused(&refused);
    assert!(refused.text().contains(&header) && refused.text().contains(&redirect), "{}", refused.text());
    ask(&server, &file, &[("x-h", &STANDARD.encode("v"))]).expect(200);
    // One composite within another.
    let outer = guard(&server, COMPOSITE, json!({"guards": [composite]}));
    set_guard(&server, &distribution, json!(outer));
    assert_refused(&ask(&server, &file, &[]));
    ask(&server, &file, &[("x-h", &STANDARD.encode("v"))]).expect(200);
    for circle in [&composite, &outer] {
        let told = server.patch(&composite, json!({"guards": [header, circle]})).expect(400).json();
        assert!(told["guards"].is_array(), "{told}");
    }
    assert_eq!(server.get(&composite).expect(200).json()["guards"], json!([header, redirect]));
    server.patch(&composite, json!({"description": "d"})).expect(200);
    assert_eq!(server.get(&composite).expect(200).json()["guards"], json!([header, redirect]));
    // A guard that goes leaves those that asked it.
    server.delete(&header).expect(204);
    assert_eq!(server.get(&composite).expect(200).json()["guards"], json!([redirect]));
    assert_refused(&ask(&server, &file, &[("x-h", &STANDARD.encode("v"))]));
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority() -> Authority {
    let mut params = params("authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

fn client_certificate(authority: &Authority, params: CertificateParams) -> String {
    params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap().pem()
}

fn quoted(pem: &str) -> String {
    percent_encoding::utf8_percent_encode(pem, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn a_certificate_of_the_authority_opens_a_distribution() {
    let (server, distribution, base) = serving(&[]);
    let (trusted, other) = (authority(), authority());
    let x509 = guard(&server, X509, json!({"ca_certificate": trusted.pem}));
    assert_eq!(server.get(&x509).expect(200).json()["ca_certificate"], trusted.pem.trim());
    set_guard(&server, &distribution, json!(x509));
    let ask = |header: &str| ask(&server, &format!("{base}file"), &[("X-CLIENT-CERT", header)]);
    let good = client_certificate(&trusted, params("client"));
    assert_eq!(ask(&quoted(&good)).expect(200).body, b"some bytes");
    ask(&good.trim().replace("\r\n", " ").replace('\n', " ")).expect(200);
    let mut old = params("client");
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let expired = ask(&quoted(&client_certificate(&trusted, old)));
    assert_refused(&expired);
    assert!(expired.text().contains("expired"), "{}", expired.text());
    assert_refused(&ask(&quoted(&client_certificate(&other, params("client")))));
    for garbage in ["", "this is not cert data", "%ff", &quoted(&good)[..300], &"x".repeat(20_000)] {
        assert_refused(&ask(garbage));
    }
    assert_refused(&self::ask(&server, &format!("{base}file"), &[]));
    // Another authority from now on.
    server.patch(&x509, json!({"ca_certificate": other.pem})).expect(200);
    assert_refused(&ask(&quoted(&good)));
}

#[test]
fn an_entitlement_opens_the_paths_it_names() {
    let (server, distribution, base) = serving(&[]);
    let trusted = authority();
    let rhsm = guard(&server, RHSM, json!({"ca_certificate": trusted.pem}));
    set_guard(&server, &distribution, json!(rhsm));
    let path = text(&server.get(&distribution).expect(200).json(), "base_path");
    let entitled = |path: &str| {
        let mut params = params("client");
        let value = [&[12u8, u8::try_from(path.len()).unwrap()], path.as_bytes()].concat();
        let oid = [1, 3, 6, 1, 4, 1, 2312, 9, 2, 1, 1, 6];
        params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, value));
        let certificate = client_certificate(&trusted, params);
        ask(&server, &format!("{base}file"), &[("X-CLIENT-CERT", &quoted(&certificate))])
    };
    entitled(&format!("/{path}")).expect(200);
    entitled("/guarded/$name").expect(200);
    assert_refused(&entitled("/guarded/other"));
    assert_refused(&entitled(&format!("/{path}/below")));
    let plain = client_certificate(&trusted, params("client"));
    assert_refused(&ask(&server, &format!("{base}file"), &[("X-CLIENT-CERT", &quoted(&plain))]));
}

#[test]
fn an_index_is_guarded_on_all_its_faces() {
    let server = Server::start_with(&[("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")]);
    let index = crate::formats::Index::new(&server);
    let answer = index.send(&server, &Wheel::new("guarded", "1.0")).expect(202);
    server.wait_for(&text(&answer.json(), "task"));
    let (page, file) = (index.path("simple/guarded/"), index.file("guarded-1.0-py3-none-any.whl"));
    let open = ask(&server, &page, &[]).expect(200);
    ask(&server, &file, &[]).expect(200);
    let header = guard(&server, HEADER, json!({"header_name": "x-h", "header_value": "v"}));
    set_guard(&server, &index.distribution, json!(header));
    let right = STANDARD.encode("v");
    for path in [&page, &file, &index.path("simple/"), &index.path("pypi/guarded/json/"), &index.path("")] {
        assert_refused(&ask(&server, path, &[]));
        let answer = ask(&server, path, &[("x-h", &right)]).expect(200);
        assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"), "{path}");
    }
    // A page that is in memory is the same one.
    assert_eq!(ask(&server, &page, &[("x-h", &right)]).expect(200).body, open.body);
    // Uploads are for who may change the repository.
    let answer = index.send(&server, &Wheel::new("guarded", "2.0")).expect(202);
    server.wait_for(&text(&answer.json(), "task"));
}

#[test]
fn guarded_distributions_can_be_left_out_of_the_listing() {
    for (hides, is_listed) in [("false", true), ("true", false)] {
        let (server, distribution, _) = serving(&[("PITH_HIDE_GUARDED_DISTRIBUTIONS", hides)]);
        let other = server.distribute(json!({"repository": server.repository()}));
        let other = other.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
        let listing = || ask(&server, "/pulp/content/", &[]).expect(200).text();
        assert!(listing().contains("guarded/") && listing().contains(&other));
        let rbac = guard(&server, RBAC, json!({}));
        set_guard(&server, &distribution, json!(rbac));
        assert_eq!(listing().contains("guarded/"), is_listed);
        assert!(listing().contains(&other));
        assert_eq!(ask(&server, "/pulp/content/guarded/", &[]).status, if is_listed { 200 } else { 404 });
        assert_eq!(server.count(REPOSITORIES), 2);
    }
}
