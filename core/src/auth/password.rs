//! Passwords: hashed with argon2id, verified also in Django's `pbkdf2_sha256` form so that users can be
//! brought over. All functions that hash are slow on purpose: call them where blocking is allowed.

use std::num::NonZeroU32;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memmap2::MmapMut;
use ring::pbkdf2;

use super::{random, token};
use crate::error::{Error, Result};

/// What OWASP recommends at least for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longer ones are refused, so that no request makes us hash megabytes.
const LONGEST: usize = 4096;

/// A stored hash may ask for its own costs; one from elsewhere must not ask for the whole machine.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_ITERATIONS: u32 = 10_000_000;

const SHORTEST: usize = 8;

/// The stored form of a password, with a fresh salt.
pub fn hash(password: &str) -> Result<String> {
    if password.len() > LONGEST {
        return Err(Error::field("password", format!("Ensure this field has no more than {LONGEST} characters.")));
    }
    if token::lookup_digest(password).is_some() {
        return Err(Error::field("password", "This password looks like a token, and would be taken for one."));
    }
    let salt = Salt::new(&random::<16>()?).map_err(Error::internal)?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::internal)?;
    let told = ParamsString::try_from(&params).map_err(Error::internal)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&argon2, password, &salt, &mut hash)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: told,
        salt: Some(salt),
        hash: Some(Output::new(&hash).map_err(Error::internal)?),
    };
    Ok(hash.to_string())
}

/// A stored password that nobody knows, fit for [`verify`]: what is checked when a user does not exist, so
/// that the answer takes as long as for one who does.
pub fn unknown() -> Result<String> {
    hash(&URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// A password for a new administrator: 144 random bits in letters, digits, `-` and `_`.
pub fn generate() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<18>()?))
}

/// Whether this is the password; a stored form that is not known matches nothing.
pub fn verify(password: &str, stored: &str) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    match stored.strip_prefix("pbkdf2_sha256$") {
        Some(rest) => verify_django(password, rest).is_some(),
        None => verify_argon2(password, stored),
    }
}

/// Whether the stored form should be replaced by [`hash`] at the next successful login: it came from
/// elsewhere, or is weaker than ours.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return true };
    let Ok(params) = Params::try_from(&parsed) else { return true };
    parsed.algorithm != Algorithm::Argon2id.ident() || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

/// Why a password should not be taken, in Pulp's words and order; empty for a good one.
pub fn weaknesses(password: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if password.chars().count() < SHORTEST {
        found.push("This password is too short. It must contain at least 8 characters.");
    }
    if COMMON.contains(&password.trim().to_lowercase().as_str()) {
        found.push("This password is too common.");
    }
    if !password.is_empty() && password.chars().all(char::is_numeric) {
        found.push("This password is entirely numeric.");
    }
    found
}

/// Fills `hash`. The memory for it comes from the system and goes back there: from the allocator it would be a third of
/// what an idle process has, since whatever is allocated next is spread over what the hash has written to.
fn fill(argon2: &Argon2<'_>, password: &str, salt: &[u8], hash: &mut [u8]) -> Result<()> {
    let mut memory = MmapMut::map_anon(argon2.params().block_count() * Block::SIZE).map_err(Error::internal)?;
    #[allow(unsafe_code)]
    // SAFETY: a block is an array of integers, which any bytes are.
    let (_, blocks, _) = unsafe { memory.align_to_mut::<Block>() };
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, hash, blocks).map_err(Error::internal)
}

fn verify_argon2(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|stored| matches_argon2(password, &stored) == Some(true))
}

/// None where the stored form cannot be checked.
fn matches_argon2(password: &str, stored: &PasswordHash) -> Option<bool> {
    let params = Params::try_from(stored).ok()?;
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES {
        return None;
    }
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let (salt, expected) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let mut hash = vec![0; expected.len()];
    fill(&Argon2::new(algorithm, version, params), password, salt, &mut hash).ok()?;
    // Takes as long wherever they differ.
    Output::new(&hash).ok().map(|hash| hash == *expected)
}

/// `<iterations>$<salt>$<base64 of 32 bytes>`, the salt taken as it stands.
fn verify_django(password: &str, rest: &str) -> Option<()> {
    let mut parts = rest.splitn(3, '$');
    let (iterations, salt, digest) = (parts.next()?, parts.next()?, parts.next()?);
    let iterations = iterations.parse::<NonZeroU32>().ok().filter(|count| count.get() <= MOST_ITERATIONS)?;
    let digest = STANDARD.decode(digest).ok().filter(|digest| digest.len() == 32)?;
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::verify(algorithm, iterations, salt.as_bytes(), password.as_bytes(), &digest).ok()
}

/// Those that head the lists of leaked passwords.
const COMMON: &[&str] = &[
    "000000",
    "00000000",
    "0987654321",
    "1111",
    "11111",
    "111111",
    "1111111",
    "11111111",
    "112233",
    "121212",
    "123",
    "123123",
    "123123123",
    "123321",
    "1234",
    "12341234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "123qwe",
    "123qweasd",
    "1q2w3e",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "555555",
    "654321",
    "666666",
    "696969",
    "7777777",
    "87654321",
    "88888888",
    "987654321",
    "99999999",
    "aa123456",
    "abc",
    "abc123",
    "abcd1234",
    "abcdefg",
    "abcdefgh",
    "access",
    "admin",
    "admin123",
    "administrator",
    "asdf1234",
    "asdfasdf",
    "asdfgh",
    "asdfghjk",
    "asdfghjkl",
    "azerty",
    "baseball",
    "batman",
    "changeme",
    "charlie",
    "computer",
    "daniel",
    "default",
    "donald",
    "dragon",
    "football",
    "freedom",
    "guest",
    "hello",
    "hello123",
    "iloveyou",
    "internet",
    "jordan23",
    "killer",
    "letmein",
    "letmein1",
    "liverpool",
    "login",
    "master",
    "michael",
    "monkey",
    "mustang",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "pokemon",
    "princess",
    "q1w2e3r4",
    "qazwsx",
    "qazwsxedc",
    "qwe123",
    "qwer1234",
    "qwerty",
    "qwerty1",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "root",
    "samsung",
    "secret",
    "shadow",
    "sunshine",
    "superman",
    "starwars",
    "test",
    "test123",
    "test1234",
    "trustno1",
    "user",
    "welcome",
    "welcome1",
    "whatever",
    "zaq12wsx",
    "zxcvbn",
    "zxcvbnm",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_only_its_password() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse", &stored) && !verify("correct horsf", &stored));
        assert_ne!(stored, hash("correct horse").unwrap());
        assert!(!is_outdated(&stored));
    }

    #[test]
    fn a_hash_of_django_is_verified_and_outdated() {
        // Python: hashlib.pbkdf2_hmac("sha256", b"lätmein!", b"seasalt", 1000)
        let stored = "pbkdf2_sha256$1000$seasalt$NHkJC8bPGF5Nc6+GeLQKEbKeMJxlhVnvXUBBFinQ4MM=";
        assert!(verify("lätmein!", stored) && !verify("letmein!", stored));
        assert!(is_outdated(stored));
    }

    #[test]
    fn a_broken_or_ruinous_hash_matches_nothing() {
        let ruinous = "$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
        for stored in ["", "!", "x$y", "pbkdf2_sha256$0$a$b", "pbkdf2_sha256$4000000000$a$AAAA", "$argon2id$", ruinous]
        {
            assert!(!verify("x", stored), "{stored}");
        }
        assert!(!verify(&"x".repeat(LONGEST + 1), "!"));
        assert!(hash(&"x".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn weaknesses_are_told_in_known_words() {
        let short = "This password is too short. It must contain at least 8 characters.";
        for (password, expected) in [
            ("abc", vec![short, "This password is too common."]),
            ("Password", vec!["This password is too common."]),
            ("9182736450", vec!["This password is entirely numeric."]),
            ("", vec![short]),
            ("a good long one", vec![]),
        ] {
            assert_eq!(weaknesses(password), expected, "{password}");
        }
    }

    #[test]
    fn generated_passwords_are_strong_and_differ() {
        let one = generate().unwrap();
        assert!(one.len() == 24 && weaknesses(&one).is_empty() && one != generate().unwrap());
    }
}
