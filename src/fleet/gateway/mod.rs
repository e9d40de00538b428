//! The hub's gateway: what doors ask over mutual TLS, answered from a store. It keeps no state
//! of its own that a restart loses; the list in memory is checked by the same core as a door's.

mod budget;
mod crowd;
mod listen;
mod pages;
mod requests;
mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use self::budget::Budgets;
use self::crowd::Crowd;
use self::pages::Pages;
pub use self::tls::{Identity, TlsError};
use super::answer::{Answer, Effect};
use super::door::Door;
use super::list::{List, Refusal};
use super::put::Put;
use super::row::{Hash, Position, RowId};
use super::signing::Root;
use super::store::{Page, Store, StoreError};
use super::wire;

/// How long what another gateway wrote may stay unseen.
const MAX_UNSEEN: Duration = Duration::from_secs(1);
/// Requests with a body that are read at one time.
const MAX_UPLOADS_COUNT: usize = 32;

/// What a door may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Unfinished handshakes of one address; many doors may stand behind one.
    pub handshakes: usize,
    /// New events of a door in a day.
    pub events_a_day: u64,
    /// The longest that a door waits for news in one request.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 64,
            events_a_day: 20_000,
            wait: Duration::from_secs(55),
        }
    }
}

/// What was last heard of a door.
#[derive(Debug, Clone, Copy)]
struct Heard {
    at_s: i64,
    position: Position,
}

/// Doors by their certificates.
type Table = HashMap<Hash, (RowId, String)>;

/// A store and who asks it.
struct Hub<S> {
    store: S,
    limits: Limits,
    /// The list, as a door would have it.
    mirror: tokio::sync::Mutex<Mirror>,
    table: Mutex<Arc<Table>>,
    /// The newest position; tells who waits.
    changed: watch::Sender<Position>,
    pages: Pages,
    budgets: Budgets,
    crowd: Crowd,
    heard: Mutex<HashMap<RowId, Heard>>,
    uploads: Semaphore,
}

struct Mirror {
    door: Door,
    looked: Option<Instant>,
}

/// What a hub could not do.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store holds what no door of the fleet signed ({0}); restore a backup")]
    Refused(Refusal),
    #[error("the store holds no fleet's list yet")]
    Empty,
    #[error("cannot listen at {address}: {source}; is another program there?")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Store> Hub<S> {
    fn new(store: S, root: Root, limits: Limits) -> Self {
        Self {
            store,
            limits,
            mirror: tokio::sync::Mutex::new(Mirror {
                door: Door::new(List::new(root), None),
                looked: None,
            }),
            table: Mutex::default(),
            changed: watch::Sender::new(Position::START),
            pages: Pages::default(),
            budgets: Budgets::default(),
            crowd: Crowd::default(),
            heard: Mutex::default(),
            uploads: Semaphore::new(MAX_UPLOADS_COUNT),
        }
    }

    /// Reads what the store has and the mirror has not. Without it nobody is served: a table of
    /// doors that may be old lets in whom it should not.
    async fn look(&self) -> Result<(), HubError> {
        let mut mirror = self.mirror.lock().await;
        let now = Instant::now();
        if mirror
            .looked
            .is_some_and(|looked| now - looked < MAX_UNSEEN)
        {
            return Ok(());
        }
        self.catch_up(&mut mirror.door).await?;
        mirror.looked = Some(now);
        Ok(())
    }

    async fn catch_up(&self, door: &mut Door) -> Result<(), HubError> {
        let before = door.list().position();
        catch_up(&self.store, door).await?;
        let position = door.list().position();
        if position != before || locked(&self.table).is_empty() {
            self.tell(door.list());
        }
        Ok(())
    }

    /// Has everybody know of a new list: who asks, who waits, and who is no door any more.
    fn tell(&self, list: &List) {
        let doors = list.doors().filter(|(.., revoked)| revoked.is_none());
        let table: Table = doors
            .map(|(id, card, _)| (card.certificate, (id, card.name.clone())))
            .collect();
        let ids: std::collections::HashSet<RowId> = table.values().map(|(id, _)| *id).collect();
        *locked(&self.table) = Arc::new(table);
        self.pages.forget();
        self.crowd.keep(&|id| ids.contains(id));
        self.changed.send_replace(list.position());
    }

    /// Whose certificate this is, by the list as it is now.
    async fn door(&self, certificate: &Hash) -> Result<Option<(RowId, String)>, HubError> {
        self.look().await?;
        let table = locked(&self.table).clone();
        Ok(table.get(certificate).cloned())
    }

    async fn put(&self, put: Put) -> Result<wire::Frame, HubError> {
        let mut mirror = self.mirror.lock().await;
        self.catch_up(&mut mirror.door).await?;
        let position = put.commit.position;
        match mirror.door.list().clone().follow(&put.rows, &put.commit) {
            Ok(()) => {}
            Err(Refusal::Elsewhere) => return Ok(wire::Frame::Late),
            Err(why) => {
                log::warn!("a commit was refused: {why}");
                return Ok(wire::Frame::Refused);
            }
        }
        if !self.store.put(put).await? {
            return Ok(wire::Frame::Late);
        }
        self.catch_up(&mut mirror.door).await?;
        Ok(wire::Frame::Stored(position))
    }
}

/// Reads what a store has and a list has not; every row is checked as a door does.
pub(super) async fn catch_up(store: &impl Store, door: &mut Door) -> Result<(), HubError> {
    loop {
        let page = store.page(door.asks()).await?;
        let (answers, is_end) = match page {
            Page::Differs => (vec![Answer::Differs], false),
            Page::Rows {
                end: None, rows: 0, ..
            } => return Err(HubError::Empty),
            Page::Rows {
                mut frames,
                position,
                end,
                ..
            } => {
                wire::Frame::End.encode(&mut frames);
                let frames = wire::frames(&frames);
                let frames = frames.map_err(|_| StoreError::Broken("the list"))?;
                let rows = frames.into_iter().filter_map(|frame| match frame {
                    wire::Frame::Row(row) => Some(row),
                    _ => None,
                });
                let page = Answer::Page(rows.collect(), position);
                let is_end = end.is_some();
                let end = end.map(Answer::Commit);
                ([Some(page), end].into_iter().flatten().collect(), is_end)
            }
        };
        for effect in answers.into_iter().flat_map(|answer| door.take(answer)) {
            match effect {
                Effect::Tell(super::Notice::Refused(why)) => return Err(HubError::Refused(why)),
                Effect::Tell(notice) => log::warn!("the store: {notice}"),
                _ => {}
            }
        }
        if is_end {
            return Ok(());
        }
    }
}

/// A gateway that listens.
pub struct Gateway<S> {
    hub: Arc<Hub<S>>,
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl<S: Store> Gateway<S> {
    /// # Errors
    /// [`HubError`]
    pub async fn bind(
        store: S,
        root: Root,
        identity: &Identity,
        address: SocketAddr,
        limits: Limits,
    ) -> Result<Self, HubError> {
        let hub = Hub::new(store, root, limits);
        hub.look().await?;
        let listener =
            listen::bind(address).map_err(|source| HubError::Listen { address, source })?;
        Ok(Self {
            hub: Arc::new(hub),
            listener,
            tls: identity.acceptor()?,
        })
    }

    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        listen::serve(self.hub, self.listener, self.tls).await;
    }
}
