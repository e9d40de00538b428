//! Keys, and who has which: the founder's make doors and revoke them, a door's speak for it, a
//! hub's only serve.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::gateway::{Identity, TlsError};
use super::list::List;
use super::put::{Change, Put};
use super::row::{DoorCard, Kind, Mark, Right, RowId, Standing};
use super::session::{now_s, random};
use super::signing::{Root, Signer};
use super::wire::{self, Frame};

/// How long a door's or hub's certificate is good for, and the authority's.
const DAYS: u64 = 5 * 365;
const AUTHORITY_DAYS: u64 = 20 * 365;
/// What the founder is called among the doors.
pub const FOUNDER: &str = "founder";

/// Why keys cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error(
        "the file has no key called {0}, or a wrong one; take the file that fleet init or fleet join made"
    )]
    Wrong(&'static str),
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no random numbers: {0}")]
    Random(#[from] std::io::Error),
    #[error("{0} is no name of a host with a port, such as hub.example:7443")]
    Address(String),
    #[error("the counter of revisions is at its end")]
    Full,
}

/// Text that is wiped when it goes.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0.to_string()
    }
}

impl Secret {
    fn of(bytes: &[u8]) -> Self {
        STANDARD.encode(bytes).into()
    }
}

/// All that a door has, as an invitation brings it. Whoever has it is the door, until it is
/// revoked. At the door it is taken apart: [`DoorKeys::split`].
#[derive(Clone, Serialize, Deserialize)]
pub struct DoorKeys {
    pub name: String,
    /// Host and port.
    pub hub: String,
    id: String,
    root: String,
    authority: String,
    certificate: String,
    key: Secret,
    signing: Secret,
    /// What the bodies of rows are sealed with; no hub has it.
    seal: Secret,
}

/// What a door's daemon has: what opens the list's rows, and signs them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListKeys {
    pub name: String,
    id: String,
    root: String,
    signing: Secret,
    seal: Secret,
}

/// What a door's bridge has: what brings it to the hub, and opens or signs nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkKeys {
    /// Host and port.
    pub hub: String,
    authority: String,
    certificate: String,
    key: Secret,
}

/// What the founder has: all that makes doors, and a door's keys to speak with.
#[derive(Clone, Serialize, Deserialize)]
pub struct FounderKeys {
    pub door: DoorKeys,
    root: Secret,
    authority_key: Secret,
}

/// What a hub has: nothing that opens a row or makes one.
#[derive(Clone, Serialize, Deserialize)]
pub struct HubKeys {
    root: String,
    authority: String,
    certificate: String,
    key: Secret,
    /// The first commit, with which an empty store begins.
    founding: String,
}

fn bytes<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], KeysError> {
    let bytes = STANDARD.decode(text).map_err(|_| KeysError::Wrong(what))?;
    bytes.try_into().map_err(|_| KeysError::Wrong(what))
}

impl ListKeys {
    pub fn id(&self) -> Result<RowId, KeysError> {
        bytes(&self.id, "id").map(RowId)
    }

    pub fn root(&self) -> Result<Root, KeysError> {
        bytes(&self.root, "root").map(Root)
    }

    pub fn signer(&self) -> Result<Signer, KeysError> {
        let secret = Zeroizing::new(bytes(&self.signing.0, "signing")?);
        Ok(Signer::new(self.id()?, &secret))
    }

    /// The key that bodies are sealed with.
    pub fn seal(&self) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        bytes(&self.seal.0, "seal").map(Zeroizing::new)
    }
}

impl LinkKeys {
    pub fn identity(&self) -> Identity {
        Identity {
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.0.to_string(),
        }
    }
}

impl DoorKeys {
    /// For the daemon, and for the bridge.
    pub fn split(&self) -> (ListKeys, LinkKeys) {
        let list = ListKeys {
            name: self.name.clone(),
            id: self.id.clone(),
            root: self.root.clone(),
            signing: self.signing.clone(),
            seal: self.seal.clone(),
        };
        let link = LinkKeys {
            hub: self.hub.clone(),
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        };
        (list, link)
    }

    pub fn id(&self) -> Result<RowId, KeysError> {
        self.split().0.id()
    }

    pub fn root(&self) -> Result<Root, KeysError> {
        self.split().0.root()
    }

    pub fn signer(&self) -> Result<Signer, KeysError> {
        self.split().0.signer()
    }

    pub fn identity(&self) -> Identity {
        self.split().1.identity()
    }

    /// The key that bodies are sealed with.
    pub fn seal(&self) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        self.split().0.seal()
    }

    fn card(&self, right: Right) -> Result<DoorCard, KeysError> {
        let certificate = self.identity().certificate()?;
        Ok(DoorCard {
            name: self.name.clone(),
            right,
            key: self.signer()?.public(),
            certificate: Sha256::digest(&certificate).into(),
        })
    }

    /// The row that makes it a door of the fleet.
    fn change(&self, right: Right) -> Result<Change, KeysError> {
        Ok(Change {
            id: self.id()?,
            kind: Kind::Door,
            standing: Standing::Enabled,
            body: self.card(right)?.encode(),
        })
    }
}

impl HubKeys {
    pub fn root(&self) -> Result<Root, KeysError> {
        bytes(&self.root, "root").map(Root)
    }

    pub fn identity(&self) -> Identity {
        Identity {
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            key: self.key.0.to_string(),
        }
    }

    /// The commit that an empty store begins with.
    pub fn founding(&self) -> Result<Put, KeysError> {
        let wrong = KeysError::Wrong("founding");
        let message = STANDARD
            .decode(&self.founding)
            .map_err(|_| KeysError::Wrong("founding"))?;
        let mut frames = wire::frames(&message).map_err(|_| KeysError::Wrong("founding"))?;
        let Some(Frame::Commit(commit)) = frames.pop() else {
            return Err(wrong);
        };
        let rows = frames.into_iter().map(|frame| match frame {
            Frame::Row(row) => Ok(row),
            _ => Err(KeysError::Wrong("founding")),
        });
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Put { rows, commit })
    }
}

/// A certificate's content but for whose it is.
fn params(name: &str, days: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    // A board without a battery may boot far in the past.
    params.not_before = (now - 400 * day).into();
    params.not_after = (now + day * u32::try_from(days).unwrap_or(u32::MAX)).into();
    params
}

fn authority_params() -> CertificateParams {
    let mut params = params("doorward fleet", AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// Founds a fleet whose hub is at `hub`, a host and a port.
///
/// # Errors
/// [`KeysError`]
pub fn found(hub: &str) -> Result<(FounderKeys, HubKeys), KeysError> {
    let wrong = || KeysError::Address(hub.to_owned());
    let (host, port) = hub.rsplit_once(':').ok_or_else(wrong)?;
    port.parse::<u16>().map_err(|_| wrong())?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let authority_key = KeyPair::generate()?;
    let authority = authority_params().self_signed(&authority_key)?.pem();
    let secret = Zeroizing::new(random::<32>()?);
    let root = Signer::root(&secret);
    let public = STANDARD.encode(root.public());

    let issuer = Issuer::new(authority_params(), &authority_key);
    let key = KeyPair::generate()?;
    let mut hub_params = params("doorward hub", DAYS);
    hub_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    hub_params.subject_alt_names = vec![match host.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(host.try_into().map_err(|_| wrong())?),
    }];
    let certificate = hub_params.signed_by(&key, &issuer)?.pem();

    let mut founder = FounderKeys {
        door: DoorKeys {
            name: FOUNDER.into(),
            hub: hub.into(),
            id: String::new(),
            root: public.clone(),
            authority: authority.clone(),
            certificate: String::new(),
            key: Secret::default(),
            signing: Secret::default(),
            seal: Secret::of(&*Zeroizing::new(random::<32>()?)),
        },
        root: Secret::of(&*secret),
        authority_key: authority_key.serialize_pem().into(),
    };
    founder.door = founder.make(FOUNDER)?;
    let list = List::new(Root(root.public()));
    let mark = Mark(random()?);
    let change = founder.door.change(Right::Enrol)?;
    let put = Put::sign(&list, &[change], mark, now_s(), &root).ok_or(KeysError::Full)?;
    let frames: Vec<Frame> = put
        .rows
        .into_iter()
        .map(Frame::Row)
        .chain([Frame::Commit(put.commit)])
        .collect();
    let hub = HubKeys {
        root: public,
        authority,
        certificate,
        key: key.serialize_pem().into(),
        founding: STANDARD.encode(wire::message(&frames)),
    };
    Ok((founder, hub))
}

impl FounderKeys {
    /// New keys for a door of this name.
    fn make(&self, name: &str) -> Result<DoorKeys, KeysError> {
        let authority_key = KeyPair::from_pem(&self.authority_key.0)?;
        let issuer = Issuer::new(authority_params(), &authority_key);
        let key = KeyPair::generate()?;
        let mut params = params(name, DAYS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(DoorKeys {
            name: name.to_owned(),
            id: STANDARD.encode(random::<16>()?),
            certificate,
            key: key.serialize_pem().into(),
            signing: Secret::of(&*Zeroizing::new(random::<32>()?)),
            ..self.door.clone()
        })
    }

    fn signer(&self) -> Result<Signer, KeysError> {
        let secret = Zeroizing::new(bytes(&self.root.0, "root")?);
        Ok(Signer::root(&secret))
    }

    /// Keys for a new door, and the commit that makes it one.
    pub fn invite(
        &self,
        list: &List,
        name: &str,
        right: Right,
    ) -> Result<(DoorKeys, Put), KeysError> {
        let keys = self.make(name)?;
        let put = self.put(list, keys.change(right)?)?;
        Ok((keys, put))
    }

    /// The commit by which a door is one no more.
    pub fn revoke(&self, list: &List, door: RowId) -> Result<Put, KeysError> {
        let change = Change {
            id: RowId(random()?),
            kind: Kind::Revocation,
            standing: Standing::Enabled,
            body: door.0.to_vec(),
        };
        self.put(list, change)
    }

    fn put(&self, list: &List, change: Change) -> Result<Put, KeysError> {
        let mark = Mark(random()?);
        let put = Put::sign(list, &[change], mark, now_s(), &self.signer()?);
        put.ok_or(KeysError::Full)
    }
}

/// Letters and digits that nobody confuses.
const CODE_LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A code to type once, of 100 random bits: `ABCDE-FGHJK-LMNPQ-RSTUV`.
///
/// # Errors
/// [`KeysError::Random`]
pub fn make_code() -> Result<String, KeysError> {
    let drawn = random::<20>()?;
    let mut code = String::new();
    for (at, byte) in drawn.iter().enumerate() {
        if at > 0 && at % 5 == 0 {
            code.push('-');
        }
        code.push(char::from(CODE_LETTERS[usize::from(byte & 31)]));
    }
    Ok(code)
}

/// A code as it was typed, in the one form that it has.
pub fn code_of(typed: &str) -> String {
    let letters = typed.chars().filter(|c| c.is_ascii_alphanumeric());
    letters.map(|c| c.to_ascii_uppercase()).collect()
}
