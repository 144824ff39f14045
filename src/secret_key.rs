//! `pith secret-key`: options and what they come to.

use std::time::Duration;

use pith_core::config::{Config, StartError};
use pith_core::installation::{self, Resealed};

use crate::cli::{RetireOptions, SecretKeyVerb};
use crate::plugins;

/// Does it; the text is for standard output. Also tells whether every value can be decrypted, as far as it was looked.
pub fn run(config: &Config, verb: SecretKeyVerb) -> Result<(String, bool), StartError> {
    match verb {
        SecretKeyVerb::Add => {
            let id = installation::add_secret_key(config)?;
            let path = config.secret_key_file.display();
            let text =
                format!("added the key {id} to {path}; copy the file to all hosts before `pith secret-key rotate`\n");
            Ok((text, true))
        }
        SecretKeyVerb::Rotate(retire) => {
            installation::promote_secret_key(config)?;
            reseal(config, &retire)
        }
        SecretKeyVerb::Reseal(retire) => reseal(config, &retire),
    }
}

fn reseal(config: &Config, retire: &RetireOptions) -> Result<(String, bool), StartError> {
    let retire = retire.retire.then(|| Duration::from_secs(retire.settle));
    let Resealed { key, values, unreadable, retired } =
        installation::reseal(config, &plugins::plugins(config), retire)?;
    let mut text = format!("the key {key} encrypts; {values} values were encrypted anew with it\n");
    if unreadable > 0 {
        text.push_str(&format!("{unreadable} values cannot be decrypted: the key file lacks their key; see the log\n"));
    }
    for id in retired {
        text.push_str(&format!("removed the key {id}\n"));
    }
    Ok((text, unreadable == 0))
}
