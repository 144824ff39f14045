//! A running `pith`, stopped with its test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::http::Client;
use super::pulp::sha256;
use super::world::World;

/// The password of `admin` on every server here.
pub const PASSWORD: &str = "a-password-of-tests";

/// What tests need other than in production: nothing is too young to be deleted, files may be synced from
/// the folder for temporary files.
const SETTINGS: [(&str, &str); 8] = [
    ("PITH_ADMIN_PASSWORD", PASSWORD),
    ("PITH_ORPHAN_PROTECTION_TIME", "0"),
    ("PITH_TASK_PROTECTION_TIME", "0"),
    ("PITH_UPLOAD_PROTECTION_TIME", "0"),
    ("PITH_TMPFILE_PROTECTION_TIME", "0"),
    ("PITH_DISTRIBUTED_PUBLICATION_RETENTION_PERIOD", "0"),
    ("PITH_TASK_DIAGNOSTICS", r#"["memory"]"#),
    ("PITH_ALLOWED_IMPORT_PATHS", r#"["/tmp"]"#),
];

/// One server with a database and a store of its own. Derefs to a client that is logged in as `admin`.
pub struct Server {
    running: Option<Running>,
    client: Client,
    settings: Vec<(String, String)>,
    world: Arc<World>,
    folder: Arc<TempDir>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these variables beside or instead of the usual ones.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = folder();
        let world = World::new(&folder.path().join("data"));
        let mut server = Self::in_world(folder, world, settings);
        server.restart();
        server
    }

    /// One that has nothing yet, and does not run: [`Self::restart`] starts it.
    pub fn prepared(settings: &[(&str, &str)]) -> Self {
        let folder = folder();
        let world = World::empty(&folder.path().join("data"));
        Self::in_world(folder, world, settings)
    }

    fn in_world(folder: TempDir, world: World, settings: &[(&str, &str)]) -> Self {
        let (folder, world) = (Arc::new(folder), Arc::new(world));
        let own = settings.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let usual = SETTINGS.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let settings: Vec<_> = usual.chain(world.environment.clone()).chain(own).collect();
        let client = Client::new(([127, 0, 0, 1], 0).into(), None);
        Self { running: None, client, settings, world, folder }
    }

    /// A new one that a backup was put into; what the verb says when it refuses.
    pub fn restored(backups: &Path, options: &[&str]) -> Result<Self, String> {
        Self::restored_with(backups, options, &[])
    }

    /// The same with these variables.
    pub fn restored_with(backups: &Path, options: &[&str], settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut server = Self::prepared(settings);
        server.command(&[&["restore", backups.to_str().unwrap()], options].concat())?;
        server.restart();
        Ok(server)
    }

    /// What a start says that must fail.
    pub fn try_start(&self) -> Result<(), String> {
        Running::start(&self.settings, self.folder.path()).map(drop)
    }

    /// A verb that runs on its own, as long as it likes.
    pub fn spawn(&self, arguments: &[&str], output: Stdio) -> Child {
        let mut command = pith();
        command.args(arguments).envs(self.settings.iter().cloned()).current_dir(self.folder.path());
        command.stdout(output).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The variables that it runs with.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// Another process with the same settings, on the same database and store. For databases that are no file.
    pub fn beside(&self) -> Self {
        let running = Running::start(&self.settings, self.folder.path());
        let running = running.unwrap_or_else(|log| panic!("no start:\n{log}"));
        let client = Client::new(running.address, Some(("admin", PASSWORD)));
        let (settings, world, folder) = (self.settings.clone(), self.world.clone(), self.folder.clone());
        Self { running: Some(running), client, settings, world, folder }
    }

    /// What a start that must fail says. These variables are beside or instead of the usual ones.
    pub fn refusal(settings: &[(&str, &str)]) -> String {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let own = settings.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let data = [("PITH_DATA_DIR".to_owned(), data.to_str().unwrap().to_owned())];
        let settings: Vec<_> = data.into_iter().chain(own).collect();
        match Running::start(&settings, folder.path()) {
            Ok(_) => panic!("it started"),
            Err(log) => log,
        }
    }

    /// Ends it as a power cut would: `kill -9`.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Another verb of the command line, on the same state. Its standard output.
    pub fn run(&self, verb: &str) -> String {
        let mut command = pith();
        command.arg(verb).envs(self.settings.iter().cloned()).current_dir(self.folder.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// The same of a verb with arguments, by whether it succeeded: what it says on standard output, or on standard error.
    pub fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = pith();
        command.args(arguments).envs(self.settings.iter().cloned()).current_dir(self.folder.path());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Where the store, local or not, keeps the artifact of these bytes.
    pub fn stored(&self, bytes: &[u8]) -> PathBuf {
        let digest = sha256(bytes);
        self.store().join("artifact").join(&digest[..2]).join(&digest[2..])
    }

    /// Asks it to end with SIGTERM, and waits until it did. Returns whether it called that a success.
    pub fn stop(&mut self) -> bool {
        let mut running = self.running.take().unwrap();
        let pid = running.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        running.child.wait().unwrap().success()
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], on the same state, at another address.
    pub fn restart(&mut self) {
        let running = Running::start(&self.settings, self.folder.path());
        let running = running.unwrap_or_else(|log| panic!("no restart:\n{log}"));
        self.client = Client::new(running.address, Some(("admin", PASSWORD)));
        self.running = Some(running);
    }

    pub fn anonymous(&self) -> Client {
        Client::new(self.address(), None)
    }

    pub fn user(&self, name: &str, password: &str) -> Client {
        Client::new(self.address(), Some((name, password)))
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().child.id()
    }

    /// The address of its database, where that is no file.
    pub fn database(&self) -> Option<&str> {
        let found = self.settings.iter().find(|(key, _)| key == "PITH_DATABASE");
        found.map(|(_, address)| address.as_str())
    }

    /// The folder that holds all of its own.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the store, local or not, keeps its files.
    pub fn store(&self) -> &Path {
        &self.world.store
    }

    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }
}

impl std::ops::Deref for Server {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the server's log\n{}", self.log());
        }
    }
}

/// The command line of the binary under test, without the variables of the tests' own environment.
pub fn pith() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pith"));
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("PITH_")) {
        command.env_remove(key);
    }
    command
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("pith-test-").tempdir().unwrap()
}

/// The process. Killed when dropped, also when this process ends without dropping anything.
struct Running {
    child: Child,
    address: SocketAddr,
    _watch: ChildStdin,
}

impl Running {
    /// Returns when it answers; the log when it ends instead.
    fn start(settings: &[(String, String)], folder: &Path) -> Result<Self, String> {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = pith();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.envs(settings.iter().cloned()).current_dir(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let watch = watch(child.id());
        let address = first_address(child.stdout.take().unwrap());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(read_log(folder));
        };
        Ok(Self { child, address, _watch: watch })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line `listening on http://127.0.0.1:PORT`, waited for at most half a minute.
fn first_address(stdout: std::process::ChildStdout) -> Option<SocketAddr> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        // Read to the end even when nobody listens, so that the server never waits for its output.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let next = || receive.recv_timeout(Duration::from_secs(30)).ok();
    std::iter::from_fn(next).find_map(|line| line.strip_prefix("listening on http://")?.parse().ok())
}

/// A process that kills `pid` when this process is gone, however it went.
fn watch(pid: u32) -> ChildStdin {
    let script = "cat >/dev/null; kill -9 \"$0\" 2>/dev/null";
    let mut watch = Command::new("sh");
    watch.args(["-c", script, &pid.to_string()]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    watch.spawn().unwrap().stdin.take().unwrap()
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
