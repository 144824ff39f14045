//! What goes past the server's buffer comes out in order, whole, and as spelled.

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::Site;
use crate::serve::{Outbox, server};

async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("http://")).await.unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// Head and body of the next answer.
async fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (head, body)
}

#[actix_web::test]
async fn answers_to_requests_sent_ahead_keep_their_order() {
    let site = Site::start().await;
    let files: Vec<Vec<u8>> = [10, 16 << 10, 200_000, 1, 3_000_000]
        .iter()
        .map(|size| (0..*size).map(|n| (n % 251) as u8).collect())
        .collect();
    let names = ["a", "b", "c", "d", "e"];
    let listed: Vec<_> = names.iter().zip(&files).map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let (_, _, publication) = site.published(&listed).await;
    site.distribution("file.file", "x", "publication_id", Some(publication));
    let mut stream = connect(&site.url).await;
    let requests: String = names.iter().map(|name| get(&format!("/pulp/content/x/{name}"))).collect();
    for _ in 0..2 {
        // The client does not read before the sockets' buffers are full.
        stream.write_all(requests.repeat(2).as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        for bytes in files.iter().chain(&files) {
            let (head, body) = answer(&mut stream).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(body == *bytes, "{} bytes", bytes.len());
        }
    }
}

#[actix_web::test]
async fn a_file_that_is_at_hand_keeps_its_place_before_whatever_follows() {
    let site = Site::start().await;
    let large: Vec<u8> = (0..100_000).map(|n| (n % 251) as u8).collect();
    let (_, _, publication) = site.published(&[("large", &large), ("small", b"small")]).await;
    site.distribution("file.file", "x", "publication_id", Some(publication));
    let (large_one, small_one) = (get("/pulp/content/x/large"), get("/pulp/content/x/small"));
    let mut stream = connect(&site.url).await;
    for request in [&large_one, &small_one] {
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream).await;
    }
    let batches = [
        vec![&large_one, &small_one, &large_one],
        vec![&small_one, &large_one, &small_one],
        vec![&large_one, &large_one],
    ];
    for batch in batches {
        let requests: String = batch.iter().map(|request| request.as_str()).collect();
        stream.write_all(requests.as_bytes()).await.unwrap();
        for request in batch {
            let (head, body) = answer(&mut stream).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(body == if *request == large_one { large.as_slice() } else { b"small" }, "{requests}");
        }
    }
    let patient = large_one.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    stream.write_all(patient.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(answer(&mut stream).await.1 == large);
    // What is no request is answered behind the file, not in it.
    stream.write_all(format!("{large_one}nonsense\r\n\r\n").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.1 == large);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{rest}");
}

#[actix_web::test]
async fn a_file_that_is_cut_short_ends_the_connection() {
    let site = Site::start().await;
    let bytes = vec![1; 300_000];
    let (_, _, publication) = site.published(&[("file", &bytes)]).await;
    site.distribution("file.file", "x", "publication_id", Some(publication));
    let sha256 = crate::storage::Digests::of(&bytes, crate::storage::DigestSet::sha256()).unwrap().sha256;
    std::fs::File::options()
        .write(true)
        .open(site.storage.local_path(&sha256).unwrap())
        .unwrap()
        .set_len(150_000)
        .unwrap();
    let mut stream = connect(&site.url).await;
    stream.write_all(get("/pulp/content/x/file").as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    assert!(all.starts_with(b"HTTP/1.1 200 OK\r\n") && all.len() < 200_000, "{} bytes", all.len());
}

#[actix_web::test]
async fn the_correlation_id_is_spelled_in_the_usual_way() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler = |request: HttpRequest| async move {
        request.conn_data::<Outbox>().unwrap().spell();
        let mut response = HttpResponse::Ok().insert_header(("Correlation-ID", "1")).body("body");
        response.head_mut().set_camel_case_headers(true);
        response
    };
    let services = move |services: &mut web::ServiceConfig| {
        services.default_service(web::to(handler));
    };
    actix_web::rt::spawn(server(listener, 1, None, services).unwrap());
    let mut stream = connect(&url).await;
    for _ in 0..2 {
        stream.write_all(get("/").as_bytes()).await.unwrap();
        let mut text = vec![0; 1000];
        let count = stream.read(&mut text).await.unwrap();
        let text = std::str::from_utf8(&text[..count]).unwrap();
        assert!(text.contains("\r\nCorrelation-ID: 1\r\n") && text.ends_with("\r\n\r\nbody"), "{text}");
    }
}
