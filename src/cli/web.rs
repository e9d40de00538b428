//! `doorward web`: the local page, and who may log in to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::output::{self, Exit, Usage};
use super::passphrase::{Terminal, first_line};
use super::{Format, print_json, start_stderr_log, table};
use crate::config::{self, Config};
use crate::files::{self, Kind};
use crate::ipc::Role;
use crate::trust;
use crate::web::{self, Account, Accounts, Page, Settings, Socket, TotpKey};

/// Threads that wait for the daemon's answers.
const MAX_WAITING_THREADS: usize = 64;

/// The page, or what is done about it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without a command it serves the page at web.listen, as doorward-web.service does. There is no\naccount until add-user makes one."
)]
pub(crate) struct Web {
    #[command(subcommand)]
    command: Option<WebCommand>,
}

/// What is done about the page.
#[derive(Debug, Subcommand)]
enum WebCommand {
    /// Let somebody log in, or give an account another password or role
    AddUser(AddUser),
    /// Let somebody log in no more
    RemoveUser {
        /// The account
        account: String,
        #[command(flatten)]
        format: Format,
    },
    /// List who may log in
    Users(#[command(flatten)] Format),
    /// Make a certificate for TLS, if there is none, and show its fingerprint
    Certificate {
        /// Make another one in the place of the one that is there
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Viewer,
    Operator,
    Administrator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Administrator => Self::Administrator,
        }
    }
}

#[derive(Debug, Args)]
struct AddUser {
    /// The account's name: 1 to 32 of a to z, 0 to 9, '.', '_' and '-'
    account: String,
    /// A viewer looks, an operator opens the door and sees its camera too, an administrator
    /// changes people too
    #[arg(long, value_enum)]
    role: RoleName,
    /// Ask for a code of an authenticator app too; the key for it is printed once
    #[arg(long)]
    totp: bool,
    /// Make a random password and print it, instead of asking for one
    #[arg(long, conflicts_with = "password_file")]
    generate: bool,
    /// Read the password from the first line of FILE, or of standard input for -
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Web {
    pub(super) fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let Some(command) = self.command else {
            return serve(path);
        };
        start_stderr_log(log::LevelFilter::Warn);
        let web = Config::load(path)?.web;
        match command {
            WebCommand::AddUser(add) => add.run(&web),
            WebCommand::RemoveUser { account, format } => remove(&web, &account, format),
            WebCommand::Users(format) => users(&web, format),
            WebCommand::Certificate { new, format } => certificate(&web, new, format),
        }
    }
}

fn serve(path: &Path) -> anyhow::Result<ExitCode> {
    start_stderr_log(log::LevelFilter::Info);
    // Whoever could write the file could have the page listen elsewhere.
    let runner = rustix::process::geteuid().as_raw();
    let config = Config::load(path)?;
    let exposed = trust::exposed(path, runner).unwrap_or_default();
    if config.daemon.strict_modes
        && let Some(exposed) = exposed.iter().find(|one| one.is_grave())
    {
        bail!("{exposed}");
    }
    let settings = Settings::of(&config.web, config.daemon.door.to_string())
        .context("web.listen is no address with a port")?;
    if Accounts::load(&settings.folder)?.is_empty() {
        log::warn!("nobody can log in yet: `sudo doorward web add-user NAME --role administrator`");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_WAITING_THREADS)
        .build()
        .context("the page cannot be started")?;
    runtime.block_on(async {
        let fingerprint = web::fingerprint(&settings.folder).ok();
        let page = Page::bind(settings, Arc::new(Socket::new(path.to_owned()))).await?;
        let (address, is_tls) = (page.address()?, page.is_tls());
        let scheme = if is_tls { "https" } else { "http" };
        log::info!("the page is at {scheme}://{address}");
        if let Some(fingerprint) = fingerprint.filter(|_| is_tls) {
            log::info!("its certificate has the SHA-256 fingerprint {fingerprint}");
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            () = page.serve() => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        anyhow::Ok(())
    })?;
    // Threads that wait for the daemon end with the process.
    runtime.shutdown_background();
    Ok(Exit::Done.into())
}

/// Makes the folder where there is none, for its owner and its group.
fn folder(web: &config::Web) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = &web.folder;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}

impl AddUser {
    fn run(self, web: &config::Web) -> anyhow::Result<ExitCode> {
        folder(web)?;
        let mut accounts = Accounts::load(&web.folder)?;
        let made = self.generate.then(web::generate_password).transpose()?;
        let password = match &made {
            Some(made) => made.clone(),
            None => self.password()?,
        };
        web::check_password(&password, &self.account)?;
        let key = self.totp.then(TotpKey::make).transpose()?;
        let account = Account {
            role: self.role.into(),
            password: web::keep_password(&password)?,
            totp: key.as_ref().map(TotpKey::base32),
        };
        let (role, was_there) = (account.role, accounts.get(&self.account).is_some());
        accounts.put(&self.account, account)?;
        accounts.save(&web.folder)?;
        let uri = key.map(|key| {
            format!(
                "otpauth://totp/doorward:{}?secret={}&issuer=doorward",
                self.account,
                key.base32()
            )
        });
        if self.format.json {
            print_json(&json!({
                "account": self.account,
                "role": role,
                "changed": was_there,
                "password": made,
                "totp": uri,
            }))?;
            return Ok(Exit::Done.into());
        }
        let what = if was_there { "changed" } else { "may log in" };
        println!("{} {what}, as {role}", self.account);
        if let Some(made) = made {
            println!("password: {made}");
        }
        if let Some(uri) = uri {
            println!("for the authenticator app, shown this once: {uri}");
        }
        Ok(Exit::Done.into())
    }

    fn password(&self) -> anyhow::Result<String> {
        match &self.password_file {
            Some(file) if file == Path::new("-") => {
                first_line(std::io::stdin().lock()).context("cannot read standard input")
            }
            Some(file) => files::open(file, Kind::Passphrase)
                .and_then(first_line)
                .with_context(|| format!("cannot read {}", file.display())),
            None => {
                let nobody = "there is no terminal to ask for the password at: add --generate, or --password-file FILE, or - for standard input";
                let mut terminal = Terminal::open().map_err(|_| Usage(nobody.into()))?;
                let password = terminal.ask("Password: ")?;
                if terminal.ask("The same again: ")? != password {
                    bail!("the two passwords are not the same; nothing was written");
                }
                Ok(password)
            }
        }
    }
}

fn remove(web: &config::Web, account: &str, format: Format) -> anyhow::Result<ExitCode> {
    let mut accounts = Accounts::load(&web.folder)?;
    if !accounts.remove(account) {
        let there: Vec<&str> = accounts.iter().map(|(name, _)| name).collect();
        bail!(
            "there is no account {}: there {}",
            crate::shown::Quoted(account),
            match there[..] {
                [] => "is none".to_owned(),
                _ => format!("are {}", there.join(", ")),
            }
        );
    }
    accounts.save(&web.folder)?;
    match format.json {
        true => print_json(&json!({ "account": account, "removed": true }))?,
        false => println!("{account} may log in no more"),
    }
    Ok(Exit::Done.into())
}

fn users(web: &config::Web, format: Format) -> anyhow::Result<ExitCode> {
    let accounts = Accounts::load(&web.folder)?;
    if format.json {
        let each = accounts.iter().map(|(name, account)| {
            json!({ "account": name, "role": account.role, "totp": account.totp.is_some() })
        });
        print_json(&json!({ "users": each.collect::<Vec<Value>>() }))?;
    } else if accounts.is_empty() {
        println!("Nobody may log in yet: doorward web add-user NAME --role administrator");
    } else {
        let rows = accounts.iter().map(|(name, account)| {
            let code = if account.totp.is_some() {
                "and a code"
            } else {
                ""
            };
            vec![name.to_owned(), account.role.to_string(), code.to_owned()]
        });
        table(&["account", "role", "password"], rows);
    }
    Ok(Exit::Done.into())
}

fn certificate(web: &config::Web, new: bool, format: Format) -> anyhow::Result<ExitCode> {
    folder(web)?;
    let path = web::certificate_path(&web.folder);
    let makes = new || !path.exists();
    if makes {
        web::make_certificate(&web.folder, &web::own_names(web), &addresses(web))?;
    }
    let fingerprint = web::fingerprint(&web.folder)?;
    if format.json {
        print_json(&json!({
            "file": path.display().to_string(),
            "made": makes,
            "fingerprint": fingerprint,
        }))?;
        return Ok(Exit::Done.into());
    }
    println!("{}", path.display());
    println!("SHA-256 {fingerprint}");
    if makes {
        println!("the page takes it when it is started: sudo systemctl restart doorward-web");
    }
    output::flush();
    Ok(Exit::Done.into())
}

/// This machine's, as far as it knows them without asking anybody.
fn addresses(web: &config::Web) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let listens = web.address().map(|address| address.ip());
    match listens.filter(|ip| !ip.is_unspecified()) {
        Some(ip) => all.push(ip),
        None => {
            // Nothing is sent: the kernel says which address it would send from.
            for (own, other) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
                let from = UdpSocket::bind(own).and_then(|socket| {
                    socket.connect(other)?;
                    socket.local_addr()
                });
                all.extend(from.map(|from| from.ip()));
            }
        }
    }
    all.sort();
    all.dedup();
    all
}
