//! Files that an upstream still has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sha2::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::Site;
use crate::id::Id;
use crate::params;

/// Answers every path with `body`, slowly; the count of requests.
fn upstream(body: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, body) = (count.clone(), Bytes::from(body));
    let server = HttpServer::new(move || {
        let (counted, body) = (counted.clone(), body.clone());
        App::new().default_service(web::to(move |request: actix_web::HttpRequest| {
            counted.fetch_add(1, Ordering::SeqCst);
            let body = body.clone();
            async move {
                if request.path().contains("absent") {
                    return HttpResponse::NotFound().finish();
                }
                let length = body.len() as u64;
                let parts: Vec<Bytes> = body.chunks(64 << 10).map(Bytes::copy_from_slice).collect();
                let slow = stream::iter(parts).then(|part| async {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    Ok::<_, std::io::Error>(part)
                });
                HttpResponse::Ok().body(actix_web::body::SizedStream::new(length, Box::pin(slow)))
            }
        }))
    })
    .workers(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    (url, count)
}

fn large() -> Vec<u8> {
    (0..4_000_000_u32).map(|n| (n / 3) as u8).collect()
}

/// A distribution of a version with `f.bin`, which only `url` has; the content artifact.
fn lazy(site: &Site, url: &str, policy: &str, bytes: &[u8], promised: &[u8]) -> Id {
    let repository = site.repository();
    let version = site.version(repository, 1);
    let (content, content_artifact) = site.content("f.bin", None);
    site.member(repository, content, 1, None);
    let sha256 = hex::encode(sha2::Sha256::digest(promised));
    let remote = site.remote(url, policy);
    site.source(content_artifact, remote, &format!("{url}/f.bin"), Some(bytes.len() as i64), &sha256);
    site.distribution("plain.plain", "dist", "repository_version_id", Some(version));
    content_artifact
}

async fn artifact_of(site: &Site, content_artifact: Id) -> Option<Id> {
    let sql = "SELECT artifact_id FROM content_artifact WHERE id = $1";
    site.db.read(move |conn| conn.query_one(sql, params![content_artifact])?.get(0)).await.unwrap()
}

const PATH: &str = "/pulp/content/dist/f.bin";

#[actix_web::test]
async fn many_clients_are_one_upstream_request_and_the_file_is_kept() {
    for bytes in [b"small".to_vec(), large()] {
        let site = Site::start().await;
        let (url, count) = upstream(bytes.clone());
        let content_artifact = lazy(&site, &url, "on_demand", &bytes, &bytes);
        let replies = join_all((0..50).map(|_| site.get(PATH))).await;
        // Who comes late may find it stored.
        assert!(replies.iter().any(|reply| reply.header("x-pulp-cache").is_empty()));
        for reply in replies {
            assert_eq!(reply.status, 200);
            assert_eq!(reply.header("content-length"), bytes.len().to_string());
            assert!(reply.body.unwrap() == bytes);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(artifact_of(&site, content_artifact).await.is_some());
        assert_eq!(site.get(PATH).await.status, 200);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[actix_web::test]
async fn a_streamed_file_is_fetched_each_time() {
    for bytes in [b"small".to_vec(), large()] {
        let site = Site::start().await;
        let (url, count) = upstream(bytes.clone());
        let content_artifact = lazy(&site, &url, "streamed", &bytes, &bytes);
        let head = site.ask("HEAD", PATH, &[]).await;
        assert_eq!((head.status, head.header("content-length")), (200, bytes.len().to_string().as_str()));
        assert_eq!(count.load(Ordering::SeqCst), 0);
        assert!(site.get(PATH).await.body.unwrap() == bytes);
        let part = site.ask("GET", PATH, &[("range", "bytes=1-3")]).await;
        assert_eq!((part.status, &part.body.unwrap()[..]), (206, &bytes[1..4]));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert_eq!(artifact_of(&site, content_artifact).await, None);
    }
}

#[actix_web::test]
async fn a_wrong_file_is_cut_off_and_its_source_left_alone() {
    for bytes in [b"small".to_vec(), large()] {
        let site = Site::start().await;
        let (url, count) = upstream(bytes.clone());
        let content_artifact = lazy(&site, &url, "on_demand", &bytes, b"promised otherwise");
        let reply = site.get(PATH).await;
        // Of what was found wrong before its first byte was sent no length is told.
        assert_eq!(reply.header("transfer-encoding") == "chunked", bytes == b"small");
        assert_eq!((reply.status, reply.body), (200, None));
        assert_eq!(site.get(PATH).await.status, 404);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(artifact_of(&site, content_artifact).await, None);
    }
}

#[actix_web::test]
async fn a_client_that_knows_no_chunks_is_told_a_length_that_does_not_come() {
    let site = Site::start().await;
    let (url, _) = upstream(b"small".to_vec());
    lazy(&site, &url, "on_demand", b"small", b"promised otherwise");
    let mut stream = TcpStream::connect(site.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(format!("GET {PATH} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("200 OK") && head.contains("content-length: "), "{head}");
    assert_eq!(body, "");
}

#[actix_web::test]
async fn a_head_of_a_kept_file_fetches_it() {
    let site = Site::start().await;
    let (url, _) = upstream(b"small".to_vec());
    let content_artifact = lazy(&site, &url, "on_demand", b"small", b"small");
    let head = site.ask("HEAD", PATH, &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, "5"));
    assert!(artifact_of(&site, content_artifact).await.is_some());
}

#[actix_web::test]
async fn a_dead_upstream_is_no_error_of_ours() {
    let site = Site::start().await;
    lazy(&site, "http://127.0.0.1:9", "on_demand", b"x", b"x");
    assert_eq!(site.get(PATH).await.status, 404);
}

#[actix_web::test]
async fn bytes_that_the_store_lost_are_fetched_again() {
    let site = Site::start().await;
    let bytes = large();
    let (url, count) = upstream(bytes.clone());
    let content_artifact = lazy(&site, &url, "on_demand", &bytes, &bytes);
    assert!(site.get(PATH).await.body.unwrap() == bytes);
    // What reclaiming space does.
    site.write("UPDATE content_artifact SET artifact_id = NULL WHERE id = $1", params![content_artifact]);
    let sha256 = hex::encode(sha2::Sha256::digest(&bytes)).parse().unwrap();
    site.storage.delete(&sha256).await.unwrap();
    assert!(site.get(PATH).await.body.unwrap() == bytes);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[actix_web::test]
async fn an_unknown_path_is_pulled_through_and_kept() {
    let site = Site::start().await;
    let (url, count) = upstream(large());
    let distribution = site.distribution("plain.plain", "dist", "remote_id", Some(site.remote(&url, "on_demand")));
    for _ in 0..2 {
        assert!(site.get(PATH).await.body.unwrap() == large());
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    for _ in 0..2 {
        assert_eq!(site.get("/pulp/content/dist/absent").await.status, 404);
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let dead = site.remote("http://127.0.0.1:9", "streamed");
    site.write("UPDATE distribution SET remote_id = $2 WHERE id = $1", params![distribution, dead]);
    assert_eq!(site.get(PATH).await.status, 502);
}
