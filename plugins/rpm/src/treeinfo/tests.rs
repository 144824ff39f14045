//! Trees of today and of old, and trees that lead outside.

use super::*;

fn hash(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

fn tree() -> String {
    let [a, b] = [hash("a"), hash("b")];
    format!(
        "[checksums]\nimages/pxeboot/vmlinuz = {a}\nrepodata/repomd.xml = {b}\n\n\
         [general]\n; WARNING.0 = old\nfamily = Old\n\n[header]\ntype = productmd.treeinfo\nversion = 1.2\n\n\
         [images-x86_64]\nkernel = images/pxeboot/vmlinuz\nboot.iso = images/boot.iso\n\n\
         [images-xen]\nkernel = images/pxeboot/vmlinuz\n\n[media]\ndiscnum = 1\ntotaldiscs = 2\n\n\
         [release]\nname = Red Hat Enterprise Linux\nshort = RHEL\nversion = 7.6\n\n\
         [stage2]\nmainimage = LiveOS/squashfs.img\n\n\
         [tree]\narch = x86_64\nbuild_timestamp = 1539194952\nplatforms = x86_64,xen\nvariants = Land,Sea\n\n\
         [addon-Sea-Dolphin]\nid = Dolphin\nname = Dolphin addon\nrepository = addons/dolphin\nuid = Sea-Dolphin\n\
         parent = Sea\n\n[variant-Sea]\nid = Sea\nname = Sea\npackages = Packages\nrepository = .\ntype = variant\n\
         uid = Sea\n\n[variant-External]\nid = External\nrepository = ../rpm-signed/\n"
    )
}

#[test]
fn trees_are_read() {
    let tree = Treeinfo::parse(tree().as_bytes()).expect("a tree");
    assert_eq!((tree.header_version.as_str(), tree.release_short.as_str()), ("1.2", "RHEL"));
    assert_eq!((tree.release_name.as_str(), tree.release_version.as_str()), ("Red Hat Enterprise Linux", "7.6"));
    assert_eq!((tree.arch.as_str(), tree.build_timestamp), ("x86_64", 1_539_194_952));
    assert_eq!((tree.discnum, tree.totaldiscs), (Some(1), Some(2)));
    assert_eq!(tree.images.len(), 2);
    assert_eq!(tree.images[0].platforms, ["x86_64", "xen"]);
    assert_eq!(tree.variants[0].repository, Place::Inside(String::new()));
    assert_eq!(tree.variants[1].repository, Place::Beside { above: 1, path: "rpm-signed".to_owned() });
    assert_eq!(tree.addons[0].repository, Place::Inside("addons/dolphin".to_owned()));
    assert_eq!(tree.addons[0].parent, "Sea");
    assert_eq!(tree.files(), ["LiveOS/squashfs.img", "images/boot.iso", "images/pxeboot/vmlinuz"]);
    assert_eq!(tree.checksum("images/pxeboot/vmlinuz").map(Checksum::value), Some("a".repeat(64).as_str()));
}

#[test]
fn trees_from_before_productmd_are_read() {
    let text = "[general]\narch=x86_64\nfamily=Zoo\ntimestamp=1485887759.56\nversion=42\nvariant = Server\n\
        packagedir = \n[variant-Server]\nrepository = Server/repodata\n[addon-HA]\nrepository = HighAvailability\n";
    let tree = Treeinfo::parse(text.as_bytes()).expect("a tree");
    assert_eq!((tree.release_name.as_str(), tree.build_timestamp), ("Zoo", 1_485_887_759));
    assert_eq!(tree.variants[0].repository, Place::Inside("Server".to_owned()));
    assert_eq!(tree.addons[0].uid, "HA");
    let tree = Treeinfo::parse(b"[general]\nfamily=Zoo\nversion=42\n").expect("a tree");
    assert_eq!(tree.variants.len(), 1);
    assert_eq!(tree.variants[0].repository, Place::Inside(String::new()));
}

#[test]
fn nothing_outside_is_followed() {
    for bad in ["../../etc/passwd", "/etc/passwd", "//host/x", "file:///etc/passwd", "a/%2e%2e/b", "a\\b"] {
        for from in ["kernel = images/pxeboot/vmlinuz", "mainimage = LiveOS/squashfs.img"] {
            let (key, _) = from.split_once(" = ").expect("a key");
            let text = tree().replace(from, &format!("{key} = {bad}"));
            assert!(matches!(Treeinfo::parse(text.as_bytes()), Err(TreeinfoError::Location(_))), "{text}");
        }
        let text = tree().replace("images/pxeboot/vmlinuz = ", &format!("{bad} = "));
        assert!(Treeinfo::parse(text.as_bytes()).is_err(), "{bad}");
    }
    for (repository, expected) in [
        ("../../etc/passwd", Place::Beside { above: 2, path: "etc/passwd".to_owned() }),
        ("..", Place::Beside { above: 1, path: String::new() }),
        (".././/x/", Place::Beside { above: 1, path: "x".to_owned() }),
        ("../a/../b", Place::Outside("../a/../b".to_owned())),
        ("../%2e%2e/b", Place::Outside("../%2e%2e/b".to_owned())),
        ("..a/b", Place::Inside("..a/b".to_owned())),
        ("/etc/passwd", Place::Outside("/etc/passwd".to_owned())),
        ("//host/x", Place::Outside("//host/x".to_owned())),
        ("file:///etc/passwd", Place::Outside("file:///etc/passwd".to_owned())),
        ("a/%2e%2e/b", Place::Outside("a/%2e%2e/b".to_owned())),
        ("a\\b", Place::Outside("a\\b".to_owned())),
    ] {
        let text = tree().replace("addons/dolphin", repository);
        let tree = Treeinfo::parse(text.as_bytes()).expect("a tree");
        assert_eq!(tree.addons[0].repository, expected, "{repository}");
    }
}

#[test]
fn wrong_files_are_refused() {
    let many = "[general]\nx=1\n".to_owned() + &"a\n".repeat(2 << 20);
    for text in [
        "",
        "plain text",
        "<html>",
        "[general",
        "key = 1\n[general]",
        "[header]\nversion = 1.2\n",
        "[general]\nfamily = a\nfamily = b\n",
        "[general]\nfamily = a\n[general]\nfamily = b\n",
        "[general]\nfamily = a\0b\n",
        "[general]\ntimestamp = soon\n",
        "[general]\nx = 1\n[media]\ndiscnum = -1\n",
        "[general]\nx = 1\n[header]\nversion = 9.0\n",
        "[general]\nx = 1\n[checksums]\na = sha256:xyz\n",
        "[general]\nx = 1\n[checksums]\na = none\n",
        "[general]\nx = 1\n[variant-A]\nid = ../outside\n",
        "[general]\nx = 1\n[addon-A]\nid = a/b\n",
        &many,
    ] {
        let error = Treeinfo::parse(text.as_bytes()).expect_err("a refusal");
        assert!(error.to_string().len() < 300);
    }
    Treeinfo::parse(b"[general]\nfamily = \xff\n").expect_err("no UTF-8");
}
