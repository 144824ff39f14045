//! Time and number: timeouts, patience, concurrency, rate.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::server::{Server, ok, raw, reply};
use super::{downloader, fetch, settings, wanted};
use crate::download::RemoteSettings;

#[tokio::test]
async fn a_server_that_hangs_is_left() {
    for silent_for in ["before the head", "in the body"] {
        let server = Server::start(move |_, _| match silent_for {
            "in the body" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            _ => ok("late").after(30_000),
        })
        .await;
        let settings = RemoteSettings { sock_read_timeout: Some(0.05), max_retries: Some(1), ..settings(&server.url) };
        let start = Instant::now();
        let error = fetch(&downloader(&settings), &wanted(server.at("/f"))).await.unwrap_err();
        assert!(error.contains("PLP00") && error.contains("/f"), "{silent_for}: {error}");
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(server.heads().len(), 2);
    }
}

#[tokio::test]
async fn the_whole_attempt_has_a_limit() {
    let server = Server::start(|_, _| ok("late").after(30_000)).await;
    let settings = RemoteSettings { total_timeout: Some(0.05), max_retries: Some(0), ..settings(&server.url) };
    let error = fetch(&downloader(&settings), &wanted(server.at("/f"))).await.unwrap_err();
    assert_eq!(error, format!("[PLP0005] request timed out, url='{}/f'", server.url));
}

#[tokio::test]
async fn nobody_listening_is_an_error_that_names_the_address() {
    let settings = RemoteSettings { max_retries: Some(1), ..settings("http://127.0.0.1:1/d/") };
    let error = fetch(&downloader(&settings), &wanted("http://127.0.0.1:1/d/f")).await.unwrap_err();
    assert!(error.starts_with("[PLP0027] cannot connect: "), "{error}");
    assert!(error.ends_with("url='http://127.0.0.1:1/d/f'"), "{error}");
}

#[tokio::test]
async fn the_server_says_when_to_return() {
    let server = Server::start(|number, _| match number {
        0 => reply(429, "Retry-After: 1\r\n", ""),
        1 => reply(503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", ""),
        2 => reply(503, "Retry-After: soon\r\n", ""),
        _ => ok("hello"),
    })
    .await;
    fetch(&downloader(&settings(&server.url)), &wanted(server.at("/f"))).await.unwrap();
    let times = server.times();
    assert!(times[1] - times[0] >= Duration::from_secs(1));
    assert!(times[3] - times[1] < Duration::from_millis(900));
}

#[tokio::test]
async fn no_more_requests_at_once_than_allowed() {
    let server = Server::start(|_, _| ok("hello").after(20)).await;
    let downloader = downloader(&RemoteSettings { download_concurrency: Some(3), ..settings(&server.url) });
    let url = server.at("/f");
    join_all((0..12).map(|_| downloader.fetch_bytes(&url, 9))).await.into_iter().for_each(|fetched| {
        fetched.unwrap();
    });
    assert_eq!(server.most_at_once(), 3);
}

#[tokio::test]
async fn requests_leave_at_the_rate() {
    let server = Server::start(|_, _| ok("hello")).await;
    let downloader = downloader(&RemoteSettings { rate_limit: Some(50), ..settings(&server.url) });
    let (url, start) = (server.at("/f"), Instant::now());
    join_all((0..11).map(|_| downloader.fetch_bytes(&url, 9))).await.into_iter().for_each(|fetched| {
        fetched.unwrap();
    });
    assert!(start.elapsed() >= Duration::from_millis(200));
}
