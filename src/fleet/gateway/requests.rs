//! What a door asks, and what it is answered.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{Heard, Hub, HubError, locked};
use crate::fleet::outbox::Life;
use crate::fleet::put::Put;
use crate::fleet::row::{Hash, MAX_COMMIT_ROWS, Position, RowId};
use crate::fleet::store::{MAX_PUSH_EVENTS, Push, Store};
use crate::fleet::wire::{self, Frame};

/// The longest body of a request: a commit of 5,000 rows of some 1.6 kB, or 1,000 events.
pub(crate) const MAX_REQUEST_BYTES: usize = 8 << 20;
/// How long it may take.
const MAX_BODY_WAIT: Duration = Duration::from_secs(60);

/// How long a door that waits may go without anybody looking for what another gateway wrote.
const MAX_UNLOOKED: Duration = Duration::from_secs(5);

/// An answer other than frames: what, and why in words.
struct Refused(StatusCode, &'static str);

type Answer = Result<Bytes, Refused>;

const NO_DOOR: Refused = Refused(
    StatusCode::FORBIDDEN,
    "this certificate belongs to no door of the fleet",
);
const NO_SENSE: Refused = Refused(
    StatusCode::BAD_REQUEST,
    "the request is no message of a door",
);
const NO_STORE: Refused = Refused(
    StatusCode::SERVICE_UNAVAILABLE,
    "the store cannot be reached; ask again",
);

impl From<HubError> for Refused {
    fn from(error: HubError) -> Self {
        log::error!("{error}");
        NO_STORE
    }
}

impl From<super::StoreError> for Refused {
    fn from(error: super::StoreError) -> Self {
        HubError::from(error).into()
    }
}

impl From<wire::Broken> for Refused {
    fn from(error: wire::Broken) -> Self {
        log::debug!("a request was refused: {error}");
        NO_SENSE
    }
}

/// Seconds since 1970 by the hub's clock.
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

impl<S: Store> Hub<S> {
    pub(super) async fn answer(
        &self,
        certificate: Hash,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let (status, body) = match self.answered(certificate, request).await {
            Ok(body) => (StatusCode::OK, body),
            Err(Refused(status, why)) => (status, Bytes::from_static(why.as_bytes())),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        response
    }

    async fn answered(&self, certificate: Hash, request: Request<Incoming>) -> Answer {
        let (door, name) = self.door(&certificate).await?.ok_or(NO_DOOR)?;
        if !self.budgets.admits(door, Instant::now()) {
            log::warn!("door {name} asks more than it may; it has to wait");
            return Err(Refused(
                StatusCode::TOO_MANY_REQUESTS,
                "this door asked too much; wait a minute",
            ));
        }
        let path = request.uri().path().to_owned();
        let answer = match (request.method(), path.as_str()) {
            (&Method::POST, "/list") => {
                let frames = self.frames(door, request, 1024).await?;
                self.list(certificate, door, &frames).await?
            }
            (&Method::POST, "/put") => {
                let _place = self.uploads.acquire().await.map_err(|_| NO_STORE)?;
                let frames = self.frames(door, request, MAX_REQUEST_BYTES).await?;
                wire::message(&[self.put(put_of(frames)?).await?]).into()
            }
            (&Method::POST, "/events") => {
                let _place = self.uploads.acquire().await.map_err(|_| NO_STORE)?;
                let frames = self.frames(door, request, MAX_REQUEST_BYTES).await?;
                let push = push_of(frames, door, self.limits.events_a_day)?;
                wire::message(&[Frame::Pushed(self.store.push(push).await?)]).into()
            }
            (&Method::GET, "/status") => self.status().await?.to_string().into(),
            (_, "/list" | "/put" | "/events" | "/status") => {
                return Err(Refused(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "this is asked with another method",
                ));
            }
            _ => {
                return Err(Refused(
                    StatusCode::NOT_FOUND,
                    "there is nothing of that name",
                ));
            }
        };
        self.budgets.spend(door, answer.len());
        Ok(answer)
    }

    /// The frames of a request's body.
    async fn frames(
        &self,
        door: RowId,
        request: Request<Incoming>,
        most: usize,
    ) -> Result<Vec<Frame>, Refused> {
        let too_long = || {
            Refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request is longer than it may be",
            )
        };
        // Chunks have no length that could be told before they are read.
        let length = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok());
        let length: usize = length.and_then(|text| text.parse().ok()).ok_or(Refused(
            StatusCode::LENGTH_REQUIRED,
            "the request has to say its length",
        ))?;
        if length > most {
            return Err(too_long());
        }
        let body = Limited::new(request.into_body(), most).collect();
        let late = Refused(StatusCode::REQUEST_TIMEOUT, "the request took too long");
        let body = tokio::time::timeout(MAX_BODY_WAIT, body)
            .await
            .map_err(|_| late)?;
        let body = body.map_err(|_| too_long())?.to_bytes();
        self.budgets.spend(door, body.len());
        Ok(wire::frames(&body)?)
    }

    /// The rows after a position, once there are any or the wait is over.
    async fn list(&self, certificate: Hash, door: RowId, frames: &[Frame]) -> Answer {
        let [Frame::Since { position, wait_s }] = frames else {
            return Err(NO_SENSE);
        };
        self.hears(door, *position);
        let wait = Duration::from_secs((*wait_s).into()).min(self.limits.wait);
        let until = tokio::time::Instant::now() + wait;
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let ready = self.pages.after(&self.store, *position).await?;
            // Another gateway may have written it.
            let slow = tokio::time::Instant::now() + MAX_UNLOOKED;
            if ready.is_news || tokio::time::Instant::now() >= until {
                return Ok(ready.message);
            }
            let _ = tokio::time::timeout_at(until.min(slow), changed.changed()).await;
            // While it waited it may have been revoked.
            self.door(&certificate).await?.ok_or(NO_DOOR)?;
        }
    }

    fn hears(&self, door: RowId, position: Position) {
        let at_s = now_s();
        locked(&self.heard).insert(door, Heard { at_s, position });
    }

    async fn status(&self) -> Result<Value, Refused> {
        let held = self.store.held().await?;
        let mirror = self.mirror.lock().await;
        let heard = locked(&self.heard).clone();
        let doors = mirror.door.list().doors().map(|(id, card, revoked)| {
            let heard = heard.get(&id);
            let lives = held.iter().filter(|(door, _)| *door == id);
            let newest = lives.map(|(_, held)| held).next_back();
            json!({
                "id": id.to_string(),
                "name": card.name,
                "revoked_at": revoked.map(|revision| revision.0),
                "heard_s": heard.map(|heard| heard.at_s),
                "revision": heard.map(|heard| heard.position.revision.0),
                "connections": self.crowd.count(id),
                "life": newest.map(|held| held.life.0),
                "events": newest.map(|held| held.last),
                "backed_up": newest.map(|held| held.backed_up),
            })
        });
        Ok(json!({
            "now_s": now_s(),
            "revision": mirror.door.list().position().revision.0,
            "rows": mirror.door.list().rows().len(),
            "doors": doors.collect::<Vec<_>>(),
        }))
    }
}

/// Rows and the commit that ends them.
fn put_of(mut frames: Vec<Frame>) -> Result<Put, Refused> {
    let Some(Frame::Commit(commit)) = frames.pop() else {
        return Err(NO_SENSE);
    };
    if frames.len() > MAX_COMMIT_ROWS {
        return Err(NO_SENSE);
    }
    let rows = frames.into_iter().map(|frame| match frame {
        Frame::Row(row) => Ok(row),
        _ => Err(NO_SENSE),
    });
    let rows = rows.collect::<Result<_, _>>()?;
    Ok(Put { rows, commit })
}

/// A head, and events without a gap.
fn push_of(frames: Vec<Frame>, door: RowId, quota: u64) -> Result<Push, Refused> {
    let mut frames = frames.into_iter();
    let Some(Frame::Events { life, first }) = frames.next() else {
        return Err(NO_SENSE);
    };
    let mut bodies = Vec::new();
    for (frame, expected) in frames.zip(first..) {
        match frame {
            Frame::Event { number, body } if number == expected => bodies.push(body),
            _ => return Err(NO_SENSE),
        }
    }
    if bodies.len() > MAX_PUSH_EVENTS || life == Life(0) {
        return Err(NO_SENSE);
    }
    Ok(Push {
        door,
        life,
        first,
        bodies,
        day: now_s().div_euclid(86_400),
        quota,
    })
}
