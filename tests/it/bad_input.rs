//! What comes from strangers: each gives an error that names what is wrong, and leaves nothing behind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
use crate::support::{Answer, Reply, Server, Upstream, raw, sha256};

/// Syncs once from this upstream, without retries; the failed task.
fn failed_sync(server: &Server, upstream: &Upstream) -> Value {
    let repository = server.repository();
    let fields = json!({"max_retries": 0, "sock_read_timeout": 2.0});
    let task = server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), fields));
    assert_eq!(task["state"], "failed", "{task:#}");
    assert_eq!(server.latest_version(&repository), format!("{repository}versions/0/"));
    task
}

/// An upstream with this manifest, where every other path answers so.
fn with_manifest(manifest: &str, reply: Reply) -> Upstream {
    let manifest = manifest.as_bytes().to_vec();
    Upstream::answering(move |asked, _| match asked.path.as_str() {
        "/PULP_MANIFEST" => Reply::Bytes(manifest.clone()),
        _ => reply.clone(),
    })
}

#[test]
fn manifests_with_broken_lines_are_refused_with_the_number_of_the_line() {
    let server = Server::start();
    let good = format!("good,{},4\n", sha256(b"good"));
    let digest = sha256(b"x");
    let cases = [
        "a,abc\n".to_owned(),
        format!("a,{digest},xx\n"),
        format!("a,{digest},-1\n"),
        format!("a,{digest},99999999999999999999999\n"),
        format!("a,{},1\n", "g".repeat(64)),
        format!("../a,{digest},1\n"),
        format!("/a,{digest},1\n"),
        format!("a/../../b,{digest},1\n"),
        format!(",{digest},1\n"),
        format!("{},{digest},1\n", "y".repeat(5000)),
        "<html>an error page</html>\n".to_owned(),
    ];
    for line in cases {
        let task = failed_sync(&server, &with_manifest(&format!("{good}{line}"), Reply::Bytes(b"good".to_vec())));
        assert!(text(&task["error"], "description").contains("line 2"), "{line}: {}", task["error"]);
    }
    assert_eq!(server.count(FILES), 0);
}

#[test]
fn a_manifest_line_repeated_counts_once_and_a_path_with_two_digests_fails() {
    let server = Server::start();
    let line = format!("a,{},1\n", sha256(b"x"));
    let twice = with_manifest(&format!("{line}{line}"), Reply::Bytes(b"x".to_vec()));
    let repository = server.repository();
    server.sync(&repository, &server.remote(&twice.url("PULP_MANIFEST"), json!({})));
    assert_eq!(server.units_in(&format!("{repository}versions/1/")), 1);
    let clash = format!("{line}a,{},1\n", sha256(b"y"));
    failed_sync(&server, &with_manifest(&clash, Reply::Bytes(b"x".to_vec())));
}

#[test]
fn upstreams_that_misbehave_fail_the_sync_soon_and_leave_nothing() {
    let server = Server::start();
    let line = format!("a,{},10\n", sha256(b"some bytes"));
    let headers =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let replies = [
        Reply::Bytes(b"evil bytes".to_vec()),
        Reply::Bytes(vec![0; 5_000_000]),
        Reply::Bytes(b"".to_vec()),
        Reply::Short { promised: 10, sent: b"some".to_vec() },
        Reply::Status(404),
        Reply::Status(500),
        Reply::Redirect("/a".into()),
        Reply::Redirect("file:///etc/passwd".into()),
        Reply::Close,
        Reply::Hang(Duration::from_secs(60)),
        Reply::Headers(headers(&[("Content-Encoding", "gzip"), ("Content-Length", "4")]), b"\x1f\x8b\x08\x00".to_vec()),
    ];
    for reply in replies {
        let start = Instant::now();
        failed_sync(&server, &with_manifest(&line, reply));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    let no_manifest = Upstream::answering(|_, _| Reply::Redirect("/PULP_MANIFEST".into()));
    failed_sync(&server, &no_manifest);
    assert_eq!((server.count(FILES), server.count("artifacts/")), (0, 0));
}

#[test]
fn an_unreachable_upstream_fails_the_sync_with_its_address() {
    let server = Server::start();
    let repository = server.repository();
    let task = server.sync(&repository, &server.remote("http://127.0.0.1:1/PULP_MANIFEST", json!({"max_retries": 0})));
    assert!(text(&task["error"], "description").contains("127.0.0.1:1"), "{task:#}");
}

#[test]
fn relative_paths_that_are_none_are_refused() {
    let server = Server::start();
    let upload = |path: &str| {
        let form = Multipart::new().field("relative_path", path).file("file", b"bytes");
        server.request("POST", "content/file/files/upload/").multipart(form).send()
    };
    let long = "y".repeat(4097);
    for path in ["/abs", "../up", "a/../b", "a//b", "dir/", "a/./b", ".", "..", "", "a\0b", "a\nb", &long] {
        let answer = upload(path).expect(400).json();
        assert!(answer["relative_path"].is_array(), "{path:?}: {answer}");
        let artifact = json!({"relative_path": path, "file_url": "http://127.0.0.1:1/"});
        server.post(FILES, artifact).expect(400);
    }
    assert_eq!(server.count(FILES), 0);
}

#[test]
fn bodies_that_are_no_json_are_refused() {
    let server = Server::start();
    let post = |body: &[u8]| server.request("POST", REPOSITORIES).body("application/json", body).send();
    for body in [&b"{bad"[..], b"\"x\"", b"\xff\xfe", b"{\"name\": NaN}", b"[1]", b"null", b"5"] {
        post(body).expect(400);
    }
    post("[".repeat(100_000).as_bytes()).expect(400);
    post(format!("{{\"name\": {}1{}}}", "[".repeat(50_000), "]".repeat(50_000)).as_bytes()).expect(400);
    post(&vec![b' '; 100_000_000]).expect(413);
    assert_eq!(server.count(REPOSITORIES), 0);
    assert!(resident_megabytes(&server) < 300, "{} MB", resident_megabytes(&server));
}

#[test]
fn numbers_beyond_all_bounds_are_refused() {
    let server = Server::start();
    for number in ["1180591620717411303424", "-1", "1e400", "0.5"] {
        let body = format!("{{\"name\": \"x\", \"retain_repo_versions\": {number}}}");
        server.request("POST", REPOSITORIES).body("application/json", body).send().expect(400);
    }
    for (key, value) in [("download_concurrency", json!(0)), ("rate_limit", json!("x")), ("total_timeout", json!(-1))] {
        let body = json!({"name": "x", "url": "http://a/", key: value});
        server.post("remotes/file/file/", body).expect(400);
    }
}

#[test]
fn forms_that_are_broken_or_endless_are_refused() {
    let server = Server::start();
    let post = |content_type: &str, body: &[u8]| -> Answer {
        server.request("POST", "artifacts/").body(content_type, body).send()
    };
    post("multipart/form-data", b"x").expect(400);
    post("multipart/form-data; boundary=b", b"--b\r\nno headers").expect(400);
    post("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n").expect(400);
    post("multipart/form-data; boundary=b", b"").expect(400);
    let many = (0..20_000).fold(Multipart::new(), |form, number| form.field(&format!("f{number}"), "x"));
    server.request("POST", "artifacts/").multipart(many).send().expect(400);
    let long = Multipart::new().field("sha256", &"x".repeat(20_000_000)).file("file", b"x");
    server.request("POST", "artifacts/").multipart(long).send().expect(413);
    assert_eq!(server.count("artifacts/"), 0);
}

#[test]
fn an_upload_cut_off_leaves_nothing() {
    let server = Server::start();
    let authorization = "Authorization: Basic YWRtaW46YS1wYXNzd29yZC1vZi10ZXN0cw==";
    let head = format!(
        "POST /pulp/api/v3/artifacts/ HTTP/1.1\r\nHost: x\r\n{authorization}\r\nContent-Length: 1000\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"f\"\r\n\r\nsome bytes"
    );
    let answer = raw::exchange(server.address(), head.as_bytes());
    assert!(!answer.contains(" 201 ") && !answer.contains(" 500 "), "{answer}");
    assert_eq!(server.count("artifacts/"), 0);
}

#[test]
fn requests_that_are_no_http_do_not_disturb() {
    let server = Server::start();
    let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1_000_000));
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(1_000_000));
    for bytes in [
        "\0\0\0\0",
        "GET",
        "nonsense nonsense\r\n\r\n",
        &long_header,
        &long_path,
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        raw::exchange(server.address(), bytes.as_bytes());
        server.get("status/").expect(200);
    }
    for path in [
        "/pulp/api/v3/repositories/file/file/%00/",
        "/pulp/api/v3/%ff/",
        "/%",
        "/pulp/api/v3/tasks/?%ff=%ff&&&=",
        "/?%",
    ] {
        let status = raw::status_of(server.address(), path);
        assert!(status < 500, "{path}: {status}");
    }
}

#[test]
fn settings_that_are_wrong_stop_the_start_with_their_name() {
    for (key, value) in
        [("PITH_NO_SUCH_KEY", "1"), ("PITH_ORPHAN_PROTECTION_TIME", "soon"), ("PITH_ALLOWED_IMPORT_PATHS", "/tmp")]
    {
        let log = Server::refusal(&[(key, value)]);
        assert!(log.contains(&key["PITH_".len()..].to_lowercase()), "{log}");
    }
}

fn resident_megabytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
