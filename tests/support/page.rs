//! The page under test: served in a thread of this process before a door that is none, and a
//! browser as small as can be.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use doorward::ipc::Role;
use doorward::web::{self, Account, Accounts, Page, Settings};

use super::fake_door::{FakeDoor, Shared};

/// The password of every account here.
pub const PASSWORD: &str = "correct horse battery";

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page that is served until it is dropped.
pub struct Served {
    pub address: SocketAddr,
    pub folder: tempfile::TempDir,
    pub door: Arc<FakeDoor>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// An account with the test's password.
pub fn account(role: Role) -> Account {
    static KEPT: OnceLock<String> = OnceLock::new();
    let kept = KEPT.get_or_init(|| web::keep_password(PASSWORD).unwrap());
    Account {
        role,
        password: kept.clone(),
        totp: None,
    }
}

/// `vera`, `olive` and `ada`, of the three roles.
pub fn accounts() -> Accounts {
    let mut accounts = Accounts::default();
    for (name, role) in [
        ("vera", Role::Viewer),
        ("olive", Role::Operator),
        ("ada", Role::Administrator),
    ] {
        accounts.put(name, account(role)).unwrap();
    }
    accounts
}

/// How a page of this folder is set up, on a port of the system's choice.
pub fn settings(folder: &Path, listen: &str) -> Settings {
    Settings {
        listen: listen.parse().unwrap(),
        title: "front-door".into(),
        names: vec!["door.lan".into()],
        folder: folder.to_owned(),
        is_tls: false,
    }
}

impl Served {
    pub fn new() -> Self {
        Self::at("127.0.0.1:0", |_| {})
    }

    /// At an address, the folder prepared.
    pub fn at(listen: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        accounts().save(folder.path()).unwrap();
        prepare(folder.path());
        let photo =
            std::fs::read(super::support::project().join("tests/photos/eileen-collins/01.jpg"));
        let door = FakeDoor::new(&photo.unwrap(), Duration::from_millis(20));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let (settings, behind) = (settings(folder.path(), listen), door.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let page = Page::bind(settings, Arc::new(Shared(behind)))
                    .await
                    .unwrap();
                tell.send(page.address().unwrap()).unwrap();
                tokio::select! {
                    () = page.serve() => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            address: told.recv_timeout(PATIENCE).unwrap(),
            folder,
            door,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Somebody who is logged in.
    pub fn browser(&self, account: &str) -> Browser {
        let mut browser = Browser::new(self.address);
        let answer = browser.log_in(account, PASSWORD);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// From all that a server sent.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let is_chunked = headers
            .iter()
            .any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        let body = &bytes[end + 4..];
        Some(Self {
            status,
            headers,
            body: match is_chunked {
                true => unchunked(body),
                false => body.to_vec(),
            },
        })
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = String::from_utf8_lossy(&body[..end]);
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let from = end + 2;
        if length == 0 || body.len() < from + length {
            break;
        }
        whole.extend_from_slice(&body[from..from + length]);
        body = body.get(from + length + 2..).unwrap_or_default();
    }
    whole
}

/// Keeps cookies, follows nothing, runs no scripts.
#[derive(Debug, Clone)]
pub struct Browser {
    address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        }
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// A form; of its fields the values are written as browsers write them.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let encoded = |text: &str| -> String {
            let each = text.bytes().map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(b).to_string()
                }
                _ => format!("%{b:02X}"),
            });
            each.collect()
        };
        let pairs = fields
            .iter()
            .map(|(n, v)| format!("{}={}", encoded(n), encoded(v)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.send("POST", path, &[kind], body.as_bytes())
    }

    /// A form with files: fields first, in their order.
    pub fn upload(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &[u8])],
    ) -> Reply {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(
                format!(
                    "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
                .into_bytes(),
            );
        }
        for (name, bytes) in files {
            body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"photos\"; filename=\"{name}\"\r\nContent-Type: image/jpeg\r\n\r\n").into_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--edge--\r\n");
        let kind = ("Content-Type", "multipart/form-data; boundary=edge");
        self.send("POST", path, &[kind], &body)
    }

    /// The request as it goes over the wire.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let own = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let all: Vec<(&str, &str)> = own.chain(headers.iter().copied()).collect();
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !all
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            text += &format!("Host: {}\r\n", self.address);
        }
        if !all
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("accept"))
        {
            text += "Accept: text/html\r\n";
        }
        for (name, value) in &all {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let pairs = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            text += &format!("Cookie: {}\r\n", pairs.collect::<Vec<_>>().join("; "));
        }
        if method != "GET" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let request = self.request(method, path, headers, body);
        let mut stream = self.connect();
        // A server that has heard enough may close before all was sent.
        let _ = stream.write_all(&request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let reply = Reply::parse(&bytes).unwrap_or_else(|| panic!("{method} {path}: no answer"));
        self.keep_cookies(&reply);
        reply
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn keep_cookies(&mut self, reply: &Reply) {
        for (_, set) in reply
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            let pair = set.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match set.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// The token in the forms of a page.
    pub fn token(&mut self, path: &str) -> String {
        let page = self.get(path).text();
        token_in(&page).unwrap_or_else(|| panic!("{path} has no form: {page}"))
    }

    pub fn log_in(&mut self, account: &str, password: &str) -> Reply {
        self.log_in_with(account, password, "")
    }

    pub fn log_in_with(&mut self, account: &str, password: &str, code: &str) -> Reply {
        let token = self.token("/log-in");
        let fields = [
            ("token", token.as_str()),
            ("account", account),
            ("password", password),
            ("code", code),
        ];
        self.post("/log-in", &fields)
    }
}

/// The first token in a page.
pub fn token_in(page: &str) -> Option<String> {
    let after = page.split("name=\"token\" value=\"").nth(1)?;
    Some(after.split('"').next()?.to_owned())
}
