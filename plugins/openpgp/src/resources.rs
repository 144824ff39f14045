//! The REST collections of the format, as values.

use pith_core::plugin::{Owned, Verb, units_of_domain};
use pith_core::resource::kinds::Names;
use pith_core::resource::{Clause, Field, Filter, Input, Lookup, Resource};
use serde_json::json;

use crate::shown::{self, Find, of_key, of_signature};
use crate::{PUBLIC_KEY, SIGNATURE, SUBKEY, USER_ATTRIBUTE, USER_ID};

/// The model that the rights to fill keyrings are about.
const KEYRING: &str = "openpgpkeyring";

/// What the names of all collections begin with.
const NAMES: Names = Names {
    app: "core",
    model: "",
    noun: "",
    pulp_type: "",
    path: "",
    operations: "",
    href_parameter: "",
    tag: "",
    description: "",
};

/// Keyrings and their distributions.
pub(crate) fn all() -> Vec<Resource> {
    vec![keyring(), distribution()]
}

fn keyring() -> Resource {
    let names = Names {
        model: "OpenPGPKeyring",
        noun: "OpenPGP keyring",
        pulp_type: "core.openpgp_keyring",
        path: "repositories/core/openpgp_keyring/",
        operations: "repositories_core_openpgp_keyring",
        href_parameter: "open_p_g_p_keyring_href",
        tag: "Repositories: Openpgp_Keyring",
        description: "Repositories of public OpenPGP keys.",
        ..NAMES
    };
    Resource::repository(names, Owned::new("core", KEYRING).labelled().action("modify").permission("repair"))
}

fn distribution() -> Resource {
    let names = Names {
        model: "OpenPGPDistribution",
        noun: "OpenPGP distribution",
        pulp_type: "core.openpgp",
        path: "distributions/core/openpgp/",
        operations: "distributions_core_openpgp",
        href_parameter: "open_p_g_p_distribution_href",
        tag: "Distributions: Openpgp",
        description: "Under which path which keys are served, each as one file.",
        ..NAMES
    };
    let policy = Owned::new("core", "openpgpdistribution").labelled().with_parameter(
        &[Verb::Create, Verb::Update],
        "repository",
        &["core.view_openpgpkeyring"],
    );
    let mut distribution = Resource::distribution(names, policy).without_publications();
    distribution.filters.push(Filter::custom(
        "repository_version",
        Input::Text,
        "Keep the distributions of this version.",
        |context, text| {
            let (repository, number) = context.version(text)?;
            Ok(Clause::new(OF_VERSION, [repository.into(), number.into()]))
        },
    ));
    distribution
}

const OF_VERSION: &str =
    "t.repository_version_id = (SELECT v.id FROM repository_version v WHERE v.repository_id = {} AND v.number = {})";

/// Keys, which clients bring in files.
pub(crate) fn public_keys() -> Resource {
    let names = Names {
        model: "OpenPGPPublicKey",
        noun: "OpenPGP public key",
        pulp_type: PUBLIC_KEY,
        path: "content/core/openpgp_publickey/",
        operations: "content_core_openpgp_publickey",
        href_parameter: "open_p_g_p_public_key_href",
        tag: "Content: Openpgp_Publickey",
        description: "Public keys, each with all that came with it.",
        ..NAMES
    };
    let mut keys = Resource::plain_content(names, "openpgp_public_key", KEYRING);
    let signatures = || json!([shown::example_signature()]);
    let fingerprint = &[shown::FINGERPRINT];
    keys.fields.extend([
        fingerprint_field(),
        created_field(),
        Field::any(
            "user_ids",
            "NestedOpenPGPUserID",
            "Whose key it is, as it says.",
            json!([{"user_id": "Ada <ada@example.org>", "signatures": signatures()}]),
        )
        .shown(fingerprint, |_, _, _| json!([])),
        Field::any(
            "user_attributes",
            "NestedOpenPGPUserAttribute",
            "What else it says of its owner, such as a picture.",
            json!([{"sha256": "5c6c6dff…", "signatures": signatures()}]),
        )
        .shown(fingerprint, |_, _, _| json!([])),
        Field::any(
            "public_subkeys",
            "NestedOpenPGPPublicSubkey",
            "The keys that it uses for signatures and encryption.",
            json!([{"fingerprint": "25204de4…", "created": "2026-11-29T06:00:27Z", "signatures": signatures()}]),
        )
        .shown(fingerprint, |_, _, _| json!([])),
    ]);
    keys.enrich = Some(|scope, conn, records, shown| {
        let find: &mut Find<'_> = &mut |pulp_type, columns, keys| {
            units_of_domain(scope, conn, pulp_type, columns, &[("public_key", keys.to_vec())])
        };
        shown::complete_keys(find, records, shown)
    });
    keys.filters.extend(Filter::text("fingerprint", shown::FINGERPRINT, &[Lookup::Exact]));
    keys.ordering.extend([("fingerprint", shown::FINGERPRINT), ("created", shown::CREATED)]);
    keys.ordering.extend(LAST_ORDERING);
    keys
}

pub(crate) fn subkeys() -> Resource {
    let names = Names {
        model: "OpenPGPPublicSubkey",
        noun: "OpenPGP public subkey",
        pulp_type: SUBKEY,
        path: "content/core/openpgp_publicsubkey/",
        operations: "content_core_openpgp_publicsubkey",
        href_parameter: "open_p_g_p_public_subkey_href",
        tag: "Content: Openpgp_Publicsubkey",
        description: "Subkeys of public keys.",
        ..NAMES
    };
    let mut subkeys = part(names, "openpgp_public_subkey", &[shown::TYPE, shown::FINGERPRINT, shown::OWNER]);
    subkeys.fields.splice(subkeys.fields.len() - 2..subkeys.fields.len() - 2, [fingerprint_field(), created_field()]);
    subkeys.filters.extend(Filter::text("fingerprint", shown::FINGERPRINT, &[Lookup::Exact]));
    subkeys.ordering.extend([("fingerprint", shown::FINGERPRINT), ("created", shown::CREATED)]);
    subkeys
}

pub(crate) fn user_ids() -> Resource {
    let names = Names {
        model: "OpenPGPUserID",
        noun: "OpenPGP user id",
        pulp_type: USER_ID,
        path: "content/core/openpgp_userid/",
        operations: "content_core_openpgp_userid",
        href_parameter: "open_p_g_p_user_i_d_href",
        tag: "Content: Openpgp_Userid",
        description: "User ids of public keys.",
        ..NAMES
    };
    let mut user_ids = part(names, "openpgp_user_id", &[shown::TYPE, shown::SHA256, shown::OWNER]);
    let text = Field::text("user_id", "Whose key it is.", "Ada <ada@example.org>").column("u.user_id").read_only();
    user_ids.fields.insert(user_ids.fields.len() - 2, text);
    user_ids.filters.extend(Filter::name("user_id", "u.user_id"));
    user_ids.ordering.push(("user_id", "u.user_id"));
    user_ids
}

pub(crate) fn user_attributes() -> Resource {
    let names = Names {
        model: "OpenPGPUserAttribute",
        noun: "OpenPGP user attribute",
        pulp_type: USER_ATTRIBUTE,
        path: "content/core/openpgp_userattribute/",
        operations: "content_core_openpgp_userattribute",
        href_parameter: "open_p_g_p_user_attribute_href",
        tag: "Content: Openpgp_Userattribute",
        description: "User attributes of public keys.",
        ..NAMES
    };
    let mut attributes = part(names, "openpgp_user_attribute", &[shown::TYPE, shown::SHA256, shown::OWNER]);
    let digest = Field::text("sha256", "The digest of the attribute.", "5c6c6dff…").column(shown::SHA256).read_only();
    attributes.fields.insert(attributes.fields.len() - 2, digest);
    attributes.filters.extend(Filter::text("sha256", shown::SHA256, &[Lookup::Exact]));
    attributes.ordering.push(("sha256", shown::SHA256));
    attributes
}

pub(crate) fn signatures() -> Resource {
    let names = Names {
        model: "OpenPGPSignature",
        noun: "OpenPGP signature",
        pulp_type: SIGNATURE,
        path: "content/core/openpgp_signature/",
        operations: "content_core_openpgp_signature",
        href_parameter: "open_p_g_p_signature_href",
        tag: "Content: Openpgp_Signature",
        description: "Signatures of public keys and of what belongs to them.",
        ..NAMES
    };
    let mut signatures = Resource::plain_content(names, "openpgp_signature", KEYRING).not_created();
    let text = |name, description, example| Field::text(name, description, example).nullable();
    signatures.fields.extend([
        text("issuer", "The key id of who made it.", "54020a9de25333b0").column("u.issuer").read_only(),
        Field::date_time("created", "When it was made.")
            .nullable()
            .shown(&[shown::CREATED], |_, _, record| of_signature(record, "created")),
        text("expiration_time", "How long it lives.", "365 00:00:00")
            .shown(&["u.lives"], |_, _, record| of_signature(record, "expiration_time")),
        text("signers_user_id", "Who made it, as they say.", "").column("u.signers_user_id").read_only(),
        text("key_expiration_time", "How long the key lives that it speaks of.", "730 00:00:00")
            .shown(&["u.key_lives"], |_, _, record| of_signature(record, "key_expiration_time")),
        Field::boolean("expired", "Whether it lives no more.", false)
            .nullable()
            .shown(&[shown::CREATED, "u.lives"], |_, _, record| of_signature(record, "expired")),
        Field::boolean("key_expired", "Whether the subkey lives no more that it is of.", false)
            .nullable()
            .shown(&["u.key_lives", "u.subkey_created_at"], |_, _, record| of_signature(record, "key_expired")),
        Field::text("signed_content", "What it is of.", "")
            .shown(&["u.signed_type", shown::SIGNED], |scope, _, record| shown::signed_content(scope, record)),
    ]);
    signatures.filters.extend(Filter::text("issuer", "u.issuer", &[Lookup::Exact]));
    signatures.ordering.extend([
        ("issuer", "u.issuer"),
        ("created", shown::CREATED),
        ("expiration_time", "u.lives"),
        ("signers_user_id", "u.signers_user_id"),
        ("key_expiration_time", "u.key_lives"),
        ("sha256", shown::SHA256),
    ]);
    signatures.ordering.extend(LAST_ORDERING);
    signatures
}

/// What belongs to a key; `selected` is what its signatures are found by.
fn part(names: Names, table: &str, selected: &'static [&'static str]) -> Resource {
    let mut part = Resource::plain_content(names, table, KEYRING).not_created();
    part.fields.extend([
        Field::any("signatures", "NestedOpenPGPSignature", "What was said of it.", json!([shown::example_signature()]))
            .shown(selected, |_, _, _| json!([])),
        Field::text("public_key", "The key that it belongs to.", "")
            .nullable()
            .shown(&[shown::KEY_OF_PART], |scope, _, record| of_key(scope, record)),
    ]);
    part.enrich = Some(|scope, conn, records, shown| {
        let find: &mut Find<'_> = &mut |pulp_type, columns, keys| {
            units_of_domain(scope, conn, pulp_type, columns, &[("public_key", keys.to_vec())])
        };
        shown::complete_parts(find, records, shown)
    });
    part.ordering.extend(LAST_ORDERING);
    part
}

/// What else lists can be ordered by.
const LAST_ORDERING: [(&str, &str); 2] = [("raw_data", "u.raw_data"), ("upstream_id", "t.id")];

fn fingerprint_field() -> Field {
    Field::text("fingerprint", "The fingerprint.", "fc32669cf3a2252e191a8a2154020a9de25333b0")
        .column(shown::FINGERPRINT)
        .read_only()
}

fn created_field() -> Field {
    Field::date_time("created", "When it was made, as it says.")
        .shown(&[shown::CREATED], |_, _, record| of_signature(record, "created"))
}
