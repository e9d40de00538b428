//! A real PostgreSQL of Debian's package, in a folder of its own, on a Unix socket.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{Need, lacks};

/// A server that ends with it.
#[derive(Clone)]
pub struct Server(Arc<Running>);

struct Running {
    bin: PathBuf,
    folder: tempfile::TempDir,
    user: Option<(u32, u32)>,
    child: Mutex<Child>,
}

/// The newest of Debian's.
fn programs() -> Option<PathBuf> {
    let all = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = all.flatten().map(|one| one.path().join("bin")).collect();
    found.retain(|bin| bin.join("postgres").exists() && bin.join("initdb").exists());
    found.sort();
    found.pop()
}

/// PostgreSQL refuses root: its own user then.
fn user() -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}

impl Server {
    /// Nothing, and said, where there is none on this machine.
    pub fn start() -> Option<Self> {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same in a folder under this one, whose path is short.
    pub fn start_in(parent: &Path) -> Option<Self> {
        let Some(bin) = programs() else {
            lacks(
                Need::Postgres,
                "there is no /usr/lib/postgresql/*/bin/postgres",
            );
            return None;
        };
        let is_root = rustix::process::geteuid().is_root();
        let user = user().filter(|_| is_root);
        if is_root && user.is_none() {
            lacks(Need::Postgres, "there is no user postgres for it to run as");
            return None;
        }
        // A socket's path has 107 bytes at most.
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in(parent);
        let folder = folder.unwrap();
        if let Some((uid, gid)) = user {
            // It has to get there.
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            if parent != std::env::temp_dir() {
                std::fs::set_permissions(parent, open).unwrap();
            }
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(&bin.join("initdb"), user, folder.path());
        initdb
            .args([
                "--auth=trust",
                "--no-sync",
                "--wal-segsize=1",
                "--username=doorward",
                "-D",
            ])
            .arg(&data);
        let made = initdb.output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let child = launch(&bin, user, folder.path());
        let server = Self(Arc::new(Running {
            bin,
            folder,
            user,
            child: Mutex::new(child),
        }));
        server.wait();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!(
            "host={} user=doorward dbname=postgres",
            self.0.folder.path().display()
        )
    }

    /// Ends it as a power cut does, and starts it again.
    pub fn kill(&self) {
        let mut child = self.0.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Its children notice a moment later, and until then it does not start again.
        *child = launch(&self.0.bin, self.0.user, self.0.folder.path());
        drop(child);
        self.wait();
    }

    fn wait(&self) {
        for _ in 0..600 {
            if self
                .psql(&["-c", "SELECT 1"])
                .output()
                .unwrap()
                .status
                .success()
            {
                return;
            }
            let mut child = self.0.child.lock().unwrap();
            if child.try_wait().unwrap().is_some() {
                *child = launch(&self.0.bin, self.0.user, self.0.folder.path());
            }
            drop(child);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.0.folder.path().join("log"));
        panic!("PostgreSQL does not start: {}", log.unwrap_or_default());
    }

    fn psql(&self, args: &[&str]) -> Command {
        let mut psql = as_user(&self.0.bin.join("psql"), self.0.user, self.0.folder.path());
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "doorward",
            "-d",
            "postgres",
            "-h",
        ]);
        psql.arg(self.0.folder.path()).args(args);
        psql
    }

    /// All tables, as SQL.
    pub fn dump(&self) -> String {
        let mut dump = as_user(
            &self.0.bin.join("pg_dump"),
            self.0.user,
            self.0.folder.path(),
        );
        dump.args([
            "-U", "doorward", "-d", "postgres", "-n", "doorward", "--clean", "-h",
        ]);
        let made = dump.arg(self.0.folder.path()).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        String::from_utf8(made.stdout).unwrap()
    }

    pub fn restore(&self, dump: &str) {
        let file = self.0.folder.path().join("dump.sql");
        std::fs::write(&file, dump).unwrap();
        let done = self.psql(&["-f", file.to_str().unwrap()]).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

fn as_user(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C.UTF-8");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn launch(bin: &Path, user: Option<(u32, u32)>, folder: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut postgres = as_user(&bin.join("postgres"), user, folder);
    postgres
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder);
    postgres.args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB"]);
    postgres.stdout(Stdio::null()).stderr(log);
    postgres.spawn().unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        // An immediate shutdown; SIGKILL would leave its children for a moment.
        let pid = rustix::process::Pid::from_child(child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = child.wait();
    }
}
