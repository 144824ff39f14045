//! Reads a password: from a person, who does not see it, or from standard input.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// No password is longer than 4096 bytes; what follows is not read.
const LONGEST_LINE: u64 = 8192;

/// The first line of standard input, without its end.
pub fn password_from_input() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        Err(io::Error::other("standard input holds no password"))
    } else {
        Ok(password.to_owned())
    }
}

/// Asks twice on a terminal; without one, reads standard input.
pub fn password_for(name: &str) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        return password_from_input();
    }
    let first = ask(&format!("New password for {name}: "))?;
    if ask("Once more: ")? == first { Ok(first) } else { Err(io::Error::other("the two passwords differ")) }
}

fn ask(question: &str) -> io::Result<String> {
    io::stderr().write_all(question.as_bytes())?;
    let hidden = HiddenInput::start()?;
    let password = password_from_input();
    drop(hidden);
    io::stderr().write_all(b"\n")?;
    password
}

/// The terminal shows no input until this is dropped.
struct HiddenInput(Termios);

impl HiddenInput {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
