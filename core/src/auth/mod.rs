//! Who is asking and what they may do: passwords, remembered credentials, sessions, secrets at rest, and the
//! declaration of rights. Pure of HTTP and of SQL; callers bring rows and cookies.

pub mod credentials;
pub mod key_file;
pub mod oidc;
pub mod password;
pub mod policy;
pub mod secrets;
pub mod session;
pub mod throttle;
pub mod token;

pub use credentials::{CredentialCache, Verdict};
pub use policy::{Actor, Policy};
pub use secrets::Secrets;

use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Result};

/// Bytes nobody can guess, from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(bytes)
}
