//! Where brokers and receivers are, as people write it.

use std::fmt;
use std::net::IpAddr;

/// The usual ports of brokers.
const PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;
/// Of a host's name.
const MAX_HOST_CHARS: usize = 253;
/// Of an address of a receiver.
const MAX_URL_CHARS: usize = 2048;

/// Where a broker is: `mqtts://host:8883`, or `mqtt://` without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Broker {
    /// From what is written.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with key and value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "is no broker: write \"mqtts://host\", or \"mqtt://127.0.0.1:1883\"".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme {
            "mqtts" => true,
            "mqtt" => false,
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(
                "has a user's name in it: write it as mqtt.user, and the password into a file \
                 that mqtt.password_file names"
                    .into(),
            );
        }
        let usual = if tls { TLS_PORT } else { PORT };
        let (host, port) = split(rest, usual).ok_or_else(wrong)?;
        let host = host.to_owned();
        Ok(Self { tls, host, port })
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// `host`, `host:port`, `[address]:port`
fn split(text: &str, usual: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = match after {
                "" => usual,
                after => after.strip_prefix(':')?.parse().ok()?,
            };
            return Some((host, port)).filter(|(_, port)| *port > 0);
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, usual),
        },
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
    let is_host = (1..=MAX_HOST_CHARS).contains(&host.len()) && host.chars().all(fits);
    (is_host && port > 0).then_some((host, port))
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// The host and what follows it of `http://` and `https://`.
fn after_scheme(url: &str) -> Option<(&str, &str)> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

/// Whether it is the address of a receiver: with a host, and without a user or a fragment.
pub(super) fn is_url(url: &str) -> bool {
    let is_plain = url.len() <= MAX_URL_CHARS && url.chars().all(|c| c.is_ascii_graphic());
    let host = after_scheme(url).map(|(host, _)| host);
    is_plain && !url.contains('#') && host.is_some_and(|host| split(host, 443).is_some())
}

/// Whether a receiver is this machine.
pub(super) fn is_web_loopback(url: &str) -> bool {
    let host = after_scheme(url).and_then(|(host, _)| split(host, 80));
    host.is_some_and(|(host, _)| is_loopback(host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn brokers_are_read_as_they_are_written() {
        for (text, shown, near) in [
            ("mqtts://broker.lan", "mqtts://broker.lan:8883", false),
            ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883", true),
            ("mqtt://localhost:18830/", "mqtt://localhost:18830", true),
            ("mqtts://[::1]:8884", "mqtts://[::1]:8884", true),
            (
                "mqtt://127.0.0.1.evil.example",
                "mqtt://127.0.0.1.evil.example:1883",
                false,
            ),
        ] {
            let broker = Broker::parse(text).unwrap();
            assert_eq!(
                (broker.to_string().as_str(), broker.is_loopback()),
                (shown, near)
            );
        }
        for text in [
            "broker.lan",
            "http://broker.lan",
            "mqtt://",
            "mqtt://a:0",
            "mqtt://a:b",
            "mqtt://eve:pw@a",
            "mqtt://[::1",
            "mqtt://a b",
            "mqtts://a/b",
            "mqtt://a:99999",
        ] {
            assert!(Broker::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn receivers_are_read_as_they_are_written() {
        for (url, is_one, near) in [
            ("https://hub.lan/door?x=1", true, false),
            ("http://127.0.0.1:8080", true, true),
            ("http://localhost/", true, true),
            ("http://[::1]:80/x", true, true),
            ("http://localhost@evil.example/", false, false),
            ("http://127.0.0.1.evil.example/", true, false),
            ("ftp://a/", false, false),
            ("https://", false, false),
            ("https://a/#b", false, false),
            ("https://a/\u{e9}", false, false),
        ] {
            assert_eq!((is_url(url), is_web_loopback(url)), (is_one, near), "{url}");
        }
    }
}
