//! GnuPG as those have it who verify what is served, and as administrators make keys with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder of GnuPG's own.
pub struct Gpg(TempDir);

/// What it says of signatures.
#[derive(Debug)]
pub struct Verified {
    /// Whether it calls all of them good.
    pub all: bool,
    /// The ids of the keys whose signatures are good.
    pub good: Vec<String>,
    /// The ids of the keys that it does not know.
    pub unknown: Vec<String>,
}

impl Gpg {
    pub fn new() -> Self {
        // Sockets of its daemon have short names, so it is not below the folder of a test.
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.0.path()).args(["--batch", "--yes", "--quiet"]).args(arguments);
        gpg.output().expect("`gpg` is needed")
    }

    fn done(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Takes public keys in.
    pub fn import(&self, keys: &[u8]) {
        let file = self.path("keys");
        fs::write(&file, keys).unwrap();
        self.done(&["--import", file.to_str().unwrap()]);
    }

    /// A file with a new secret key, without passphrase, that ends after so many seconds.
    pub fn new_key(&self, name: &str, seconds: u64) -> PathBuf {
        let user = format!("{name} <{name}@example.org>");
        let ends = format!("seconds={seconds}");
        self.done(&["--passphrase", "", "--quick-generate-key", &user, "ed25519", "sign", &ends]);
        let file = self.path(name);
        fs::write(&file, self.done(&["--armor", "--export-secret-keys", &format!("{name}@example.org")])).unwrap();
        file
    }

    /// Holds detached signatures against what they shall be of.
    pub fn verify(&self, signatures: &[u8], bytes: &[u8]) -> Verified {
        let [signature_file, file] = [("signatures", signatures), ("signed", bytes)].map(|(name, bytes)| {
            fs::write(self.path(name), bytes).unwrap();
            text(&self.path(name))
        });
        let output = self.run(&["--status-fd", "1", "--verify", &signature_file, &file]);
        let status = String::from_utf8_lossy(&output.stdout).into_owned();
        let of = |word: &str| -> Vec<String> {
            let start = format!("[GNUPG:] {word} ");
            let lines = status.lines().filter_map(|line| line.strip_prefix(&start));
            lines.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
        };
        Verified { all: output.status.success(), good: of("GOODSIG"), unknown: of("NO_PUBKEY") }
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // Its daemon would stay for a while.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).output();
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
