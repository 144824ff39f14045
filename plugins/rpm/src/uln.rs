//! The Unbreakable Linux Network: a channel is a repository below an address that answers who has logged in.
//!
//! ```text
//! uln://ol9_x86_64_baseos_latest
//! POST <server>/rpc/api                            auth.login(user, password), as XML-RPC; the answer is a token
//! GET  <server>/XMLRPC/GET-REQ/<channel>/repodata/repomd.xml      X-ULN-Api-User-Key: <token>
//! ```

use url::Url;

use crate::text::excerpt;
use crate::xml::escape::push_text;
use crate::xml::{Node, XmlError, XmlReader};

/// What the address of a channel begins with.
pub const SCHEME: &str = "uln://";
/// Below the server.
const LOGIN: &str = "rpc/api";
const CHANNELS: &str = "XMLRPC/GET-REQ";
/// The header that has the token from then on.
pub const TOKEN_HEADER: &str = "x-uln-api-user-key";
/// The type of the question.
pub const CONTENT_TYPE: &str = "text/xml";

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

/// Where a server is asked for a token.
pub fn login_address(server: &str) -> String {
    format!("{}/{LOGIN}", server.trim_end_matches('/'))
}

/// Where a server has the files of a channel.
pub fn channel_address(server: &str, channel: &Channel) -> String {
    format!("{}/{CHANNELS}/{}/", server.trim_end_matches('/'), channel.0)
}

/// What asks for a token.
pub fn question(username: &str, password: &str) -> String {
    let mut call = "<?xml version=\"1.0\"?>\n<methodCall><methodName>auth.login</methodName><params>".to_owned();
    for text in [username, password] {
        call.push_str("<param><value><string>");
        push_text(&mut call, text);
        call.push_str("</string></value></param>");
    }
    call + "</params></methodCall>"
}

/// What a server says to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Token(String),
    /// It does not know the user. What it says to that may repeat what it was told, and is not kept.
    Fault,
}

/// Of a `methodResponse`, with either one value that is a text, or a fault.
///
/// # Errors
/// When it is none, or the text cannot be a header's.
pub fn read(bytes: &[u8]) -> Result<Answer, XmlError> {
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
        let (server, channel) = ("http://h/below/", Channel("c".to_owned()));
        assert_eq!(channel_address(server, &channel), "http://h/below/XMLRPC/GET-REQ/c/");
        assert_eq!(login_address(server), "http://h/below/rpc/api");
        let question = question("a<b", "p&\u{fc}");
        assert!(question.contains("<string>a&lt;b</string>") && question.contains("<string>p&amp;\u{fc}</string>"));
    }

    #[test]
    fn answers_are_tokens_or_faults() {
        let with = |value: &str| {
            format!("<?xml version='1.0'?><methodResponse><params><param>{value}</param></params></methodResponse>")
        };
        for value in
            ["<value><string>4x-a</string></value>", "<value>4x-a</value>", "\n<value>\n<string>4x-a</string></value>"]
        {
            assert_eq!(read(with(value).as_bytes()).unwrap(), Answer::Token("4x-a".to_owned()), "{value}");
        }
        let fault = "<methodResponse><fault><value>secret</value></fault></methodResponse>";
        assert_eq!(read(fault.as_bytes()).unwrap(), Answer::Fault);
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
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
