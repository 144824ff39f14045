//! Addresses that open one thing, for a while, to whoever has them. A ticket is a sealed value that names the
//! thing and its end, so nothing has to be remembered.

use serde_json::json;

use super::Secrets;
use crate::error::Result;
use crate::id::Instant;

/// Nothing else that is sealed has this key, so that nothing else is ever taken for a ticket.
const OPENS: &str = "ticket_opens";

/// A ticket for `thing`, valid before `until`.
pub fn issue(secrets: &Secrets, thing: &str, until: Instant) -> Result<String> {
    secrets.seal(&json!({ OPENS: thing, "until": until.timestamp() }))
}

/// Whether the ticket opens `thing` now. A damaged one, or one of another installation, opens nothing.
pub fn opens(secrets: &Secrets, ticket: &str, thing: &str, now: Instant) -> bool {
    let Ok(ticket) = secrets.open(ticket) else { return false };
    ticket[OPENS] == thing && ticket["until"].as_i64().is_some_and(|until| now.timestamp() < until)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::id::now;

    #[test]
    fn a_ticket_opens_one_thing_for_its_time() {
        let secrets = Secrets::parse(&"A".repeat(43)).unwrap();
        let (now, later) = (now(), now() + TimeDelta::minutes(1));
        let ticket = issue(&secrets, "a", later).unwrap();
        assert!(opens(&secrets, &ticket, "a", now));
        assert!(!opens(&secrets, &ticket, "b", now));
        assert!(!opens(&secrets, &ticket, "a", later));
        let other = secrets.seal(&json!({"password": "a", "until": later.timestamp()})).unwrap();
        for wrong in ["", "a", &ticket[1..], &other, &secrets.seal(&json!(null)).unwrap()] {
            assert!(!opens(&secrets, wrong, "a", now));
        }
    }
}
