//! Connections: bounded in number and time, by TLS where it has to be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::app::locked;

/// Connections at one time.
const MAX_CONNECTIONS_COUNT: usize = 128;
/// Of them from one address; browsers open some for each page.
const MAX_ADDRESS_CONNECTIONS_COUNT: usize = 48;
/// How long a handshake and a request's head may take.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may last, whatever goes over it.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(60 * 60);
/// How long it is waited where nothing can be accepted.
const RETRY: Duration = Duration::from_millis(200);
const MAX_HEADERS_COUNT: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How many connections each address has.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<std::collections::HashMap<IpAddr, usize>>>);

/// One connection of an address, counted while it lives.
struct Counted(Crowd, IpAddr);

impl Crowd {
    /// Nothing if the address has as many as it may; this machine itself, behind which a
    /// forwarder may stand, as many as there are.
    fn enter(&self, address: IpAddr) -> Option<Counted> {
        let mut all = locked(&self.0);
        let many = all.entry(address).or_default();
        if *many >= MAX_ADDRESS_CONNECTIONS_COUNT && !address.is_loopback() {
            return None;
        }
        *many += 1;
        Some(Counted(self.clone(), address))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = locked(&self.0.0);
        if let Some(many) = all.get_mut(&self.1) {
            *many -= 1;
            if *many == 0 {
                all.remove(&self.1);
            }
        }
    }
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS_COUNT));
    let crowd = Crowd::default();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            // No descriptors are left, or the peer is gone again.
            Err(error) => {
                log::debug!("a connection could not be accepted: {error}");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let Some(counted) = crowd.enter(from.ip()) else {
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            let _held = (place, counted);
            let served = tokio::time::timeout(MAX_CONNECTION_TIME, one(stream, from, tls, router));
            if let Ok(Err(error)) = served.await {
                log::debug!("a connection ended: {error}");
            }
        });
    }
}

async fn one(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    match tls {
        Some(tls) => {
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            let shaken = tokio::time::timeout(MAX_HEAD_WAIT, tls.accept(stream)).await;
            http(shaken.map_err(late)??, from, router).await
        }
        None => http(stream, from, router).await,
    }
}

async fn http<S>(stream: S, from: SocketAddr, router: Router) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().oneshot(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD_WAIT)
        .max_headers(MAX_HEADERS_COUNT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}
