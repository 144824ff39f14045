//! What the collections show beyond the columns of a row: what belongs to keys, read for a whole page at once.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::UnitRow;
use pith_core::resource::{Kind, Record, Scope};
use serde_json::{Value as Json, json};

use crate::{PUBLIC_KEY, SIGNATURE, SUBKEY, USER_ATTRIBUTE, USER_ID};

pub(crate) const TYPE: &str = "t.pulp_type";
pub(crate) const FINGERPRINT: &str = "u.fingerprint";
pub(crate) const CREATED: &str = "u.created_at";
pub(crate) const SHA256: &str = "u.sha256";
/// The fingerprint of the key that a part belongs to, and the unit that is the key.
pub(crate) const OWNER: &str = "u.public_key";
pub(crate) const KEY_OF_PART: &str = "(SELECT k.content_id FROM openpgp_public_key k
    WHERE k.domain_id = u.domain_id AND k.fingerprint = u.public_key)";
/// The unit that a signature is of.
pub(crate) const SIGNED: &str = "(CASE u.signed_type
    WHEN 'core.openpgp_publickey' THEN (SELECT s.content_id FROM openpgp_public_key s
        WHERE s.domain_id = u.domain_id AND s.fingerprint = u.signed)
    WHEN 'core.openpgp_publicsubkey' THEN (SELECT s.content_id FROM openpgp_public_subkey s
        WHERE s.domain_id = u.domain_id AND s.fingerprint = u.signed AND s.public_key = u.public_key)
    WHEN 'core.openpgp_userid' THEN (SELECT s.content_id FROM openpgp_user_id s
        WHERE s.domain_id = u.domain_id AND s.sha256 = u.signed AND s.public_key = u.public_key)
    ELSE (SELECT s.content_id FROM openpgp_user_attribute s
        WHERE s.domain_id = u.domain_id AND s.sha256 = u.signed AND s.public_key = u.public_key) END)";

/// Where a signature is shown: the key, the type and the name of what it is of.
type Place = (String, String, String);

/// The key that a part belongs to; nothing when only the part is kept.
pub(crate) fn of_key(scope: &Scope<'_>, record: &Record) -> Json {
    json!(record.get::<Id>(KEY_OF_PART).and_then(|id| scope.typed_href(Kind::Content, PUBLIC_KEY, id)))
}

/// What a signature is of.
pub(crate) fn signed_content(scope: &Scope<'_>, record: &Record) -> Json {
    let signed = record.get::<Id>(SIGNED).zip(record.get::<String>("u.signed_type"));
    json!(signed.and_then(|(id, pulp_type)| scope.typed_href(Kind::Content, &pulp_type, id)))
}

/// One of the fields that are made of seconds, by its name.
pub(crate) fn of_signature(record: &Record, field: &str) -> Json {
    let times = Times {
        created: record.get(CREATED),
        lives: record.get("u.lives"),
        key_lives: record.get("u.key_lives"),
        subkey_created: record.get("u.subkey_created_at"),
    };
    times.shown(field)
}

/// What a signature says of time, in seconds.
struct Times {
    created: Option<i64>,
    lives: Option<i64>,
    key_lives: Option<i64>,
    subkey_created: Option<i64>,
}

impl Times {
    fn shown(&self, field: &str) -> Json {
        match field {
            "created" => json!(self.created.and_then(instant)),
            "expiration_time" => json!(self.lives.map(duration)),
            "key_expiration_time" => json!(self.key_lives.map(duration)),
            "expired" => json!(self.created.zip(self.lives).map(is_over)),
            _ => json!(self.subkey_created.zip(self.key_lives).map(is_over)),
        }
    }
}

fn instant(seconds: i64) -> Option<String> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// `365 00:00:00`, or without days `12:00:00`.
fn duration(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days} {clock}") }
}

fn is_over((begin, lives): (i64, i64)) -> bool {
    begin + lives < Utc::now().timestamp()
}

/// A signature inside what it is of.
pub(crate) fn example_signature() -> Json {
    json!({
        "issuer": "54020a9de25333b0", "created": "2026-11-29T06:00:27Z", "expiration_time": "365 00:00:00",
        "signers_user_id": "", "key_expiration_time": "730 00:00:00", "expired": false, "key_expired": false,
    })
}

/// Finds the units of a type that belong to keys with these fingerprints, in the order in which they came.
pub(crate) type Find<'a> = dyn FnMut(&'static str, &'static [&'static str], &[String]) -> Result<Vec<UnitRow>> + 'a;

/// All signatures of some keys and their parts, by where they are shown.
fn signatures(find: &mut Find<'_>, keys: &[String]) -> Result<HashMap<Place, Vec<Json>>> {
    let columns = &[
        "public_key",
        "signed_type",
        "signed",
        "issuer",
        "created_at",
        "lives",
        "key_lives",
        "subkey_created_at",
        "signers_user_id",
    ];
    let mut found: HashMap<Place, Vec<Json>> = HashMap::new();
    for row in find(SIGNATURE, columns, keys)? {
        let times =
            Times { created: row.get(4)?, lives: row.get(5)?, key_lives: row.get(6)?, subkey_created: row.get(7)? };
        let shown = json!({
            "issuer": row.get::<Option<String>>(3)?,
            "created": times.shown("created"),
            "expiration_time": times.shown("expiration_time"),
            "signers_user_id": row.get::<Option<String>>(8)?,
            "key_expiration_time": times.shown("key_expiration_time"),
            "expired": times.shown("expired"),
            "key_expired": times.shown("key_expired"),
        });
        found.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().push(shown);
    }
    Ok(found)
}

/// The keys of rows that show what belongs to keys, `column` being their fingerprints.
fn fingerprints(records: &[Record], column: &str) -> Vec<String> {
    let mut keys: Vec<_> = records.iter().filter_map(|record| record.get::<String>(column)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Gives keys what belongs to them.
pub(crate) fn complete_keys(find: &mut Find<'_>, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let keys = fingerprints(records, FINGERPRINT);
    let wants = |shown: &[Json], name: &str| shown.iter().any(|one| one.get(name).is_some());
    let mut said = None;
    for (field, pulp_type, columns) in [
        ("user_ids", USER_ID, &["public_key", "sha256", "user_id"][..]),
        ("user_attributes", USER_ATTRIBUTE, &["public_key", "sha256"][..]),
        ("public_subkeys", SUBKEY, &["public_key", "fingerprint", "created_at"][..]),
    ] {
        if !wants(shown, field) {
            continue;
        }
        let said = match &mut said {
            Some(said) => said,
            none => none.insert(signatures(find, &keys)?),
        };
        let mut parts: HashMap<String, Vec<Json>> = HashMap::new();
        for row in find(pulp_type, columns, &keys)? {
            let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
            let list = said.get(&(key.clone(), pulp_type.to_owned(), name.clone())).cloned().unwrap_or_default();
            parts.entry(key).or_default().push(part(pulp_type, &row, &name, list)?);
        }
        for (record, one) in records.iter().zip(shown.iter_mut()) {
            let key = record.get::<String>(FINGERPRINT);
            if let (Some(place), Some(list)) = (one.get_mut(field), key.and_then(|key| parts.remove(&key))) {
                *place = Json::Array(list);
            }
        }
    }
    Ok(())
}

/// A part inside its key.
fn part(pulp_type: &str, row: &UnitRow, name: &str, signatures: Vec<Json>) -> Result<Json> {
    Ok(match pulp_type {
        USER_ID => json!({"user_id": row.get::<String>(2)?, "signatures": signatures}),
        USER_ATTRIBUTE => json!({"sha256": name, "signatures": signatures}),
        _ => json!({"fingerprint": name, "created": instant(row.get(2)?), "signatures": signatures}),
    })
}

/// Gives parts their signatures.
pub(crate) fn complete_parts(find: &mut Find<'_>, records: &[Record], shown: &mut [Json]) -> Result<()> {
    if !shown.iter().any(|one| one.get("signatures").is_some()) {
        return Ok(());
    }
    let mut said = signatures(find, &fingerprints(records, OWNER))?;
    for (record, one) in records.iter().zip(shown) {
        let name = record.get::<String>(FINGERPRINT).or_else(|| record.get(SHA256));
        let place = record.get::<String>(OWNER).zip(record.get::<String>(TYPE)).zip(name);
        let list = place.and_then(|((key, pulp_type), name)| said.remove(&(key, pulp_type, name)));
        if let (Some(field), Some(list)) = (one.get_mut("signatures"), list) {
            *field = Json::Array(list);
        }
    }
    Ok(())
}
