//! What a configuration meets when it is first used, told as one line that names the key and the way out.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use super::{Config, ConfigError, DatabaseAddress, StorageAddress};

impl Config {
    /// Makes the data folder and makes sure that it can be written to, if anything of this installation lies
    /// in it. A folder made here is closed to other users of the machine.
    pub fn prepare_data_dir(&self) -> Result<(), ConfigError> {
        if !self.uses_data_dir() {
            return Ok(());
        }
        let folder = &self.data_dir;
        let error = |what: &str, cause: io::Error| {
            let way = "name a folder you may write to with `--data-dir DIR` or `PITH_DATA_DIR`";
            ConfigError::for_key("data_dir", format!("{}: {what}: {cause}; {way}", folder.display()))
        };
        make_private(folder).map_err(|cause| error("cannot be made", cause))?;
        let probe = folder.join(format!(".write-test-{}", std::process::id()));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .map_err(|cause| error("cannot be written to", cause))
    }

    /// Why the server cannot listen where it was told to.
    pub fn listen_error(&self, cause: &io::Error) -> ConfigError {
        cannot_listen("listen", &self.listen, "`--listen ADDRESS:PORT` or `PITH_LISTEN`", cause)
    }

    /// The same of the address for metrics.
    pub fn metrics_listen_error(&self, cause: &io::Error) -> ConfigError {
        let address = self.metrics_listen.as_deref().unwrap_or_default();
        cannot_listen("metrics_listen", address, "`PITH_METRICS_LISTEN`", cause)
    }

    fn uses_data_dir(&self) -> bool {
        let inside = |path: &Path| path.starts_with(&self.data_dir);
        matches!(&self.database, DatabaseAddress::Sqlite(path) if inside(path))
            || matches!(&self.storage, StorageAddress::Local(path) if inside(path))
            || inside(&self.secret_key_file)
    }
}

fn cannot_listen(key: &'static str, address: &str, way: &str, cause: &io::Error) -> ConfigError {
    let problem = match cause.kind() {
        io::ErrorKind::AddrInUse => "is taken by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "is no address of this machine".to_owned(),
        io::ErrorKind::PermissionDenied => "is not free to use; ports below 1024 need a privilege".to_owned(),
        _ => format!("cannot be listened on: {cause}"),
    };
    ConfigError::for_key(key, format!("`{address}` {problem}; choose another with {way}"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
