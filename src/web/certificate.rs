//! The certificate: one of one's own, or one made here, whose fingerprint whoever sets the
//! page up compares with what the browser shows.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

use super::accounts::replace;
use crate::files::{self, Kind};

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
/// How long one made here is good for: phones take none for longer.
const DAYS: i64 = 397;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read {path}: {source}; `sudo doorward web certificate` makes a certificate")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{path} and the key beside it are no certificate in PEM form and its key: {message}; put the right ones there, or remove both and make one by `sudo doorward web certificate`"
    )]
    Wrong { path: PathBuf, message: String },
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Where it is in the page's folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// Makes one for these names and addresses, in the place of one that is there.
///
/// # Errors
/// [`CertificateError`]
pub fn make(folder: &Path, names: &[String], addresses: &[IpAddr]) -> Result<(), CertificateError> {
    let mut params = CertificateParams::new(names.to_vec())?;
    let addresses = addresses.iter().copied().map(SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    params
        .distinguished_name
        .push(DnType::CommonName, "doorward");
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    // A board's clock may be behind.
    params.not_before = (now - day).into();
    params.not_after = (now + day * u32::try_from(DAYS).unwrap_or(365)).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    for (name, text) in [(KEY, key.serialize_pem()), (CERTIFICATE, certificate.pem())] {
        let path = folder.join(name);
        replace(&path, text.as_bytes())
            .map_err(|source| CertificateError::Write { path, source })?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    files::read(path, Kind::Configuration).map_err(|source| CertificateError::Read {
        path: path.to_owned(),
        source,
    })
}

fn chain(folder: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let path = path(folder);
    let wrong = |message: String| CertificateError::Wrong {
        path: path.clone(),
        message,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(&path)?).collect();
    let chain = chain.map_err(|error| wrong(error.to_string()))?;
    match chain.is_empty() {
        true => Err(wrong("there is no certificate in it".into())),
        false => Ok(chain),
    }
}

/// SHA-256 of the certificate, as browsers show it: `AB:CD:…`.
///
/// # Errors
/// [`CertificateError`]
pub fn fingerprint(folder: &Path) -> Result<String, CertificateError> {
    let chain = chain(folder)?;
    let first = chain
        .first()
        .map(|first| first.as_ref())
        .unwrap_or_default();
    let bytes: Vec<String> = Sha256::digest(first)
        .iter()
        .map(|b| format!("{b:02X}"))
        .collect();
    Ok(bytes.join(":"))
}

/// TLS 1.2 and 1.3 with the folder's certificate.
///
/// # Errors
/// [`CertificateError`]
pub(super) fn tls(folder: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    let path = path(folder);
    let wrong = |message: String| CertificateError::Wrong {
        path: path.clone(),
        message,
    };
    let chain = chain(folder)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&folder.join(KEY))?);
    let key = key.map_err(|error| wrong(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
