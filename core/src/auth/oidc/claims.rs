//! What a token says, held against what is expected of it (RFC 7519, OpenID Connect Core 1.0).

use serde_json::{Map, Value as Json};

use super::Refused;

/// Clocks differ by so many seconds at most.
const LEEWAY: i64 = 60;
/// So many groups of a token are looked at.
const MOST_GROUPS: usize = 1000;

/// What tokens must say, and where they say what is wanted of them.
#[derive(Clone, Debug)]
pub struct Expected {
    pub issuer: String,
    pub audience: String,
    /// The claim that names the user. A name with dots leads into objects: `realm_access.roles`.
    pub username_claim: String,
    pub groups_claim: Option<String>,
}

/// What a token that counts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub username: String,
    /// None where nobody asks for them.
    pub groups: Option<Vec<String>>,
}

impl Expected {
    /// Checks all but the signature; `now` in seconds since 1970.
    pub fn check(&self, claims: &Map<String, Json>, now: i64) -> Result<Claims, Refused> {
        if claims.get("iss").and_then(Json::as_str) != Some(&self.issuer) {
            return Err(Refused::Issuer);
        }
        if !texts(claims.get("aud")).contains(&self.audience.as_str()) {
            return Err(Refused::Audience);
        }
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            // Fractions are allowed; what is no number is not passed over.
            Some(value) => value.as_f64().map(|seconds| Some(seconds as i64)).ok_or(Refused::Malformed),
        };
        let expires = moment("exp")?.ok_or(Refused::Malformed)?;
        if expires.saturating_add(LEEWAY) <= now {
            return Err(Refused::Expired);
        }
        let is_later = |moment: Option<i64>| moment.is_some_and(|moment| moment > now + LEEWAY);
        if is_later(moment("nbf")?) || is_later(moment("iat")?) {
            return Err(Refused::NotYet);
        }
        let username = claim(claims, &self.username_claim).and_then(Json::as_str).filter(|name| !name.is_empty());
        let groups = self.groups_claim.as_ref().map(|name| {
            let groups = texts(claim(claims, name));
            groups.into_iter().take(MOST_GROUPS).map(str::to_owned).collect()
        });
        Ok(Claims { username: username.ok_or(Refused::User)?.to_owned(), groups })
    }
}

/// One text or a list of them.
fn texts(value: Option<&Json>) -> Vec<&str> {
    match value {
        Some(Json::String(text)) => vec![text],
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
        _ => vec![],
    }
}

/// The claim of this name; some names have dots themselves, such as addresses.
fn claim<'c>(claims: &'c Map<String, Json>, name: &str) -> Option<&'c Json> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expected() -> Expected {
        Expected {
            issuer: "https://id.example.org".into(),
            audience: "pith".into(),
            username_claim: "preferred_username".into(),
            groups_claim: Some("realm_access.roles".into()),
        }
    }

    fn right() -> Json {
        json!({"iss": "https://id.example.org", "aud": ["other", "pith"], "exp": 2000, "nbf": 900, "iat": 900.5,
            "preferred_username": "ada", "realm_access": {"roles": ["builders", 7, "testers"]}})
    }

    fn check(claims: &Json) -> Result<Claims, Refused> {
        expected().check(claims.as_object().unwrap(), 1000)
    }

    #[test]
    fn what_is_right_says_who_and_in_which_groups() {
        let groups = Some(vec!["builders".to_owned(), "testers".to_owned()]);
        assert_eq!(check(&right()), Ok(Claims { username: "ada".into(), groups }));
        let bare = json!({"iss": "https://id.example.org", "aud": "pith", "exp": 941, "preferred_username": "ada"});
        assert_eq!(check(&bare), Ok(Claims { username: "ada".into(), groups: Some(vec![]) }));
        let expected = Expected { groups_claim: None, ..expected() };
        assert_eq!(expected.check(bare.as_object().unwrap(), 1000).unwrap().groups, None);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (claim, values, reason) in [
            (
                "iss",
                vec![json!("https://id.example.org/"), json!(["https://id.example.org"]), json!(null)],
                Refused::Issuer,
            ),
            (
                "aud",
                vec![json!("pit"), json!([]), json!(null), json!({"pith": 1}), json!([["pith"]])],
                Refused::Audience,
            ),
            ("exp", vec![json!(940), json!(0), json!(-5), json!(-1e300)], Refused::Expired),
            ("exp", vec![json!("2000"), json!(null), json!([2000])], Refused::Malformed),
            ("nbf", vec![json!(1061), json!(1e300)], Refused::NotYet),
            ("nbf", vec![json!("900"), json!(null)], Refused::Malformed),
            ("iat", vec![json!(1061)], Refused::NotYet),
            ("preferred_username", vec![json!(""), json!(7), json!(null), json!(["ada"])], Refused::User),
        ] {
            for value in values {
                let mut claims = right();
                claims[claim] = value.clone();
                assert_eq!(check(&claims), Err(reason), "{claim} {value}");
            }
        }
        for (claim, reason) in [
            ("iss", Refused::Issuer),
            ("aud", Refused::Audience),
            ("exp", Refused::Malformed),
            ("preferred_username", Refused::User),
        ] {
            let mut claims = right();
            claims.as_object_mut().unwrap().remove(claim);
            assert_eq!(check(&claims), Err(reason), "{claim}");
        }
    }
}
