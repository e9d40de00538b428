//! Streams of events for browsers (SSE), bounded and ended with the session.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use serde::Serialize;
use tokio::sync::mpsc;

use super::app::App;
use super::guard::Who;
use super::layout;
use super::texts as t;

/// Events that wait for a slow browser.
const MAX_WAITING_COUNT: usize = 8;
/// How often it is looked whether the session still is.
const CHECK: Duration = Duration::from_secs(15);

/// Where a stream's events go; a send that fails says that nobody hears.
#[derive(Clone)]
pub(super) struct Sink(mpsc::Sender<Event>);

impl Sink {
    /// Waits for a slow browser; `false` once it is gone.
    pub(super) async fn send(&self, name: &str, id: Option<u64>, what: &impl Serialize) -> bool {
        let Ok(event) = Event::default().event(name).json_data(what) else {
            return true;
        };
        let event = match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        };
        self.0.send(event).await.is_ok()
    }

    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// A response that lasts: `write` fills it until it ends, nobody hears any more, or whoever
/// asked is not logged in any more.
pub(super) fn open<F>(app: &App, who: &Who, write: impl FnOnce(Sink) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let Ok(permit) = app.streams.clone().try_acquire_owned() else {
        return layout::failed(Some(who), StatusCode::SERVICE_UNAVAILABLE, t::TOO_MANY);
    };
    let (sender, events) = mpsc::channel(MAX_WAITING_COUNT);
    let sink = Sink(sender);
    let written = write(sink.clone());
    let (app, token) = (app.clone(), who.token().to_owned());
    tokio::spawn(async move {
        let _permit = permit;
        let mut tick = tokio::time::interval(CHECK);
        tokio::pin!(written);
        loop {
            tokio::select! {
                () = &mut written => return,
                () = sink.closed() => return,
                _ = tick.tick() => {
                    if !app.is_logged_in(&token) {
                        return;
                    }
                }
            }
        }
    });
    let alive = KeepAlive::new().interval(CHECK);
    Sse::new(Events(events)).keep_alive(alive).into_response()
}
