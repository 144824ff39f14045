//! Attestations true, false and malformed.

use super::*;

mod authority;

use authority::Authority;

const WHEEL: &str = "foo-1.0-py3-none-any.whl";
const SHA: &str = "04cfd8bb4f843e35d51bfdef2035109bdea831b55a57c3e6a154d14be116398c";

fn statement(name: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": SHA}}],
        "predicateType": "https://docs.pypi.org/attestations/publish/v1",
        "predicate": null,
    })
}

/// Of the right shape, but signed by nobody.
fn unsigned(statement: &Value) -> Value {
    json!({
        "version": 1,
        "verification_material": {"certificate": "AAAA", "transparency_entries": [{"inclusionProof": {}}]},
        "envelope": {"statement": STANDARD.encode(statement.to_string()), "signature": "AAAA"},
    })
}

fn github() -> Value {
    json!({"kind": "GitHub", "repository": "owner/repo", "workflow": "release.yml", "environment": null})
}

fn provenance(publisher: &Value, attestation: &Value) -> Provenance {
    let raw = json!({"attestation_bundles": [{"publisher": publisher, "attestations": [attestation]}]});
    Provenance::parse(&raw).unwrap()
}

#[test]
fn a_true_attestation_is_verified() {
    let authority = Authority::new();
    let verifier = Verifier::from_trusted_root(&authority.trusted_root()).unwrap();
    let raw = authority.attest(statement(WHEEL).to_string().as_bytes());
    let attestation = Attestation::parse(&raw).unwrap();
    let signer = verifier.verify(&attestation, WHEEL, SHA).unwrap();
    assert_eq!(
        signer,
        Signer {
            identity: Some("https://github.com/owner/repo".into()),
            issuer: Some("https://token.actions.githubusercontent.com".into()),
            source_repository: Some("https://github.com/owner/repo".into()),
        }
    );
    for publisher in [github(), json!({"kind": "Pulp User", "prn": "prn:core.user:1"})] {
        verifier.verify_provenance(&provenance(&publisher, &raw), WHEEL, SHA).unwrap();
    }
}

#[test]
fn another_publisher_is_noticed() {
    let authority = Authority::new();
    let verifier = Verifier::from_trusted_root(&authority.trusted_root()).unwrap();
    let raw = authority.attest(statement(WHEEL).to_string().as_bytes());
    for (publisher, expected) in [
        (
            json!({"kind": "GitHub", "repository": "other/repo", "workflow": "release.yml"}),
            "the certificate's source repository is `https://github.com/owner/repo`",
        ),
        (
            json!({"kind": "GitHub", "repository": "owner/repo", "workflow": "other.yml"}),
            "the certificate's build configuration is",
        ),
        (json!({"kind": "GitHub", "repository": "owner/repo"}), "the publisher has no `workflow`"),
        (
            json!({"kind": "GitLab", "repository": "owner/repo", "workflow_filepath": ".gitlab-ci.yml"}),
            "the certificate's issuer is",
        ),
        (json!({"kind": "Google", "email": "x@example.org"}), "the certificate's issuer is"),
    ] {
        let error = verifier.verify_provenance(&provenance(&publisher, &raw), WHEEL, SHA).unwrap_err();
        assert!(error.to_string().starts_with(&format!("verification failed: {expected}")), "{error}");
    }
}

#[test]
fn an_attestation_of_another_authority_is_refused() {
    let raw = Authority::new().attest(statement(WHEEL).to_string().as_bytes());
    let attestation = Attestation::parse(&raw).unwrap();
    let other = Verifier::from_trusted_root(&Authority::new().trusted_root()).unwrap();
    for verifier in [other, Verifier::public().unwrap()] {
        let error = verifier.verify(&attestation, WHEEL, SHA).unwrap_err();
        assert!(matches!(error, AttestationError::Verification(_)), "{error}");
    }
    let unsigned = Attestation::parse(&unsigned(&statement(WHEEL))).unwrap();
    unsigned.check_subject(WHEEL, SHA).unwrap();
    assert!(Verifier::public().unwrap().verify(&unsigned, WHEEL, SHA).is_err());
}

#[test]
fn each_piece_of_evidence_counts() {
    let authority = Authority::new();
    let verifier = Verifier::from_trusted_root(&authority.trusted_root()).unwrap();
    let text = statement(WHEEL).to_string();
    let good = authority.attest(text.as_bytes());
    let other = authority.attest(text.as_bytes());
    let entry = "/verification_material/transparency_entries/0";
    // What another attestation of the same file has in its place fits neither key nor log.
    for pointer in [
        "/envelope/signature".to_owned(),
        "/verification_material/certificate".to_owned(),
        format!("{entry}/canonicalizedBody"),
        format!("{entry}/inclusionPromise"),
        format!("{entry}/inclusionProof"),
        format!("{entry}/inclusionProof/rootHash"),
        format!("{entry}/inclusionProof/checkpoint"),
    ] {
        let mut forged = good.clone();
        *forged.pointer_mut(&pointer).unwrap() = other.pointer(&pointer).unwrap().clone();
        let forged = Attestation::parse(&forged).unwrap();
        assert!(verifier.verify(&forged, WHEEL, SHA).is_err(), "{pointer}");
    }
    let replaced: [(&str, Value); 4] = [
        ("/integratedTime", json!("1700000001")),
        ("/logIndex", json!("1")),
        ("/inclusionProof/treeSize", json!("2")),
        ("/inclusionProof/logIndex", json!("1")),
    ];
    for (pointer, value) in replaced {
        let mut forged = good.clone();
        *forged.pointer_mut(&format!("{entry}{pointer}")).unwrap() = value;
        let forged = Attestation::parse(&forged).unwrap();
        assert!(verifier.verify(&forged, WHEEL, SHA).is_err(), "{pointer}");
    }
    for member in ["inclusionPromise", "inclusionProof", "integratedTime", "canonicalizedBody"] {
        let mut forged = good.clone();
        forged.pointer_mut(entry).and_then(Value::as_object_mut).unwrap().remove(member);
        let forged = Attestation::parse(&forged).unwrap();
        assert!(verifier.verify(&forged, WHEEL, SHA).is_err(), "{member}");
    }
    let mut forged = good.clone();
    let statement = text.replace("publish/v1", "publish/v1 ");
    forged["envelope"]["statement"] = json!(STANDARD.encode(statement.trim()));
    let forged = Attestation::parse(&forged).unwrap();
    assert!(verifier.verify(&forged, WHEEL, SHA).is_err());
    let mut more = good.clone();
    let entries = more.pointer_mut("/verification_material/transparency_entries").and_then(Value::as_array_mut);
    entries.unwrap().push(other.pointer(entry).unwrap().clone());
    assert!(verifier.verify(&Attestation::parse(&more).unwrap(), WHEEL, SHA).is_err());
}

#[test]
fn the_subject_must_be_the_file() {
    for (subject, filename, fits) in [
        (WHEEL, WHEEL, true),
        ("Foo-1.0.0-py3-none-any.whl", WHEEL, true),
        ("foo-1.0-py3.py2-none-any.whl", "foo-1.0-py2.py3-none-any.whl", true),
        ("foo-1.0-1-py3-none-any.whl", WHEEL, false),
        ("foo-1.0-py2-none-any.whl", WHEEL, false),
        ("foo-1.0.tar.gz", WHEEL, false),
        ("F.oo-1.0.tar.gz", "f_oo-1.0.tar.gz", true),
        ("foo-1.1.tar.gz", "foo-1.0.tar.gz", false),
        ("nonsense", WHEEL, false),
    ] {
        let attestation = Attestation::parse(&unsigned(&statement(subject))).unwrap();
        assert_eq!(attestation.check_subject(filename, SHA).is_ok(), fits, "{subject} {filename}");
    }
    let attestation = Attestation::parse(&unsigned(&statement(WHEEL))).unwrap();
    let text = |error: AttestationError| error.to_string();
    assert_eq!(
        attestation.check_subject("foo-1.0.tar.gz", SHA).map_err(text),
        Err("verification failed: subject does not match distribution name: \
             foo-1.0-py3-none-any.whl != foo-1.0.tar.gz"
            .to_owned())
    );
    let digest = attestation.check_subject(WHEEL, &SHA.replace('0', "1")).map_err(text);
    assert_eq!(digest, Err("verification failed: subject does not match distribution digest".to_owned()));
    let mut odd = statement(WHEEL);
    odd["predicateType"] = json!("https://x.example/odd");
    let odd = Attestation::parse(&unsigned(&odd)).unwrap();
    let kind = odd.check_subject(WHEEL, SHA).map_err(text);
    assert_eq!(kind, Err("verification failed: unknown attestation type: https://x.example/odd".to_owned()));
}

#[test]
fn a_wrong_shape_is_refused() {
    let good = unsigned(&statement(WHEEL));
    let replaced: [(&str, Value); 10] = [
        ("/version", json!(2)),
        ("/version", json!("1")),
        ("/verification_material", Value::Null),
        ("/verification_material/certificate", json!("?")),
        ("/verification_material/certificate", json!("")),
        ("/verification_material/transparency_entries", json!([])),
        ("/verification_material/transparency_entries", json!([1])),
        ("/envelope/signature", json!(7)),
        ("/envelope/statement", json!("AAAA")),
        ("/envelope/statement", json!("x".repeat(MAX_BYTES))),
    ];
    for (pointer, value) in replaced {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = Attestation::parse_list(&json!([bad])).unwrap_err();
        assert!(matches!(error, AttestationError::Shape(_)), "{pointer}: {error}");
    }
    let subjects: [Value; 4] = [
        json!([]),
        json!([{"name": WHEEL, "digest": {"sha256": SHA}}, {"name": WHEEL, "digest": {"sha256": SHA}}]),
        json!([{"digest": {"sha256": SHA}}]),
        json!([{"name": WHEEL, "digest": {"sha512": SHA}}]),
    ];
    for subject in subjects {
        let mut bad = statement(WHEEL);
        bad["subject"] = subject;
        assert!(Attestation::parse(&unsigned(&bad)).is_err(), "{bad}");
    }
    for list in [json!({}), json!([]), Value::Null, json!(vec![good.clone(); MAX_ATTESTATIONS + 1])] {
        assert!(Attestation::parse_list(&list).is_err());
    }
}

#[test]
fn a_provenance_is_taken_apart_and_built() {
    let attestation = unsigned(&statement(WHEEL));
    let raw = json!({
        "version": 1,
        "attestation_bundles": [{"publisher": github(), "attestations": [attestation]}],
    });
    let parsed = Provenance::parse(&raw).unwrap();
    assert_eq!(*parsed.to_json(), raw);
    parsed.check_subjects(WHEEL, SHA).unwrap();
    assert!(parsed.check_subjects("foo-1.0.tar.gz", SHA).is_err());
    let built = Provenance::of_upload(github(), Attestation::parse_list(&json!([attestation])).unwrap());
    assert_eq!(built, parsed);
    for bad in [
        json!([]),
        json!({}),
        json!({"version": 2, "attestation_bundles": raw["attestation_bundles"]}),
        json!({"attestation_bundles": {}}),
        json!({"attestation_bundles": []}),
        json!({"attestation_bundles": [{"attestations": [attestation]}]}),
        json!({"attestation_bundles": [{"publisher": {"kind": 1}, "attestations": [attestation]}]}),
        json!({"attestation_bundles": [{"publisher": github(), "attestations": []}]}),
        json!({"attestation_bundles": [{"publisher": github()}]}),
    ] {
        assert!(Provenance::parse(&bad).is_err(), "{bad}");
    }
}
