//! Packages before and after.

use super::*;

fn read(file: &[u8]) -> (Header, [u8; LEAD]) {
    let header = Header::read(&mut &file[..]).expect("a package");
    (header, file[..LEAD].try_into().expect("a lead"))
}

fn signed(file: &[u8], packet: &[u8], is_rsa: bool) -> Vec<u8> {
    let (header, lead) = read(file);
    let head = head(&lead, &header, Signatures { header: packet, whole: None, is_rsa }).expect("a head");
    let (start, _) = header.range();
    [&head[..], &file[usize::try_from(start).expect("a start")..]].concat()
}

fn signatures(file: &[u8]) -> Vec<Vec<u8>> {
    read(file).0.header_signatures().expect("signatures")
}

#[test]
fn a_signature_takes_the_reserved_space() {
    let before = sample().expect("a sample");
    assert!(signatures(&before).is_empty());
    let after = signed(&before, &[7; 300], true);
    assert_eq!(after.len(), before.len());
    assert_eq!(signatures(&after), [vec![7; 300]]);
    let (start, _) = read(&after).0.range();
    let start = usize::try_from(start).expect("a start");
    assert_eq!(after[start..], before[start..]);
    assert_eq!(after[..LEAD], before[..LEAD]);
}

#[test]
fn a_package_whose_header_says_nothing_of_its_payload_gets_two() {
    let before = sample::older().expect("a sample");
    let (header, lead) = read(&before);
    assert!(!header.vouches_for_payload().expect("a header"));
    assert!(read(&sample().expect("a sample")).0.vouches_for_payload().expect("a header"));
    let (start, _) = header.range();
    for (is_rsa, tag) in [(true, WHOLE_RSA), (false, WHOLE_OTHER)] {
        let signatures = Signatures { header: &[7; 300], whole: Some(&[8; 300]), is_rsa };
        let head = head(&lead, &header, signatures).expect("a head");
        let after = [&head[..], &before[usize::try_from(start).expect("a start")..]].concat();
        let (header, _) = read(&after);
        assert_eq!(header.header_signatures().expect("signatures"), [vec![7; 300]]);
        assert_eq!(header.whole_signatures().expect("signatures"), [vec![8; 300]]);
        assert!(header.signature_parts().expect("parts").iter().any(|part| part.tag == tag));
        assert_eq!(after.len(), before.len());
    }
}

#[test]
fn a_second_signature_replaces_the_first() {
    let before = sample().expect("a sample");
    let first = signed(&before, &[7; 300], true);
    let second = signed(&first, &[8; 100], false);
    assert_eq!(signatures(&second), [vec![8; 100]]);
    assert_eq!(second.len(), before.len());
    assert_eq!(signed(&second, &[7; 300], true), first);
}

#[test]
fn a_signature_that_is_larger_than_the_space_makes_the_header_longer() {
    let before = sample().expect("a sample");
    let after = signed(&before, &[7; 5000], true);
    assert!(after.len() > before.len());
    assert_eq!(signatures(&after), [vec![7; 5000]]);
    let (header, (was, _)) = (read(&after).0, read(&before).0.range());
    assert_eq!(header.range().0 % 8, 0);
    assert!(header.range().0 > was);
    assert_eq!(header.sha256(), read(&before).0.sha256());
}
