//! Who learns the remote's credentials and headers.

use super::server::{Server, ok, reply};
use super::{downloader, fetch, settings, wanted};
use crate::download::RemoteSettings;

fn with_secrets(url: &str) -> RemoteSettings {
    RemoteSettings {
        username: Some("user".into()),
        password: Some("pass".into()),
        headers: vec![("X-Token".into(), "secret".into()), ("Connection".into(), "keep-alive".into())],
        ..settings(url)
    }
}

#[tokio::test]
async fn the_remotes_server_gets_credentials_and_headers() {
    let server = Server::start(|_, _| ok("hello")).await;
    let downloader = downloader(&with_secrets(&server.url));
    downloader.fetch_bytes_as(&server.at("/f"), "application/json", 9).await.unwrap();
    let head = &server.heads()[0];
    for line in ["authorization: Basic dXNlcjpwYXNz", "x-token: secret", "accept: application/json"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    assert!(!head.contains("keep-alive"));
}

#[tokio::test]
async fn another_server_learns_nothing() {
    let other = Server::start(|_, _| ok("hello")).await;
    let target = other.at("/f").replace("http://", "http://evil:creds@");
    let server = Server::start(move |_, _| reply(302, &format!("Location: {target}\r\n"), "")).await;
    let downloader = downloader(&with_secrets(&server.url));
    downloader.fetch_bytes(&server.at("/f"), 9).await.unwrap();
    downloader.fetch_bytes(&other.at("/g"), 9).await.unwrap();
    assert!(server.heads()[0].contains("authorization: "));
    assert_eq!(other.heads().len(), 2);
    assert!(other.heads().iter().all(|head| !head.contains("authorization") && !head.contains("secret")));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let proxy = Server::start(|_, _| reply(407, "", "")).await;
    let settings = RemoteSettings { proxy_url: Some(proxy.url.clone()), ..with_secrets("http://upstream.example/") };
    for (url, expected) in [
        ("https://upstream.example/f", "Proxy authentication failed"),
        ("http://upstream.example/f", "Proxy Authentication Required"),
    ] {
        let error = fetch(&downloader(&settings), &wanted(url)).await.unwrap_err();
        assert!(error.contains(expected) && error.contains(url), "{error}");
    }
    assert!(proxy.heads()[0].starts_with("CONNECT upstream.example:443"));
    assert_eq!(proxy.heads().len(), 2);
}

#[tokio::test]
async fn the_proxy_gets_its_credentials_and_only_those() {
    let proxy = Server::start(|_, _| reply(407, "", "")).await;
    let settings = RemoteSettings {
        proxy_url: Some(proxy.url.clone()),
        proxy_username: Some("u@".into()),
        proxy_password: Some("p:/".into()),
        ..with_secrets("https://upstream.example/")
    };
    fetch(&downloader(&settings), &wanted("https://upstream.example/f")).await.unwrap_err();
    let head = &proxy.heads()[0];
    assert!(head.to_lowercase().contains("proxy-authorization: basic") && head.contains("dUA6cDov"), "{head}");
    assert!(!head.contains("dXNlcjpwYXNz") && !head.contains("secret"), "{head}");
}
