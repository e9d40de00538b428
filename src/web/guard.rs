//! What stands before each page: who asks, whether the browser was led here by another site,
//! and what it may do with what it gets.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::app::App;
use super::layout;
use super::texts as t;
use crate::ipc::Role;

/// The session's cookie with TLS: the browser takes it for this machine alone, and by TLS alone.
const SAFE_COOKIE: &str = "__Host-doorward";
const PLAIN_COOKIE: &str = "doorward";

/// Nothing from anywhere else, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub account: String,
    pub role: Role,
    /// What forms have to carry.
    pub csrf: String,
    token: String,
}

impl Who {
    pub(super) fn may(&self, role: Role) -> bool {
        self.role >= role
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let who = parts.extensions.get::<Self>().cloned();
        who.ok_or_else(|| Redirect::to("/log-in").into_response())
    }
}

/// The outermost: whether the request is one for this page at all, and headers for whatever
/// comes of it.
pub(super) async fn outermost(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = if !is_ours(&app, &request) {
        (StatusCode::MISDIRECTED_REQUEST, t::NOT_FOUND).into_response()
    } else if !is_safe(request.method()) && !is_own(request.headers()) {
        layout::failed(None, StatusCode::FORBIDDEN, t::FORGED)
    } else {
        let token = cookie(request.headers(), session_cookie(app.is_tls)).map(str::to_owned);
        if let Some(token) = token
            && let Some((session, role)) = app.who(&token)
        {
            request.extensions_mut().insert(Who {
                account: session.account,
                role,
                csrf: session.csrf,
                token,
            });
        }
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if app.is_tls {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// Lets through who has the role; others are led to the log-in or told.
pub(super) async fn needs(role: Role, request: Request, next: Next) -> Response {
    match request.extensions().get::<Who>() {
        Some(who) if who.may(role) => next.run(request).await,
        Some(who) => layout::failed(Some(who), StatusCode::FORBIDDEN, t::NOT_ALLOWED),
        None if request.method() == Method::GET && !wants_data(&request) => {
            Redirect::to("/log-in").into_response()
        }
        None => layout::failed(None, StatusCode::UNAUTHORIZED, t::FORGED),
    }
}

/// Not a page that a person looks at.
fn wants_data(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    accept.is_some_and(|accept| !accept.as_bytes().windows(4).any(|part| part == b"html"))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether it was asked for by a name of this machine: another site's name that leads here
/// (DNS rebinding) is none.
fn is_ours(app: &App, request: &Request) -> bool {
    let host = request.headers().get(header::HOST);
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let Some(name) = host_name(host) else {
        return false;
    };
    let is_address = name
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok();
    is_address
        || name.eq_ignore_ascii_case("localhost")
        || app.names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Without the port.
fn host_name(host: &str) -> Option<&str> {
    match host.rfind(']') {
        Some(end) => host.get(..=end),
        None => host.split(':').next(),
    }
}

/// Whether a form was sent from a page of this machine, as far as the browser says.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some() && authority == text(header::HOST)
}

fn session_cookie(is_tls: bool) -> &'static str {
    if is_tls { SAFE_COOKIE } else { PLAIN_COOKIE }
}

/// A cookie's value.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The header that has the browser keep the session, or forget it.
pub(super) fn keep_session(is_tls: bool, token: Option<&str>) -> HeaderValue {
    set_cookie(is_tls, session_cookie(is_tls), token)
}

/// A cookie that no script reads and no other site has sent.
pub(super) fn set_cookie(is_tls: bool, name: &str, value: Option<&str>) -> HeaderValue {
    let secure = if is_tls { "; Secure" } else { "" };
    let text = match value {
        Some(value) => format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"),
        None => format!("{name}=; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age=0"),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_told_by_what_the_browser_says() {
        let own = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_own(&headers)
        };
        assert!(own(&[("host", "door.lan:8443")]));
        assert!(own(&[
            ("host", "door.lan:8443"),
            ("origin", "https://door.lan:8443")
        ]));
        assert!(own(&[("host", "d"), ("sec-fetch-site", "same-origin")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!own(&[("host", "d"), ("sec-fetch-site", site)]), "{site}");
        }
        for origin in [
            "null",
            "https://evil.example",
            "https://door.lan:8444",
            "door.lan:8443",
        ] {
            assert!(
                !own(&[("host", "door.lan:8443"), ("origin", origin)]),
                "{origin}"
            );
        }
    }

    #[test]
    fn a_host_is_taken_without_its_port() {
        for (host, name) in [
            ("127.0.0.1:8443", "127.0.0.1"),
            ("[::1]:8443", "[::1]"),
            ("[::1]", "[::1]"),
            ("door.lan", "door.lan"),
        ] {
            assert_eq!(host_name(host), Some(name));
        }
    }
}
