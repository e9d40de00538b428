//! Pages that were read: one reading serves every door that asks for the same, also at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::locked;
use crate::fleet::row::Position;
use crate::fleet::store::{Page, Store, StoreError};
use crate::fleet::wire::Frame;

/// Pages that are kept, each of some hundred kilobytes.
const MAX_PAGES_COUNT: usize = 128;

/// A message that answers a position.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) message: Bytes,
    /// Whether there is anything after the position.
    pub(super) is_news: bool,
}

type Cell = Arc<OnceCell<Ready>>;

/// Of the newest list; forgotten when it changes.
#[derive(Default)]
pub(super) struct Pages(Mutex<HashMap<Position, Cell>>);

impl Pages {
    pub(super) fn forget(&self) {
        locked(&self.0).clear();
    }

    pub(super) async fn after(
        &self,
        store: &impl Store,
        since: Position,
    ) -> Result<Ready, StoreError> {
        let cell = {
            let mut all = locked(&self.0);
            if all.len() >= MAX_PAGES_COUNT && !all.contains_key(&since) {
                all.clear();
            }
            all.entry(since).or_default().clone()
        };
        let ready = cell.get_or_try_init(|| read(store, since)).await?;
        Ok(ready.clone())
    }
}

async fn read(store: &impl Store, since: Position) -> Result<Ready, StoreError> {
    let mut message = Vec::new();
    let mut is_news = true;
    match store.page(since).await? {
        Page::Differs => Frame::Differs.encode(&mut message),
        Page::Rows {
            frames,
            position,
            end,
            ..
        } => {
            message = frames;
            Frame::Page(position).encode(&mut message);
            if let Some(end) = end {
                is_news = end.position != since;
                Frame::Commit(end).encode(&mut message);
            }
        }
    }
    Frame::End.encode(&mut message);
    let message = message.into();
    Ok(Ready { message, is_news })
}
