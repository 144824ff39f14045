//! Certificates as proxies pass them on, against guards.

use pith_core::id::{Instant, now};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use serde_json::json;

use super::*;
use crate::rhsm::pack;

/// A certificate with its key.
struct Certificate {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn authority_of(params: CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Certificate { pem, issuer: Issuer::new(params, key) }
}

fn authority(name: &str) -> Certificate {
    authority_of(authority_params(name))
}

fn signed(params: CertificateParams, by: &Certificate) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, &by.issuer).unwrap().pem();
    Certificate { pem, issuer: Issuer::new(params, key) }
}

fn quoted(pem: &str) -> String {
    percent_encoding::utf8_percent_encode(pem, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn ask(
    guard: &dyn GuardType,
    authorities: &str,
    headers: &[String],
    path: &str,
    now: Instant,
) -> Result<(), &'static str> {
    let gate = guard.gate(&json!({"ca_certificate": authorities}), &Json::Null).unwrap();
    let sent = |name: &str| if name.eq_ignore_ascii_case("x-client-cert") { headers.to_vec() } else { vec![] };
    gate.admit(&Asked { path, address: path, query: "", now, headers: &sent }).map_err(|Refused(why)| why)
}

fn x509(authorities: &str, pem: &str) -> Result<(), &'static str> {
    ask(&X509Guard, authorities, &[quoted(pem)], "a/b", now())
}

#[test]
fn a_certificate_of_the_authority_is_good_however_its_lines_end() {
    let (root, other) = (authority("root"), authority("other"));
    let client = signed(params("client"), &root);
    assert_eq!(x509(&root.pem, &client.pem), Ok(()));
    assert_eq!(x509(&format!("about it\n{}\n# and\n{}", other.pem, root.pem), &client.pem), Ok(()));
    for space in [" ", "\t"] {
        let header = client.pem.trim().replace('\n', space).replace('\r', "");
        assert_eq!(ask(&X509Guard, &root.pem, &[header], "", now()), Ok(()));
    }
}

#[test]
fn certificates_of_others_are_refused() {
    let (root, namesake) = (authority("root"), authority("root"));
    let client = signed(params("client"), &namesake);
    let unsigned = Err("Client certificate is not signed by the stored 'ca_certificate'.");
    assert_eq!(x509(&root.pem, &client.pem), unsigned);
    // A client is no authority.
    let client = signed(params("client"), &root);
    let of_client = signed(params("another"), &client);
    assert_eq!(x509(&root.pem, &of_client.pem), unsigned);
    assert_eq!(x509(&client.pem, &of_client.pem), unsigned);
    // Nor is one whose key is for something else.
    let mut unable = authority_params("unable");
    unable.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let unable = authority_of(unable);
    assert_eq!(x509(&unable.pem, &signed(params("client"), &unable).pem), unsigned);
}

#[test]
fn authorities_below_others_are_authorities_too() {
    let root = authority("root");
    let below = signed(authority_params("below"), &root);
    let client = signed(params("client"), &below);
    assert_eq!(x509(&format!("{}{}", root.pem, below.pem), &client.pem), Ok(()));
    assert_eq!(x509(&below.pem, &client.pem), Ok(()));
    assert!(x509(&root.pem, &client.pem).is_err());
    // Itself among the guard's, it needs no other.
    assert_eq!(x509(&client.pem, &client.pem), Ok(()));
}

#[test]
fn validity_is_that_of_the_moment() {
    let mut brief = params("client");
    (brief.not_before, brief.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let root = authority("root");
    let client = signed(brief.clone(), &root);
    let at = |moment: &str, authority: &str| {
        let moment: Instant = moment.parse().unwrap();
        ask(&X509Guard, authority, &[quoted(&client.pem)], "", moment)
    };
    assert_eq!(at("2020-06-01T00:00:00Z", &root.pem), Ok(()));
    assert_eq!(at("2021-06-01T00:00:00Z", &root.pem), Err("Client certificate is expired."));
    assert_eq!(at("2019-06-01T00:00:00Z", &root.pem), Err("Client certificate is expired."));
    let mut old = authority_params("old");
    old.not_after = date_time_ymd(2020, 1, 1);
    let old = authority_of(old);
    let client = signed(params("client"), &old);
    assert!(x509(&old.pem, &client.pem).is_err());
}

#[test]
fn certificates_for_another_use_are_refused() {
    let root = authority("root");
    let usable = |purposes: &[ExtendedKeyUsagePurpose]| {
        let mut params = params("client");
        params.extended_key_usages = purposes.to_vec();
        x509(&root.pem, &signed(params, &root).pem)
    };
    assert_eq!(usable(&[ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth]), Ok(()));
    assert_eq!(usable(&[ExtendedKeyUsagePurpose::Any]), Ok(()));
    assert!(usable(&[ExtendedKeyUsagePurpose::ServerAuth]).is_err());
    let mut strange = params("client");
    let mut critical = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    critical.set_criticality(true);
    strange.custom_extensions = vec![critical];
    assert!(x509(&root.pem, &signed(strange, &root).pem).is_err());
}

#[test]
fn a_header_that_is_no_certificate_is_refused() {
    let root = authority("root");
    let client = signed(params("client"), &root);
    let whole = quoted(&client.pem);
    let none = |headers: &[String]| ask(&X509Guard, &root.pem, headers, "", now());
    assert!(none(&[]).is_err());
    // Which of two a proxy has set is not known.
    assert!(none(&[whole.clone(), whole.clone()]).is_err());
    let half = whole[..whole.len() / 2].to_owned();
    let text = "this is not cert data".to_owned();
    for wrong in [String::new(), " ".into(), half, text, "%".into(), "%ff%fe".into(), "-".repeat(1 << 20)] {
        assert!(none(&[wrong]).is_err());
    }
    let pem = client.pem.replace("-----END", "AAAA-----END");
    assert!(x509(&root.pem, &pem).is_err(), "more than a certificate");
}

#[test]
fn authorities_are_checked_when_they_are_given() {
    let root = authority("root");
    let told = |pem: &str| Authorities::parse(pem).err();
    assert_eq!(told(&root.pem), None);
    let plain = Some("Must be PEM encoded X.509 certificate.".to_owned());
    let key = KeyPair::generate().unwrap().serialize_pem();
    let second = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", root.pem);
    for wrong in ["", "x", &key, &root.pem[..root.pem.len() / 2], &second] {
        assert_eq!(told(wrong), plain);
    }
    let mut narrow = authority_params("narrow");
    narrow.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
        excluded_subtrees: vec![],
    });
    assert!(told(&authority_of(narrow).pem).unwrap().contains("2.5.29.30"));
}

/// DER of a value whose length fits in two bytes.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], value].concat()
}

fn short_der(tag: u8, value: &[u8]) -> Vec<u8> {
    if value.len() < 128 { [&[tag, value.len() as u8], value].concat() } else { der(tag, value) }
}

fn entitlement(extensions: &[(&[u64], Vec<u8>)]) -> CertificateParams {
    let mut params = params("client");
    for (name, value) in extensions {
        let oid = [&[1, 3, 6, 1, 4, 1, 2312, 9], *name].concat();
        params.custom_extensions.push(CustomExtension::from_oid_content(&oid, value.clone()));
    }
    params
}

#[test]
fn an_entitlement_opens_its_paths() {
    let root = authority("root");
    let text = |text: &str| short_der(12, text.as_bytes());
    let older = entitlement(&[
        (&[2, 100, 1, 6], text("/org/custom/foo")),
        (&[2, 101, 1, 6], text("/org/rhel/$releasever/os")),
        (&[2, 101, 1, 7], text("/not/a/path")),
    ]);
    let tree =
        pack(&[&[("org", 1)], &[("custom", 2), ("rhel", 3)], &[("foo", 5)], &[("$releasever", 4)], &[("os", 5)], &[]]);
    let packed = entitlement(&[(&[6], text("3.4")), (&[7], short_der(4, &tree))]);
    for params in [older, packed] {
        let pem = signed(params, &root).pem;
        let at = |path: &str| ask(&RhsmGuard, &root.pem, &[quoted(&pem)], path, now()).is_ok();
        assert!(at("org/custom/foo/x.rpm") && at("org/rhel/9/os/repodata/repomd.xml") && at("org//custom/foo/"));
        assert!(!at("org/custom/bar/x") && !at("org/rhel/os/x") && !at("not/a/path/x") && !at(""));
        // Who signed it counts first.
        assert!(ask(&RhsmGuard, &authority("root").pem, &[quoted(&pem)], "org/custom/foo/x", now()).is_err());
    }
}

#[test]
fn other_certificates_entitle_to_nothing() {
    let root = authority("root");
    let damaged = entitlement(&[(&[6], short_der(12, b"3.0")), (&[7], short_der(4, b"damaged"))]);
    let unpacked = entitlement(&[(&[6], short_der(12, b"3.0"))]);
    let future = entitlement(&[(&[6], short_der(12, b"x")), (&[2, 1, 1, 6], short_der(12, b"/a"))]);
    for params in [params("client"), damaged, unpacked, future] {
        let pem = signed(params, &root).pem;
        assert!(ask(&RhsmGuard, &root.pem, &[quoted(&pem)], "a/b", now()).is_err());
    }
}
