//! Connections: an accept loop of our own, because each of them has bounds that no framework
//! sets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Hub;
use crate::fleet::store::Store;

/// How long a handshake and a request's head may take.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a peer may take none of what is sent.
const MAX_STALL: Duration = Duration::from_secs(15);
/// How long a connection may last: its certificate is looked at anew then.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(60 * 60);
/// What the kernel may hold for a peer that does not read.
const MAX_SEND_BUFFER_BYTES: usize = 128 * 1024;
const MAX_HEADERS_COUNT: usize = 16;
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// How long it is waited where nothing can be accepted.
const RETRY: Duration = Duration::from_millis(100);
const MAX_WAITING_CONNECTIONS_COUNT: u32 = 4096;

pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(MAX_WAITING_CONNECTIONS_COUNT)
}

pub(super) async fn serve<S: Store>(hub: Arc<Hub<S>>, listener: TcpListener, tls: TlsAcceptor) {
    // They end with this.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            // No descriptors are left, or the peer is gone again.
            Err(error) => {
                log::debug!("a connection could not be accepted: {error}");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let Some(shaking) = hub.crowd.shake(from.ip(), hub.limits.handshakes) else {
            continue;
        };
        let (hub, tls) = (hub.clone(), tls.clone());
        connections.spawn(async move {
            let shaken = tokio::time::timeout(MAX_HEAD_WAIT, shake(stream, &tls)).await;
            drop(shaking);
            match shaken {
                Ok(Ok(stream)) => connected(hub, stream).await,
                Ok(Err(error)) => log::debug!("{from}: no handshake: {error}"),
                Err(_) => log::debug!("{from}: no handshake in time"),
            }
        });
    }
}

async fn shake(stream: TcpStream, tls: &TlsAcceptor) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_send_buffer_size(&stream, MAX_SEND_BUFFER_BYTES)?;
    tls.accept(stream).await
}

/// A connection with a certificate of the fleet's authority.
async fn connected<S: Store>(hub: Arc<Hub<S>>, stream: TlsStream<TcpStream>) {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let Some(certificate) = certificate.map(|der| Sha256::digest(der).into()) else {
        return;
    };
    let name = match hub.door(&certificate).await {
        Ok(Some((id, name))) => Some((id, name)),
        Ok(None) => {
            log::warn!("a certificate that belongs to no door of the fleet was refused");
            None
        }
        // It is told so by the first answer.
        Err(_) => None,
    };
    let connected = name.map(|(id, name)| hub.crowd.connect(id, &name));
    let ended = connected.as_ref().map(|connected| connected.ended.clone());
    let service = {
        let hub = hub.clone();
        service_fn(move |request| {
            let hub = hub.clone();
            async move { Ok::<_, std::convert::Infallible>(hub.answer(certificate, request).await) }
        })
    };
    let is_hard = Arc::new(AtomicBool::new(false));
    let stream = Impatient {
        inner: stream,
        stalled: None,
        is_hard: is_hard.clone(),
    };
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD_WAIT)
        .max_headers(MAX_HEADERS_COUNT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let is_told = async {
        match ended {
            Some(ended) => ended.notified().await,
            None => std::future::pending().await,
        }
    };
    // One that is no door's is told so, and not kept.
    let most = match connected {
        Some(_) => MAX_CONNECTION_TIME,
        None => MAX_HEAD_WAIT,
    };
    let has_ended = tokio::select! {
        served = &mut serving => served.is_ok(),
        () = is_told => false,
        () = tokio::time::sleep(most) => false,
    };
    is_hard.store(!has_ended, Ordering::Relaxed);
}

/// A stream whose peer has to take something of what is written every now and then.
struct Impatient {
    inner: TlsStream<TcpStream>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether it is ended without waiting for what the peer did not take.
    is_hard: Arc<AtomicBool>,
}

impl Drop for Impatient {
    fn drop(&mut self) {
        if self.is_hard.load(Ordering::Relaxed) {
            // Or the peer does not notice, and what it never read stays in the kernel.
            let (socket, _) = self.inner.get_ref();
            let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        }
    }
}

impl Impatient {
    fn patience<R>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let sleep = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + MAX_STALL)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.patience(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.patience(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.patience(context, polled)
    }
}
