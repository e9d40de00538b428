//! Doors that only speak: a certificate each, and requests as bytes, so that what is measured is
//! the hub. They come from many addresses of loopback, as doors do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward::fleet::store::Store;
use doorward::fleet::wire::{Decoder, Frame, message};
use doorward::fleet::{
    Change, DoorCard, FounderKeys, HubKeys, Kind, List, MAX_COMMIT_ROWS, Mark, Position, Put,
    Right, RowId, Signer, Standing,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Doors behind one address.
const AT_ONE_ADDRESS: usize = 40;
/// Of a person with one template of 128 numbers, sealed.
pub const BODY_BYTES: usize = 640;

/// A door as far as a hub sees one.
pub struct Door {
    tls: Arc<ClientConfig>,
    from: IpAddr,
    hub: SocketAddr,
}

/// A fleet that is in a store: its doors and its people.
pub struct Fleet {
    pub doors: Vec<Arc<Door>>,
    pub list: List,
    pub signer: Signer,
    random: fastrand::Rng,
}

fn address(at: usize) -> IpAddr {
    let at = at / AT_ONE_ADDRESS;
    Ipv4Addr::new(127, 0, 1 + (at / 200) as u8, 1 + (at % 200) as u8).into()
}

impl Fleet {
    /// Puts so many doors and people into a store that is empty.
    pub async fn fill(
        store: &impl Store,
        founder: &FounderKeys,
        hub: &HubKeys,
        at: SocketAddr,
        doors: usize,
        people: usize,
    ) -> Self {
        let json = serde_json::to_value(founder).unwrap();
        let pem = |json: &serde_json::Value| json.as_str().unwrap().to_owned();
        let root: [u8; 32] = STANDARD
            .decode(pem(&json["root"]))
            .unwrap()
            .try_into()
            .unwrap();
        let root = Signer::root(&root);
        let authority = CertificateDer::from_pem_slice(pem(&json["door"]["authority"]).as_bytes());
        let mut roots = RootCertStore::empty();
        roots.add(authority.unwrap()).unwrap();
        let roots = Arc::new(roots);
        let key = KeyPair::from_pem(&pem(&json["authority_key"])).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "doorward fleet");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = Issuer::new(params, &key);

        let mut fleet = Self {
            doors: Vec::new(),
            list: List::new(hub.root().unwrap()),
            signer: Signer::new(RowId([1; 16]), &[7; 32]),
            random: fastrand::Rng::with_seed(1),
        };
        let founding = hub.founding().unwrap();
        fleet.list.follow(&founding.rows, &founding.commit).unwrap();
        assert!(store.put(founding).await.unwrap());
        let mut changes = Vec::new();
        for at_door in 0..doors {
            let mut id = [1; 16];
            id[8..].copy_from_slice(&(at_door as u64).to_be_bytes());
            let id = match at_door {
                0 => fleet.signer.id(),
                _ => RowId(id),
            };
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let card = DoorCard {
                name: format!("door{at_door}"),
                right: Right::Enrol,
                key: fleet.signer.public(),
                certificate: Sha256::digest(certificate.der()).into(),
            };
            changes.push(Change {
                id,
                kind: Kind::Door,
                standing: Standing::Enabled,
                body: card.encode(),
            });
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let mut tls = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_client_auth_cert(vec![certificate.der().clone()], key)
                .unwrap();
            tls.resumption = rustls::client::Resumption::disabled();
            fleet.doors.push(Arc::new(Door {
                tls: Arc::new(tls),
                from: address(at_door),
                hub: at,
            }));
        }
        for changes in changes.chunks(MAX_COMMIT_ROWS) {
            let put = fleet.signed(changes, &root);
            assert!(store.put(put).await.unwrap());
        }
        let people: Vec<Change> = (0..people).map(|at| fleet.person(at, true)).collect();
        for people in people.chunks(MAX_COMMIT_ROWS) {
            let signer = Signer::new(fleet.signer.id(), &[7; 32]);
            let put = fleet.signed(people, &signer);
            assert!(store.put(put).await.unwrap());
        }
        fleet
    }

    fn person(&mut self, at: usize, is_enabled: bool) -> Change {
        let mut id = [9; 16];
        id[8..].copy_from_slice(
            &(at as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_be_bytes(),
        );
        // Whoever disables need not say more.
        let bytes = if is_enabled { BODY_BYTES } else { 0 };
        let body = (0..bytes).map(|_| self.random.u8(..)).collect();
        Change {
            id: RowId(id),
            kind: Kind::Person,
            standing: match is_enabled {
                true => Standing::Enabled,
                false => Standing::Disabled,
            },
            body,
        }
    }

    fn signed(&mut self, changes: &[Change], signer: &Signer) -> Put {
        let mark = Mark(std::array::from_fn(|_| self.random.u8(..)));
        let put = Put::sign(&self.list, changes, mark, 1_767_225_600, signer).unwrap();
        self.list.follow(&put.rows, &put.commit).unwrap();
        put
    }

    /// The commit that disables the first people.
    pub fn disable(&mut self, people: usize) -> Put {
        let changes: Vec<Change> = (0..people).map(|at| self.person(at, false)).collect();
        let signer = Signer::new(self.signer.id(), &[7; 32]);
        self.signed(&changes, &signer)
    }
}

/// A connection of a door.
pub struct Line {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// What there is to read at the hub, told in frames' heads.
pub struct Told {
    pub bytes: usize,
    pub rows: usize,
    /// Where to go on.
    pub position: Position,
    /// Whether that is the end.
    pub is_end: bool,
}

impl Door {
    pub async fn tcp(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        let stream = socket.connect(self.hub).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub async fn open(&self) -> std::io::Result<Line> {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = self.tcp().await?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await?;
        Ok(Line {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Until there is a connection over which the hub answered.
    pub async fn back(&self, position: Position) -> Line {
        loop {
            if let Ok(mut line) = self.open().await
                && line.list(position, 0).await.is_ok()
            {
                return line;
            }
            let wait = fastrand::u64(100..400);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}

impl Line {
    pub async fn request(&mut self, path: &str, body: &[u8]) -> std::io::Result<()> {
        let length = body.len();
        let mut request =
            format!("POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Length: {length}\r\n\r\n")
                .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.stream.flush().await
    }

    /// A body, if the answer is 200.
    pub async fn answer(&mut self) -> std::io::Result<Vec<u8>> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let head = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(broken("ended"));
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_lowercase();
        if !text.starts_with("http/1.1 200") {
            return Err(broken(&text));
        }
        let length = text
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok())
            .ok_or_else(|| broken("no length"))?;
        self.buffer.reserve(head + length);
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(broken("cut"));
            }
        }
        let body = self.buffer[head..head + length].to_vec();
        self.buffer = Vec::new();
        Ok(body)
    }

    pub async fn ask(&mut self, path: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        self.request(path, body).await?;
        self.answer().await
    }

    /// What is after a position.
    pub async fn list(&mut self, position: Position, wait_s: u32) -> std::io::Result<Told> {
        let since = message(&[Frame::Since { position, wait_s }]);
        let body = self.ask("/list", &since).await?;
        Ok(told(&body, position))
    }

    /// Fetches everything after a position; bytes and rows.
    pub async fn sync(&mut self, mut position: Position) -> std::io::Result<(usize, usize)> {
        let (mut bytes, mut rows) = (0, 0);
        loop {
            let told = self.list(position, 0).await?;
            bytes += told.bytes;
            rows += told.rows;
            position = told.position;
            if told.is_end {
                return Ok((bytes, rows));
            }
        }
    }
}

fn told(body: &[u8], since: Position) -> Told {
    let mut told = Told {
        bytes: body.len(),
        rows: 0,
        position: since,
        is_end: false,
    };
    let mut rest = body;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        match after[0] {
            2 => told.rows += 1,
            3 | 4 => {
                let mut decoder = Decoder::default();
                decoder.push(&rest[..4 + length]);
                match decoder.next_frame() {
                    Ok(Some(Frame::Page(position))) => told.position = position,
                    Ok(Some(Frame::Commit(commit))) => {
                        told.position = commit.position;
                        told.is_end = true;
                    }
                    other => panic!("{other:?}"),
                }
            }
            12 => {}
            other => panic!("a frame of kind {other}"),
        }
        rest = &after[length..];
    }
    told
}
