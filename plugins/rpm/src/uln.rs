//! The Unbreakable Linux Network: a channel is a repository below an address that answers who has logged in.
//!
//! ```text
//! uln://ol9_x86_64_baseos_latest
//! POST <server>/rpc/api                            auth.login(user, password), as XML-RPC; the answer is a token
//! GET  <server>/XMLRPC/GET-REQ/<channel>/repodata/repomd.xml      X-ULN-Api-User-Key: <token>
//! ```

use pith_core::plugin::{Denied, HeaderName, Login, RemoteAccess};
use url::Url;

use crate::text::excerpt;
use crate::xml::escape::push_text;
use crate::xml::{Node, XmlError, XmlReader};

/// What the address of a channel begins with.
pub const SCHEME: &str = "uln://";
/// Below the server.
const LOGIN: &str = "rpc/api";
const CHANNELS: &str = "XMLRPC/GET-REQ";
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-uln-api-user-key");

/// A channel, or a folder below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel(String);

impl Channel {
    /// Of an address `uln://channel`.
    ///
    /// # Errors
    /// What is wrong with it, for whoever gave it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let path = url.strip_prefix(SCHEME).unwrap_or_default().trim_matches('/');
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
        let is_segment = |segment: &str| segment.chars().all(is_name) && !matches!(segment, "" | "." | "..");
        match path.split('/').all(is_segment) {
            true => Ok(Self(path.to_owned())),
            false => Err(format!("The url '{}' names no channel: `uln://<channel>` is wanted.", excerpt(url))),
        }
    }
}

/// # Errors
/// Why it is no address of a server.
pub fn check_server(server: &str) -> Result<(), String> {
    let fits = Url::parse(server).is_ok_and(|url| {
        let is_plain = url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && is_plain && is_anonymous
    });
    match fits {
        true => Ok(()),
        false => {
            Err("Enter the address of a server: http:// or https://, without user, query and fragment.".to_owned())
        }
    }
}

/// How a channel of a server is read by a user.
pub fn access(server: &str, channel: &Channel, username: &str, password: &str) -> RemoteAccess {
    let server = server.trim_end_matches('/');
    let login = Login {
        url: format!("{server}/{LOGIN}"),
        content_type: "text/xml",
        question: question(username, password),
        read: answer,
        header: TOKEN_HEADER,
    };
    RemoteAccess { url: Some(format!("{server}/{CHANNELS}/{}/", channel.0)), login: Some(login), query: None }
}

fn question(username: &str, password: &str) -> String {
    let mut call = "<?xml version=\"1.0\"?>\n<methodCall><methodName>auth.login</methodName><params>".to_owned();
    for text in [username, password] {
        call.push_str("<param><value><string>");
        push_text(&mut call, text);
        call.push_str("</string></value></param>");
    }
    call + "</params></methodCall>"
}

/// The token that an answer gives.
fn answer(bytes: &[u8]) -> Result<String, Denied> {
    let unreadable =
        |problem: XmlError| Denied::Unreadable(format!("[RPM0003] the answer to the login cannot be used: {problem}"));
    match read(bytes).map_err(unreadable)? {
        Answer::Token(token) => Ok(token),
        Answer::Fault => {
            Err(Denied::Credentials("[RPM0003] the server does not take the `username` and `password`".to_owned()))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Token(String),
    /// What the server says to it may repeat what it was told.
    Fault,
}

/// `methodResponse`, with either one value that is a text, or a fault.
fn read(bytes: &[u8]) -> Result<Answer, XmlError> {
    let mut reader = XmlReader::new(bytes);
    reader.expect_root("methodResponse")?;
    for name in ["params", "param", "value"] {
        match reader.next_node()? {
            Node::Start if reader.name() == "fault" => return Ok(Answer::Fault),
            Node::Start if reader.name() == name => {}
            _ => return Err(reader.content(format!("there is no `{name}`"))),
        }
    }
    // A value without a type is a text, too.
    let (node, before) = (reader.next_node()?, reader.taken_text());
    let token = match node {
        Node::Start if reader.name() == "string" => reader.read_text()?,
        Node::End => before,
        Node::Start | Node::Eof => return Err(reader.content("the value is no text")),
    };
    match token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Err(reader.content("the value is no token")),
        false => Ok(Answer::Token(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_names() {
        for (url, expected) in
            [("uln://ol9_x86_64", "ol9_x86_64"), ("uln://a/b-1.0/", "a/b-1.0"), ("uln:///a", "a"), ("uln://a//", "a")]
        {
            assert_eq!(Channel::parse(url), Ok(Channel(expected.to_owned())), "{url}");
        }
        for url in
            ["uln://", "uln:///", "uln://a/../b", "uln://a//b", "uln://a?b", "uln://a#b", "uln://u:p@a", "uln://a%2e"]
        {
            assert!(Channel::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn servers_are_web_servers() {
        for (server, fits) in [
            ("https://linux-update.oracle.com/", true),
            ("http://127.0.0.1:80/below", true),
            ("ftp://h/", false),
            ("h", false),
            ("http://u:p@h/", false),
            ("http://h/?a", false),
        ] {
            assert_eq!(check_server(server).is_ok(), fits, "{server}");
        }
    }

    #[test]
    fn logging_in_is_a_call() {
        let access = access("http://h/below/", &Channel("c".to_owned()), "a<b", "p&\u{fc}");
        let login = access.login.expect("a login");
        assert_eq!(
            (access.url.as_deref(), login.url.as_str()),
            (Some("http://h/below/XMLRPC/GET-REQ/c/"), "http://h/below/rpc/api")
        );
        assert!(
            login.question.contains("<string>a&lt;b</string>")
                && login.question.contains("<string>p&amp;\u{fc}</string>")
        );
    }

    #[test]
    fn answers_are_tokens_or_faults() {
        let with = |value: &str| {
            format!("<?xml version='1.0'?><methodResponse><params><param>{value}</param></params></methodResponse>")
        };
        for value in
            ["<value><string>4x-a</string></value>", "<value>4x-a</value>", "\n<value>\n<string>4x-a</string></value>"]
        {
            assert_eq!(answer(with(value).as_bytes()), Ok("4x-a".to_owned()), "{value}");
        }
        let fault = "<methodResponse><fault><value>secret</value></fault></methodResponse>";
        let Err(Denied::Credentials(text)) = answer(fault.as_bytes()) else { panic!("no fault") };
        assert!(text.contains("`password`") && !text.contains("secret"));
        let other = |value: &str| with(value);
        for text in [
            String::new(),
            "<html/>".to_owned(),
            "<methodResponse/>".to_owned(),
            other("<value><int>5</int></value>"),
            other("<value><string></string></value>"),
            other("<value><string>a\nb</string></value>"),
            "<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse>&b;</methodResponse>".to_owned(),
        ] {
            assert!(matches!(answer(text.as_bytes()), Err(Denied::Unreadable(_))), "{text}");
        }
    }
}
