//! How a broker is connected to: log-in, TLS, the last will, and a session that keeps nothing.

use std::io;
use std::path::{Path, PathBuf};

use rumqttc::{Broker as Place, LastWill, MqttOptions, QoS, TlsConfiguration, Transport};

use super::shown::Topics;
use crate::bridge::secret::{self, SecretError};
use crate::config;
use crate::files::{self, Kind};

/// A broker that hears nothing for one and a half times as long tells the last will.
const KEEP_ALIVE_S: u16 = 10;
/// A command is shorter than this.
const MAX_PACKET_BYTES: u32 = 16 * 1024;
/// Requests that wait for the connection.
pub(super) const MAX_REQUESTS_COUNT: usize = 32;

/// Why a broker cannot be connected to as the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot read {}, which mqtt.{key} names: {source}", path.display())]
    Unreadable {
        key: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the system's certificates cannot be used: {0}; name the broker's in mqtt.ca")]
    NoRoots(String),
}

/// Everything that a connection takes.
pub(super) fn of(
    mqtt: &config::Mqtt,
    broker: &config::Broker,
    topics: &Topics,
) -> Result<MqttOptions, OptionsError> {
    let client = format!("doorward-{}", topics.name);
    let mut options = MqttOptions::new(client, Place::tcp(broker.host.as_str(), broker.port));
    let will = LastWill::new(topics.status(), "offline", QoS::AtLeastOnce, true, None);
    options
        .set_keep_alive(KEEP_ALIVE_S)
        .set_clean_start(true)
        .set_session_expiry_interval(Some(0))
        .set_max_packet_size(Some(MAX_PACKET_BYTES))
        .set_request_channel_capacity(MAX_REQUESTS_COUNT)
        .set_last_will(will);
    if let Some(user) = &mqtt.user {
        match &mqtt.password_file {
            Some(file) => options.set_credentials(user.as_str(), secret::read(file)?.into_bytes()),
            None => options.set_username(user.as_str()),
        };
    }
    if broker.tls {
        options.set_transport(Transport::tls_with_config(tls(mqtt)?));
    }
    Ok(options)
}

fn tls(mqtt: &config::Mqtt) -> Result<TlsConfiguration, OptionsError> {
    let Some(ca) = &mqtt.ca else {
        return TlsConfiguration::try_default_rustls()
            .map_err(|error| OptionsError::NoRoots(error.to_string()));
    };
    let client_auth = match (&mqtt.certificate, &mqtt.key) {
        (Some(certificate), Some(key)) => {
            Some((read("certificate", certificate)?, read("key", key)?))
        }
        _ => None,
    };
    Ok(TlsConfiguration::Simple {
        ca: read("ca", ca)?,
        alpn: None,
        client_auth,
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OptionsError> {
    files::read(path, Kind::Configuration).map_err(|source| OptionsError::Unreadable {
        key,
        path: path.to_owned(),
        source,
    })
}
