//! Remotes of channels of the Unbreakable Linux Network.

use pith_core::plugin::{Denied, HeaderName, Login, Owned, RemoteAccess};
use pith_core::resource::kinds::Names;
use pith_core::resource::{Draft, Errors, Field, Resource};
use serde_json::Value as Json;

use super::{DOWNLOAD_POLICIES, NAMES};
use crate::uln::{self, Answer, Channel};
use crate::xml::XmlError;

/// The name of such remotes.
pub(crate) const PULP_TYPE: &str = "rpm.uln";
/// The field with the server's address.
pub(crate) const SERVER: &str = "uln_server_base_url";

pub(crate) fn remote() -> Resource {
    let names = Names {
        model: "UlnRemote",
        noun: "ULN remote",
        pulp_type: PULP_TYPE,
        path: "remotes/rpm/uln/",
        operations: "remotes_rpm_uln",
        href_parameter: "rpm_uln_remote_href",
        tag: "Remotes: Uln",
        description: "Channels of the Unbreakable Linux Network, or of a server that speaks as it does, with the user to \
                      log in as.",
        ..NAMES
    };
    let server = "The address of the server that has the channel; the installation's unless given.";
    let mut remote = Resource::remote(names, DOWNLOAD_POLICIES, Owned::new("rpm", "ulnremote").labelled())
        .with_fields([Field::text(SERVER, server, "https://linux-update.oracle.com/").nullable().detail()]);
    for field in &mut remote.fields {
        match field.name {
            "url" => {
                field.description = "The channel to read from.";
                field.example = Json::from("uln://ol9_x86_64_baseos_latest");
            }
            "username" | "password" => {
                field.required = true;
                field.nullable = false;
            }
            _ => {}
        }
    }
    remote.check = Some(check);
    remote
}

fn check(draft: &Draft, errors: &mut Errors) {
    let given = |name: &str| draft.get(name).and_then(Json::as_str);
    if let Some(url) = given("url") {
        if !url.starts_with(uln::SCHEME) {
            let scheme = uln::SCHEME;
            errors.add("url", format!("The url '{url}' is not valid. It must start with: {scheme}"));
        } else if let Err(problem) = Channel::parse(url) {
            errors.add("url", problem);
        }
    }
    if let Some(problem) = given(SERVER).and_then(|server| uln::check_server(server).err()) {
        errors.add(SERVER, problem);
    }
}

/// How a channel of a server is read by a user.
pub(crate) fn access(server: &str, channel: &Channel, username: &str, password: &str) -> RemoteAccess {
    let login = Login {
        url: uln::login_address(server),
        content_type: uln::CONTENT_TYPE,
        question: uln::question(username, password),
        read: token,
        header: HeaderName::from_static(uln::TOKEN_HEADER),
    };
    RemoteAccess { url: Some(uln::channel_address(server, channel)), login: Some(login), query: None }
}

/// The token that an answer gives. What a server says to a user it does not know is told to nobody.
fn token(bytes: &[u8]) -> Result<String, Denied> {
    let unreadable =
        |problem: XmlError| Denied::Unreadable(format!("[RPM0003] the answer to the login cannot be used: {problem}"));
    match uln::read(bytes).map_err(unreadable)? {
        Answer::Token(token) => Ok(token),
        Answer::Fault => {
            Err(Denied::Credentials("[RPM0003] the server does not take the `username` and `password`".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_to_a_stranger_is_not_repeated() {
        let fault = "<methodResponse><fault><value>secret</value></fault></methodResponse>";
        let Err(Denied::Credentials(text)) = token(fault.as_bytes()) else { panic!("no fault") };
        assert!(text.contains("`password`") && !text.contains("secret"));
        assert!(matches!(token(b"<html/>"), Err(Denied::Unreadable(_))));
    }
}
