//! The local page: `doorward web`, a process of its own without camera, GPIO and database. It
//! is a client of the control socket, and all it knows of the door comes from there.
//!
//! ```text
//! listen ─► guard (host, origin, session, role) ─► pages/ ─► door (the seam) ─► socket ─► daemon
//!                     │                               │
//!                 sessions, accounts, pauses       live, guided, stream (what happens, as it does)
//! ```
//!
//! Texts are in `texts.rs` and `words.rs`; styles, script and icon in `static/`.

mod accounts;
mod app;
mod certificate;
mod door;
mod form;
mod guard;
mod guided;
mod happening;
mod layout;
mod listen;
mod live;
mod pages;
mod password;
mod pauses;
mod people;
mod photo;
mod secret;
mod sessions;
mod settings;
mod socket;
mod state_words;
mod stream;
mod texts;
mod times;
mod totp;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use accounts::{Account, Accounts, AccountsError};
pub use certificate::{
    CertificateError, fingerprint, make as make_certificate, path as certificate_path,
};
pub use door::Door;
pub use password::{
    MIN_PASSWORD_CHARS, PasswordError, check as check_password, generate as generate_password,
    keep as keep_password,
};
pub use settings::{Settings, own_names};
pub use socket::Socket;
pub use totp::{TotpKey, step_at};

use crate::ipc::Role;
use app::{App, Shared};
use pages::{
    account, add, camera, faults, guided as guiding, log_in, people as listed, person, reports,
    rules, today,
};
use texts as t;

/// How long a request may take, its body included; streams begin within it and last longer.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(60);

/// Why the page is not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error(
        "cannot listen on {address}: {source}; set web.listen to another port, or end what listens there"
    )]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A page that is bound to its address.
pub struct Page {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: App,
}

impl Page {
    /// Takes the address. On another one than the machine's own there is no page without TLS,
    /// whatever the settings say.
    ///
    /// # Errors
    /// [`WebError`]
    pub async fn bind(mut settings: Settings, door: Arc<dyn Door>) -> Result<Self, WebError> {
        settings.is_tls |= !settings.listen.ip().is_loopback();
        let tls = match settings.is_tls {
            true => Some(TlsAcceptor::from(certificate::tls(&settings.folder)?)),
            false => None,
        };
        let address = settings.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| WebError::Listen { address, source })?;
        let app = Shared::new(door, &settings);
        Ok(Self { listener, tls, app })
    }

    /// Where it listens, with the port it was given.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether it is served by TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        let heard = tokio::spawn(live::listen(self.app.clone()));
        listen::serve(self.listener, self.tls, router(self.app)).await;
        heard.abort();
    }
}

/// Every page there is, by the least role that may see it.
fn router(app: App) -> Router {
    let anybody = Router::new()
        .route("/log-in", get(log_in::show).post(log_in::submit))
        .route("/static/style.css", get(style))
        .route("/static/page.js", get(script))
        .route("/static/icon.svg", get(icon));
    let viewers = Router::new()
        .route("/", get(today::show))
        .route("/stream", get(today::stream))
        .route("/people", get(listed::show))
        .route("/people/{id}", get(person::show))
        .route("/rules", get(rules::show))
        .route("/faults", get(faults::show))
        .route("/reports", get(reports::show))
        .route("/reports.csv", get(reports::csv))
        .route("/account", get(account::show))
        .route("/more", get(account::more))
        .route("/log-out", post(log_in::log_out))
        .route_layer(from_fn(|request, next| {
            guard::needs(Role::Viewer, request, next)
        }));
    let operators = Router::new()
        .route("/open", post(today::open))
        .route("/lock", post(today::lock))
        .route("/people/{id}/face", get(person::picture))
        .route("/happened/{event}/picture", get(today::picture))
        .route("/camera", get(camera::show))
        .route("/camera/stream", get(camera::stream))
        .route("/camera/picture", get(camera::picture))
        .route("/camera/picture/{name}", get(camera::kept))
        .route_layer(from_fn(|request, next| {
            guard::needs(Role::Operator, request, next)
        }));
    let administrators = Router::new()
        .route("/people/add", get(add::show).post(add::submit))
        .route("/people/camera", post(add::by_camera))
        .route("/people/camera/{id}", get(guiding::show))
        .route("/people/camera/{id}/stream", get(guiding::stream))
        .route("/people/camera/{id}/stop", post(guiding::stop))
        .route("/people/{id}/enabled", post(person::enabled))
        .route("/people/{id}/groups", post(person::groups))
        .route("/people/{id}/validity", post(person::validity))
        .route("/people/{id}/consent", post(person::consent))
        .route("/people/{id}/photos", post(add::more_photos))
        .route("/people/{id}/remove", post(person::remove))
        .route_layer(from_fn(|request, next| {
            guard::needs(Role::Administrator, request, next)
        }));
    anybody
        .merge(viewers)
        .merge(operators)
        .merge(administrators)
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(DefaultBodyLimit::max(form::MAX_UPLOAD_BYTES))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(app.clone(), guard::outermost))
        .with_state(app)
}

/// Ends what takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(MAX_REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => layout::failed(None, StatusCode::SERVICE_UNAVAILABLE, t::TOO_LONG),
    }
}

async fn nowhere(who: Option<axum::Extension<guard::Who>>) -> Response {
    let who = who.map(|axum::Extension(who)| who);
    match &who {
        Some(who) => layout::failed(Some(who), StatusCode::NOT_FOUND, t::NOT_FOUND),
        None => axum::response::Redirect::to("/log-in").into_response(),
    }
}

async fn style() -> Response {
    layout::fixed("text/css; charset=utf-8", include_str!("static/style.css"))
}

async fn script() -> Response {
    layout::fixed(
        "text/javascript; charset=utf-8",
        include_str!("static/page.js"),
    )
}

async fn icon() -> Response {
    layout::fixed("image/svg+xml", include_str!("static/icon.svg"))
}
