//! Events by HTTP: each a POST with JSON, signed, and told again until it is taken. A redirect is
//! not followed, because it would carry events to whom nobody named.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::feed::{NotTaken, Receiver};
use super::notice::DaemonNotice;
use super::outgoing::Outgoing;
use super::secret::{self, SecretError};
use crate::config;
use crate::files::{self, Kind};
use crate::ipc::State;

/// How long one delivery may take, from the name's look-up to the answer.
const MAX_DELIVERY: Duration = Duration::from_secs(10);
/// What of an answer's head is read; its body is not.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Why a receiver cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot read {}, which webhooks.{name}.ca names: {what}", path.display())]
    Roots {
        name: String,
        path: std::path::PathBuf,
        what: String,
    },
}

/// One receiver.
pub(super) struct Webhook {
    agent: Agent,
    url: String,
    secret: String,
    names: bool,
    notice: DaemonNotice,
}

impl Webhook {
    /// A receiver as it is configured; nothing where it has no address.
    ///
    /// # Errors
    /// [`WebhookError`]
    pub(super) fn new(
        name: &str,
        webhook: &config::Webhook,
        door: &str,
    ) -> Result<Option<Self>, WebhookError> {
        let (Some(url), Some(file)) = (&webhook.url, &webhook.secret_file) else {
            return Ok(None);
        };
        let roots = match &webhook.ca {
            None => RootCerts::WebPki,
            Some(path) => roots(path).map_err(|what| WebhookError::Roots {
                name: name.to_owned(),
                path: path.clone(),
                what,
            })?,
        };
        Ok(Some(Self {
            names: webhook.names,
            ..Self::at(url, secret::read(file)?, roots, door)
        }))
    }

    /// One at this address that is told no names.
    pub(super) fn at(url: &str, secret: String, roots: RootCerts, door: &str) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(MAX_DELIVERY))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            // The environment is nobody's to send events elsewhere.
            .proxy(None)
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        Self {
            agent,
            url: url.to_owned(),
            secret,
            names: false,
            notice: DaemonNotice::new(door),
        }
    }

    pub(super) fn post(&self, id: &str, body: &str) -> Result<(), NotTaken> {
        let time = jiff::Timestamp::now().as_second();
        let answer = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Doorward-Event", id)
            .header("Doorward-Time", time.to_string())
            .header("Doorward-Signature", signature(&self.secret, time, body))
            .send(body);
        let status = match answer {
            Ok(answer) => answer.status(),
            Err(error) => return Err(NotTaken(error.to_string())),
        };
        match status.as_u16() {
            200..=299 => Ok(()),
            300..=399 => Err(NotTaken(format!(
                "its receiver answers {status}, and redirects are not followed: write the new address into bridge.toml"
            ))),
            _ => Err(NotTaken(format!("its receiver answers {status}"))),
        }
    }
}

impl Receiver for Webhook {
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        let body = serde_json::Value::Object(event.body(self.names)).to_string();
        self.post(&event.id(), &body)
    }

    fn now(&mut self, state: Option<&State>) {
        self.notice.now(state.is_some());
        self.turn();
    }

    fn turn(&mut self) {
        if let Some((id, body)) = self.notice.due() {
            let taken = self.post(&id, &body).is_ok();
            self.notice.was(taken);
        }
    }
}

/// `v1=` and HMAC-SHA-256 in hexadecimal, over time, a dot and the body.
fn signature(secret: &str, time: i64, body: &str) -> String {
    let mut text = "v1=".to_owned();
    // A key of any length will do.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{time}.{body}").as_bytes());
        for byte in mac.finalize().into_bytes() {
            text += &format!("{byte:02x}");
        }
    }
    text
}

fn roots(path: &std::path::Path) -> Result<RootCerts, String> {
    let pem = files::read(path, Kind::Configuration).map_err(|error| error.to_string())?;
    let items = parse_pem(&pem).map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Ok(Some(certificate)),
        Ok(_) => Ok(None),
        Err(error) => Err(error.to_string()),
    });
    let items: Vec<Option<Certificate<'static>>> = items.collect::<Result<_, _>>()?;
    let certificates: Vec<Certificate<'static>> = items.into_iter().flatten().collect();
    match certificates[..] {
        [] => Err("there is no certificate in it".into()),
        _ => Ok(RootCerts::new_with_certs(&certificates)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1767225600.{}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_what_openssl_makes_of_time_and_body() {
        assert_eq!(
            signature("key", 1_767_225_600, "{}"),
            "v1=df344de429b8ee672e1863e0008fdbd0080000536fbccdf0e4f89846acbbe872"
        );
    }
}
