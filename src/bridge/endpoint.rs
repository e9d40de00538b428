//! The numbers over HTTP, on this machine alone: `/metrics`, and nothing else.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;

use super::BridgeError;

/// How often it is looked whether it is the end.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Serves the newest text from a thread of its own, until `stop` is set.
///
/// # Errors
/// [`BridgeError::Listen`], [`BridgeError::Thread`]
pub(super) fn serve(
    address: SocketAddr,
    text: Arc<ArcSwap<String>>,
    stop: Arc<AtomicBool>,
) -> Result<(), BridgeError> {
    let failed = |source| BridgeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BridgeError::Thread)?;
    let serve = move || {
        runtime.block_on(async move {
            let listener = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => return log::error!("metrics.listen: {error}"),
            };
            let answer = move || {
                let text = text.load().as_ref().clone();
                async move { ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text) }
            };
            let router = Router::new().route("/metrics", get(answer));
            let ended = async move {
                while !stop.load(Ordering::Acquire) {
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
            };
            tokio::select! {
                served = async { axum::serve(listener, router).await } => {
                    if let Err(error) = served {
                        log::error!("metrics.listen: {error}");
                    }
                }
                () = ended => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name("endpoint".into());
    thread.spawn(serve).map_err(BridgeError::Thread)?;
    Ok(())
}
