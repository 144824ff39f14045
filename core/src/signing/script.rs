//! The reference's form of a signing service: a program of the administrator's. It is called with the path of the file
//! to sign and prints JSON: `{"file": …, "signature": …, "key": …}` for a detached signature in armour, or the path of
//! the signed file under a key of the format's own.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::work_folder::WorkFolder;
use crate::config;

/// How long a script may take, in seconds. Large packages and slow keys (of hardware, or elsewhere) need a while.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How long its output is read after it ended; a daemon that it started may hold on to it.
const LINGER: Duration = Duration::from_secs(1);
/// The most that it may print, in bytes.
const LARGEST_OUTPUT: usize = 64 << 10;
/// The largest detached signature, in bytes.
const LARGEST_SIGNATURE: u64 = 1 << 20;
/// How much of its complaints is told, in characters.
const TOLD: usize = 500;

/// What holds for one run.
pub struct Run<'a> {
    /// Where the folder to work in is made.
    pub folder: &'a Path,
    pub cid: &'a str,
    /// The key that shall sign.
    pub fingerprint: &'a str,
}

/// A script that can be run.
#[derive(Clone, Debug)]
pub struct Script(PathBuf);

impl Script {
    /// # Errors
    /// Text for the administrator when it is no executable file at an absolute path.
    pub fn new(path: &str) -> Result<Self, String> {
        let path = PathBuf::from(path);
        let shown = path.display();
        if !path.is_absolute() {
            return Err(format!("the script `{shown}` is not named by an absolute path"));
        }
        let metadata = path.metadata().map_err(|cause| format!("the script `{shown}` cannot be used: {cause}"))?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
            return Err(format!("the script `{shown}` is no executable file"));
        }
        Ok(Self(path))
    }

    /// A detached signature of the bytes, in armour.
    pub async fn sign(&self, run: &Run<'_>, bytes: &Bytes) -> Result<Bytes, String> {
        let bytes = bytes.clone();
        let (folder, file) = prepare(run.folder, "data", move |path| std::fs::write(path, &bytes)).await?;
        let answer = self.run(run, &folder, &file).await?;
        let signature = named(&answer, "signature", &folder)?;
        spawn_blocking(move || read_signature(&signature).map(|bytes| (bytes, folder)))
            .await
            .map_err(|cause| cause.to_string())?
            .map(|(bytes, _)| bytes)
    }

    /// Has a copy of a file signed. The path of the signed one, which goes with the folder, is what the script's answer
    /// has under `key`.
    pub async fn sign_file(
        &self,
        run: &Run<'_>,
        file: &Path,
        name: &str,
        key: &str,
    ) -> Result<(WorkFolder, PathBuf), String> {
        let file = file.to_owned();
        let (folder, copy) = prepare(run.folder, name, move |path| copy_writable(&file, path)).await?;
        let answer = self.run(run, &folder, &copy).await?;
        let signed = named(&answer, key, &folder)?;
        Ok((folder, signed))
    }

    async fn run(&self, run: &Run<'_>, folder: &WorkFolder, file: &Path) -> Result<Json, String> {
        let mut command = Command::new(&self.0);
        command.arg(file).current_dir(folder.path());
        // What the configuration keeps secret is none of the script's business.
        for name in config::variables() {
            command.env_remove(name);
        }
        command.env("PULP_SIGNING_KEY_FINGERPRINT", run.fingerprint).env("CORRELATION_ID", run.cid);
        command.env("PULP_TEMP_WORKING_DIR", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let shown = self.0.display();
        let child = command.spawn().map_err(|cause| format!("the script `{shown}` cannot be run: {cause}"))?;
        let mut family = Family(child.id());
        let ended = timeout(TIMEOUT, finish(child)).await;
        let (status, output, complaints) = ended
            .map_err(|_| format!("the script `{shown}` did not end within {} seconds", TIMEOUT.as_secs()))?
            .map_err(|cause| format!("the script `{shown}` cannot be used: {cause}"))?;
        family.0 = None;
        if !status.success() {
            let complaints = String::from_utf8_lossy(&complaints);
            let told: String = complaints.trim().chars().take(TOLD).collect();
            return Err(format!("the script `{shown}` failed ({status}): {told}"));
        }
        serde_json::from_slice(&output).map_err(|cause| format!("the script `{shown}` printed no JSON: {cause}"))
    }
}

/// Ends a script with all that it started, unless it has ended by itself.
struct Family(Option<u32>);

impl Drop for Family {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(pid) = pid {
            // It may be gone just now.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Makes a private folder and a file in it.
async fn prepare(
    parent: &Path,
    name: &str,
    write: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
) -> Result<(WorkFolder, PathBuf), String> {
    let (parent, name) = (parent.to_owned(), name.to_owned());
    let made = spawn_blocking(move || {
        let folder = WorkFolder::new(&parent)?;
        let file = folder.path().join(name);
        write(&file)?;
        Ok::<_, io::Error>((folder, file))
    });
    let made = made.await.map_err(|cause| cause.to_string())?;
    made.map_err(|cause| format!("the file to sign cannot be written: {cause}"))
}

/// The bytes alone: files of the store may be read-only.
fn copy_writable(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut File::create_new(to)?).map(drop)
}

/// Waits for the end and what was printed.
async fn finish(mut child: Child) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (mut output, mut complaints) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async { tokio::try_join!(collect(stdout, &mut output), collect(stderr, &mut complaints)) };
        tokio::pin!(reading);
        tokio::select! {
            read = &mut reading => {
                read?;
                child.wait().await?
            }
            status = child.wait() => {
                if let Ok(read) = timeout(LINGER, reading).await {
                    read?;
                }
                status?
            }
        }
    };
    Ok((status, output, complaints))
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    while pipe.read_buf(into).await? > 0 {
        if into.len() > LARGEST_OUTPUT {
            return Err(io::Error::other(format!("it prints more than {LARGEST_OUTPUT} bytes")));
        }
    }
    Ok(())
}

/// A path of the script's answer.
fn named(answer: &Json, key: &str, folder: &WorkFolder) -> Result<PathBuf, String> {
    let path = answer.get(key).and_then(Json::as_str).filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| format!("the script's answer has no path under `{key}`"))?;
    Ok(folder.path().join(path))
}

fn read_signature(path: &Path) -> Result<Bytes, String> {
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST_SIGNATURE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_SIGNATURE {
            return Err(io::Error::other(format!("it is larger than {LARGEST_SIGNATURE} bytes")));
        }
        Ok(bytes)
    };
    let bytes = read().map_err(|cause| format!("the signature cannot be read: {cause}"))?;
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP SIGNATURE-----") {
        return Err("the signature is not in armour".to_owned());
    }
    Ok(bytes.into())
}
