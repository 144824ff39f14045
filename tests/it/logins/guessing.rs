//! Failed logins cost time; who is in stays in.

use std::time::Instant;

use serde_json::json;

use super::{PASSWORD, user};
use crate::support::pulp::text;
use crate::support::{Answer, Client, Server, until};

/// The proxy that the tests are.
const PROXY: (&str, &str) = ("PITH_TRUSTED_PROXIES", r#"["127.0.0.1"]"#);

fn from(client: &Client, address: &str) -> Answer {
    client.request("GET", "login/").header("X-Forwarded-For", address).send()
}

/// Guesses until that is slowed; how many guesses were looked at.
#[track_caller]
fn guess(server: &Server, name: &str, address: impl Fn(usize) -> String) -> usize {
    let wrong = server.user(name, "wrong-password");
    for at in 0..40 {
        let answer = from(&wrong, &address(at));
        if answer.status == 429 {
            let seconds: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            assert_eq!(answer.json(), json!({"detail": "too many failed logins; try again later"}));
            return at;
        }
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    panic!("40 guesses were looked at")
}

#[test]
fn guesses_of_one_password_are_slowed_and_end_nobodys_work() {
    let server = Server::start_with(&[PROXY]);
    let (name, _, client) = user(&server);
    let session = client.request("POST", "login/").header("X-Forwarded-For", "192.0.2.1").send().expect(201);
    let mut cookies = session.headers.get_all("Set-Cookie").iter().map(|value| value.to_str().unwrap());
    let cookie = cookies.find(|line| line.starts_with("sessionid=")).unwrap().to_owned();
    let token = text(&client.post("tokens/", json!({"name": "t"})).expect(201).json(), "token");
    // From everywhere, so that it is the name that counts.
    assert_eq!(guess(&server, &name, |at| format!("198.51.100.{at}")), 6);
    let elsewhere = "203.0.113.9";
    from(&server.user(&name, "wrong-password"), elsewhere).expect(429);
    // The same from where the user has been, and everywhere with what was verified lately, a session or a token.
    from(&client, "192.0.2.1").expect(200);
    from(&client, elsewhere).expect(200);
    from(&server.anonymous().bearing(&token), elsewhere).expect(200);
    from(&server.user("__token__", &token), elsewhere).expect(200);
    let by_session = server.anonymous();
    by_session.request("GET", "login/").header("Cookie", cookie.split(';').next().unwrap()).send().expect(200);
    // Others are none the worse, and after the wait it is looked at again.
    from(&server.user("admin", "wrong-password"), elsewhere).expect(401);
    until("the wait is over", || (from(&server.user(&name, "wrong-password"), elsewhere).status == 401).then_some(()));
    from(&server.user(&name, "wrong-password"), elsewhere).expect(429);
}

#[test]
fn a_name_that_does_not_exist_is_answered_as_one_that_does() {
    let server = Server::start_with(&[PROXY]);
    let (name, href, _) = user(&server);
    server.post("users/", json!({"username": "without-password"})).expect(201);
    let time = |name: &str, address: &str| {
        let client = server.user(name, "wrong-password");
        let begun = Instant::now();
        assert_eq!(from(&client, address).json(), json!({"detail": "Invalid username/password."}), "{name}");
        begun.elapsed()
    };
    // The first refusal of a process prepares what is compared with.
    time("first", "198.51.100.1");
    // In turn, so that what else the machine does falls on all.
    let rounds = [(); 3].map(|()| {
        [(&*name, "198.51.100.2"), ("nobody", "198.51.100.3"), ("without-password", "198.51.100.4")]
            .map(|(name, address)| time(name, address))
    });
    let [known, unknown, without] = [0, 1, 2].map(|at| rounds.iter().map(|round| round[at]).min().unwrap());
    for other in [unknown, without] {
        assert!(other * 4 > known && known * 4 > other, "{known:?} {unknown:?} {without:?}");
    }
    server.patch(&href, json!({"is_active": false})).expect(200);
    for name in [&*name, "nobody", "without-password"] {
        // Three were made before.
        assert_eq!(guess(&server, name, |at| format!("198.51.101.{at}")), 3, "{name}");
    }
}

#[test]
fn an_address_that_tries_many_names_is_slowed() {
    let server = Server::start_with(&[PROXY]);
    let looked_at = (0..40)
        .take_while(|at| from(&server.user(&format!("name-{at}"), "x"), "2001:db8::1, 198.51.100.7").status == 401);
    assert_eq!(looked_at.count(), 21);
    // What a client says of itself counts for nothing, and its neighbour does.
    from(&server.user("another", "x"), "6.6.6.6, 198.51.100.7").expect(429);
    from(&server.user("another", "x"), "198.51.100.8").expect(401);
    from(&server, "198.51.100.7").expect(429);
    let (_, _, client) = user(&server);
    from(&client, "198.51.100.9").expect(200);
    from(&client, "198.51.100.7").expect(200);
}

#[test]
fn a_session_is_no_way_to_guess_the_old_password() {
    let server = Server::start();
    let (_, _, client) = user(&server);
    client.get("login/").expect(200);
    let change = |old: &str| client.patch("login/", json!({"old_password": old, "new_password": "Another5one"}));
    let refused = (0..40).take_while(|at| change(&format!("wrong-{at}")).status == 400).count();
    assert_eq!(refused, 6);
    change(PASSWORD).expect(200);
}

#[test]
fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let server = Server::start();
    let (name, _, _) = user(&server);
    let clients: Vec<Client> = (0..32).map(|at| server.user(&name, &format!("wrong-{at}"))).collect();
    let looked_at = std::thread::scope(|scope| {
        let sent: Vec<_> = clients.iter().map(|client| scope.spawn(|| client.get("login/").status)).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).filter(|status| *status == 401).count()
    });
    // As many more as are hashed at the same time.
    let processors = std::thread::available_parallelism().unwrap().get();
    assert!((6..=6 + processors).contains(&looked_at), "{looked_at}");
}
