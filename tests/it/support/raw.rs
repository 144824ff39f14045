//! Requests that no honest client sends, byte for byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::multipart::Multipart;
use super::server::PASSWORD;

/// Sends these bytes, then the end, and returns all that comes back.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may have answered and closed before it read everything.
    let _ = connection.write_all(bytes);
    let _ = connection.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a GET whose path goes out as it is.
pub fn status_of(address: SocketAddr, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes());
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

/// The first line of the answer to a form that `admin` sends.
pub fn status_line_of(address: SocketAddr, path: &str, form: Multipart) -> String {
    let answer = exchange(address, &request(address, path, form));
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The same of one whose last byte is sent after `meanwhile`.
pub fn status_line_of_slow(address: SocketAddr, path: &str, form: Multipart, meanwhile: impl FnOnce()) -> String {
    let bytes = request(address, path, form);
    let (last, first) = bytes.split_last().unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    connection.write_all(first).unwrap();
    meanwhile();
    connection.write_all(&[*last]).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn request(address: SocketAddr, path: &str, form: Multipart) -> Vec<u8> {
    let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
    let content_type = form.content_type();
    let body = form.finish();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
