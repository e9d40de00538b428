//! A door's connection to a hub: one request after the other, each with an end in time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::gateway::{Identity, TlsError};
use super::outbox::{Life, Pushed};
use super::post::Errand;
use super::put::Put;
use super::row::Position;
use super::wire::{self, Broken, Frame};

/// How long a connection may take to be made.
const MAX_CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long an answer may take, the wait for news left out.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(60);
/// The longest answer: a page of the longest rows.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The longest explanation of a refusal.
const MAX_REASON_CHARS: usize = 200;

/// Why the hub gave no answer. What was to go up is still here.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0} is no name of a host with a port, such as hub.example:7443")]
    Address(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no connection to {hub}: {source}")]
    Connect { hub: String, source: std::io::Error },
    #[error("{hub} did not answer within {} s", .wait.as_secs())]
    Late { hub: String, wait: Duration },
    #[error("{hub} ended the connection: {reason}")]
    Ended { hub: String, reason: String },
    #[error("{hub} says: {said} ({status})")]
    Refused {
        hub: String,
        status: u16,
        said: String,
    },
    #[error("the answer of {hub} is none: {source}")]
    Broken { hub: String, source: Broken },
}

/// A hub, and the connection to it while there is one.
pub struct Client {
    hub: String,
    host: ServerName<'static>,
    tls: Arc<ClientConfig>,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// `hub`: host and port.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn new(hub: &str, identity: &Identity) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(hub.to_owned());
        let (host, port) = hub.rsplit_once(':').ok_or_else(wrong)?;
        port.parse::<u16>().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            hub: hub.to_owned(),
            host: ServerName::try_from(host.to_owned()).map_err(|_| wrong())?,
            tls: identity.client()?,
            open: None,
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let failed = |source| ClientError::Connect {
            hub: self.hub.clone(),
            source,
        };
        let stream = TcpStream::connect(&*self.hub).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let connector = TlsConnector::from(self.tls.clone());
        let stream = connector.connect(self.host.clone(), stream).await;
        let stream = TokioIo::new(stream.map_err(failed)?);
        let ended = |error: hyper::Error| self.ended(error.to_string());
        let (send, connection) = handshake(stream).await.map_err(ended)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("the connection to the hub ended: {error}");
            }
        });
        Ok(send)
    }

    fn ended(&self, reason: String) -> ClientError {
        ClientError::Ended {
            hub: self.hub.clone(),
            reason,
        }
    }

    fn late(&self, wait: Duration) -> ClientError {
        ClientError::Late {
            hub: self.hub.clone(),
            wait,
        }
    }

    /// The connection kept from the request before, where it still is one, and whether it is.
    async fn opened(&mut self) -> Result<(SendRequest<Full<Bytes>>, bool), ClientError> {
        if let Some(mut kept) = self.open.take()
            && kept.ready().await.is_ok()
        {
            return Ok((kept, true));
        }
        let made = tokio::time::timeout(MAX_CONNECT_WAIT, self.connect()).await;
        Ok((made.map_err(|_| self.late(MAX_CONNECT_WAIT))??, false))
    }

    /// A hub that was started again has closed the connection that is kept, which may be seen only
    /// now. Where nothing of the request left, it goes over a new connection.
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(SendRequest<Full<Bytes>>, Response<Incoming>), ClientError> {
        let (mut open, is_kept) = self.opened().await?;
        let mut failed = match open.try_send_request(request).await {
            Ok(response) => return Ok((open, response)),
            Err(failed) => failed,
        };
        let Some(unsent) = failed.take_message().filter(|_| is_kept) else {
            return Err(self.ended(failed.into_error().to_string()));
        };
        let (mut open, _) = self.opened().await?;
        let sent = open.send_request(unsent).await;
        let response = sent.map_err(|error| self.ended(error.to_string()))?;
        Ok((open, response))
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        wait: Duration,
    ) -> Result<Bytes, ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.hub)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.ended(error.to_string()))?;
        let wait = wait + MAX_ANSWER_WAIT;
        let answered = async {
            let (open, response) = self.send(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect();
            let body = body.await.map_err(|error| self.ended(error.to_string()))?;
            Ok::<_, ClientError>((open, status, body.to_bytes()))
        };
        let answered = tokio::time::timeout(wait, answered).await;
        let (open, status, body) = answered.map_err(|_| self.late(wait))??;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body);
            let said = said.chars().filter(|c| !crate::shown::is_unsafe(*c));
            return Err(ClientError::Refused {
                hub: self.hub.clone(),
                status: status.as_u16(),
                said: said.take(MAX_REASON_CHARS).collect(),
            });
        }
        self.open = Some(open);
        Ok(body)
    }

    /// Brings what somebody else made, and gives the answer as it is.
    pub async fn carry(&mut self, errand: Errand, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let (path, wait) = match errand {
            Errand::List(wait) => ("/list", wait),
            Errand::Put => ("/put", Duration::ZERO),
        };
        Ok(self.ask(Method::POST, path, body, wait).await?.into())
    }

    fn broken(&self, source: Broken) -> ClientError {
        ClientError::Broken {
            hub: self.hub.clone(),
            source,
        }
    }

    fn unexpected(&self, frame: &Frame) -> ClientError {
        self.broken(Broken::Unexpected(frame.code()))
    }

    /// What the hub has after a position; waits for up to `wait` until there is something.
    ///
    /// # Errors
    /// [`ClientError`], as for all of these.
    pub async fn list(
        &mut self,
        position: Position,
        wait: Duration,
    ) -> Result<Vec<Answer>, ClientError> {
        let wait_s = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        let since = wire::message(&[Frame::Since { position, wait_s }]);
        let body = self.ask(Method::POST, "/list", since, wait).await?;
        let frames = wire::frames(&body).map_err(|error| self.broken(error))?;
        let mut rows = Vec::new();
        let mut answers = Vec::new();
        for frame in frames {
            match frame {
                Frame::Row(row) => rows.push(row),
                Frame::Page(position) => {
                    answers.push(Answer::Page(std::mem::take(&mut rows), position));
                }
                Frame::Commit(commit) => answers.push(Answer::Commit(commit)),
                Frame::Differs => answers.push(Answer::Differs),
                other => return Err(self.unexpected(&other)),
            }
        }
        match rows.first() {
            // Nothing says up to where they are all.
            Some(row) => Err(self.unexpected(&Frame::Row(row.clone()))),
            None => Ok(answers),
        }
    }

    /// Has rows stored.
    pub async fn put(&mut self, put: Put) -> Result<Answer, ClientError> {
        let body = put.message();
        let body = self.ask(Method::POST, "/put", body, Duration::ZERO).await?;
        let frames = wire::frames(&body).map_err(|error| self.broken(error))?;
        match &frames[..] {
            [Frame::Stored(_)] => Ok(Answer::Stored),
            [Frame::Late] => Ok(Answer::Late),
            [Frame::Refused] => Ok(Answer::Refused),
            [other, ..] => Err(self.unexpected(other)),
            [] => Err(self.broken(Broken::Cut)),
        }
    }

    /// Pushes events; without any it asks how far the hub is.
    pub async fn push(
        &mut self,
        life: Life,
        first: u64,
        bodies: Vec<Vec<u8>>,
    ) -> Result<Pushed, ClientError> {
        let events = (first..).zip(bodies);
        let events = events.map(|(number, body)| Frame::Event { number, body });
        let frames: Vec<Frame> = [Frame::Events { life, first }]
            .into_iter()
            .chain(events)
            .collect();
        let body = wire::message(&frames);
        let body = self
            .ask(Method::POST, "/events", body, Duration::ZERO)
            .await?;
        let frames = wire::frames(&body).map_err(|error| self.broken(error))?;
        match &frames[..] {
            [Frame::Pushed(said)] => Ok(*said),
            [other, ..] => Err(self.unexpected(other)),
            [] => Err(self.broken(Broken::Cut)),
        }
    }

    /// How the fleet is, as JSON.
    pub async fn status(&mut self) -> Result<serde_json::Value, ClientError> {
        let body = self
            .ask(Method::GET, "/status", Vec::new(), Duration::ZERO)
            .await?;
        serde_json::from_slice(&body).map_err(|error| self.ended(error.to_string()))
    }
}
