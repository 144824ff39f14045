//! Good and bad answers: retries, sizes, digests, redirects, encodings.

use futures_util::TryStreamExt;

use super::server::{Server, ok, raw, reply};
use super::{downloader, fetch, settings, wanted};
use crate::download::{ByteRange, Wanted};
use crate::storage::Algorithm;

const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const HELLO_SHA1: &str = "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D";

fn hello(url: String) -> Wanted {
    let digests = vec![(Algorithm::Sha256, HELLO_SHA256.into()), (Algorithm::Sha1, HELLO_SHA1.into())];
    Wanted { size: Some(5), digests, ..wanted(url) }
}

#[tokio::test]
async fn a_file_is_fetched_after_every_kind_of_passing_failure() {
    let server = Server::start(|number, _| match number {
        0 => raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
        1 => ok("hellO"),
        2 => reply(429, "", ""),
        _ => ok("hello"),
    })
    .await;
    let (size, digests) = fetch(&downloader(&settings(&server.url)), &hello(server.at("/f"))).await.unwrap();
    assert_eq!(size, 5);
    assert_eq!(digests.get(Algorithm::Sha1), Some(HELLO_SHA1.to_lowercase().as_str()));
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn what_is_missing_or_forbidden_is_asked_for_once() {
    for (status, reason) in [(404, "Not Found"), (403, "Forbidden"), (401, "Unauthorized"), (400, "Bad Request")] {
        let server = Server::start(move |_, _| reply(status, "", "no")).await;
        let downloader = downloader(&settings(&server.url));
        let error = fetch(&downloader, &wanted(server.at("/d/f?token=secret"))).await.unwrap_err();
        assert_eq!(error, format!("{status}, message='{reason}', url='{}/d/f'", server.url));
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn optional_metadata_may_be_missing() {
    let server = Server::start(|_, head| reply(if head.contains("/a") { 404 } else { 400 }, "", "")).await;
    let downloader = downloader(&settings(&server.url));
    assert!(downloader.fetch_bytes_if_present(&server.at("/a"), 9).await.unwrap().is_none());
    assert!(downloader.fetch_bytes_if_present(&server.at("/b"), 9).await.is_err());
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up() {
    let server = Server::start(|_, _| reply(503, "", "")).await;
    let error = fetch(&downloader(&settings(&server.url)), &wanted(server.at("/f"))).await.unwrap_err();
    assert!(error.starts_with("503, message='Service Unavailable'"), "{error}");
    assert_eq!(server.heads().len(), 4);
}

#[tokio::test]
async fn wrong_sizes_and_digests_fail() {
    let chunked = |body: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    for (answer, expected) in [
        (chunked("hello world"), "expected 5 bytes, got more"),
        (chunked("hell"), "expected 5 bytes, got 4"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!".into(), "expected 5 bytes, got 6"),
        (chunked("olleh"), HELLO_SHA256),
    ] {
        let server = Server::start(move |_, _| raw(&answer)).await;
        let error = fetch(&downloader(&settings(&server.url)), &hello(server.at("/f"))).await.unwrap_err();
        assert!(error.contains(expected) && error.contains(&server.at("/f")), "{error}");
    }
}

#[tokio::test]
async fn more_than_the_largest_size_stops_at_once() {
    for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n0123456789"] {
        let server = Server::start(move |_, _| raw(answer)).await;
        let downloader = downloader(&settings(&server.url));
        let error = fetch(&downloader, &Wanted { largest: 9, ..wanted(server.at("/f")) }).await.unwrap_err();
        assert!(error.contains("larger than the allowed 9 bytes") && error.contains("/f"), "{error}");
        assert!(downloader.fetch_bytes(&server.at("/f"), 9).await.is_err());
        assert_eq!(server.heads().len(), 2);
    }
}

#[tokio::test]
async fn redirects_are_followed_ten_times() {
    let server = Server::start(|_, head| match head.split(' ').nth(1) {
        Some("/10") => ok("there"),
        Some(path) => {
            let hop: u32 = path[1..].parse().unwrap_or(11);
            reply(302, &format!("Location: {}\r\n", hop + 1), "")
        }
        None => reply(400, "", ""),
    })
    .await;
    let downloader = downloader(&settings(&server.url));
    let fetched = downloader.fetch_bytes(&server.at("/0"), 9).await.unwrap();
    assert_eq!((fetched.bytes.as_ref(), fetched.final_url), (&b"there"[..], server.at("/10")));
    let error = fetch(&downloader, &wanted(server.at("/11"))).await.unwrap_err();
    assert!(error.starts_with("too many redirects"), "{error}");
    assert_eq!(server.heads().len(), 11 + 11);
}

#[tokio::test]
async fn redirects_never_leave_http() {
    for location in ["file:///etc/passwd", "ftp://h/", "data:,x", "http://"] {
        let server = Server::start(move |_, _| reply(301, &format!("Location: {location}\r\n"), "")).await;
        let downloader = super::downloader_of(&settings(&server.url), &["/".into()]);
        let error = fetch(&downloader, &wanted(server.at("/f"))).await.unwrap_err();
        assert!(error.contains("not an http(s) address"), "{error}");
        assert_eq!(server.heads().len(), 1);
    }
}

#[tokio::test]
async fn compressed_transfer_is_not_taken_for_metadata() {
    let server = Server::start(|_, _| reply(200, "Content-Encoding: gzip\r\nETag: \"1\"\r\n", "hello")).await;
    let downloader = downloader(&settings(&server.url));
    let error = downloader.fetch_bytes(&server.at("/x"), 9).await.unwrap_err().public_text();
    assert!(error.contains("content encoding `gzip`"), "{error}");
    let fetched = downloader.fetch_bytes(&server.at("/x.gz"), 9).await.unwrap();
    assert_eq!((fetched.bytes.as_ref(), fetched.etag.as_deref()), (&b"hello"[..], Some("\"1\"")));
    fetch(&downloader, &hello(server.at("/x"))).await.unwrap();
    assert!(server.heads().iter().all(|head| head.contains("accept-encoding: identity")));
}

#[tokio::test]
async fn a_stream_is_retried_before_its_first_byte_only() {
    let server = Server::start(|number, _| match number {
        0 => reply(503, "", ""),
        1 => reply(206, "Content-Range: bytes 1-2/5\r\n", "el"),
        _ => raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
    })
    .await;
    let downloader = downloader(&settings(&server.url));
    let range = ByteRange { first: 1, last: Some(2) };
    let streamed = downloader.stream(&server.at("/f"), Some(range)).await.unwrap();
    assert_eq!((streamed.status, &streamed.headers["content-range"]), (206, &"bytes 1-2/5".parse().unwrap()));
    assert_eq!(streamed.body.try_collect::<Vec<_>>().await.unwrap().concat(), b"el");
    assert!(server.heads()[1].contains("range: bytes=1-2\r\n"));

    let broken = downloader.stream(&server.at("/f"), None).await.unwrap();
    assert!(broken.body.try_collect::<Vec<_>>().await.is_err());
    assert_eq!(server.heads().len(), 3);
}
