//! Where a client is, as far as that can be known behind proxies.

use std::net::IpAddr;

use actix_web::HttpRequest;

use crate::app::App;
use crate::config::Network;

/// The address of the client: that of the connection, or what the proxies say that are trusted.
pub fn of_client(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let headers = request.headers().get_all("X-Forwarded-For");
    let forwarded: Vec<&str> =
        headers.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).collect();
    Some(last_untrusted(&app.config.trusted_proxies, peer, &forwarded))
}

/// Whether the connection is from a proxy that is trusted.
pub fn is_from_proxy(app: &App, request: &HttpRequest) -> bool {
    request.peer_addr().is_some_and(|peer| is_trusted(&app.config.trusted_proxies, peer.ip()))
}

fn is_trusted(proxies: &[Network], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(address))
}

/// Each proxy adds whom it was asked by, so the list is believed from its end as far as proxies are trusted.
fn last_untrusted(proxies: &[Network], peer: IpAddr, forwarded: &[&str]) -> IpAddr {
    let mut client = peer;
    for text in forwarded.iter().rev() {
        if !is_trusted(proxies, client) {
            break;
        }
        let Some(before) = parse(text.trim()) else { break };
        client = before;
    }
    client
}

/// Some proxies add the port.
fn parse(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forwarded_is_believed_as_far_as_proxies_are_trusted() {
        let proxies: Vec<Network> =
            ["10.0.0.0/8", "::1", "2001:db8::/32"].iter().map(|text| text.parse().unwrap()).collect();
        for (peer, forwarded, client) in [
            ("192.0.2.1", &["203.0.113.5"][..], "192.0.2.1"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["203.0.113.5"], "203.0.113.5"),
            ("::ffff:10.1.2.3", &["203.0.113.5"], "203.0.113.5"),
            ("10.1.2.3", &["6.6.6.6", " 203.0.113.5 ", "10.9.9.9"], "203.0.113.5"),
            ("10.1.2.3", &["6.6.6.6", "2001:db9::1", "2001:db8::1"], "2001:db9::1"),
            ("::1", &["203.0.113.5:4711"], "203.0.113.5"),
            ("::1", &["6.6.6.6", "nonsense"], "::1"),
            ("10.1.2.3", &["10.0.0.1"], "10.0.0.1"),
        ] {
            let found = last_untrusted(&proxies, peer.parse().unwrap(), forwarded);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }
}
