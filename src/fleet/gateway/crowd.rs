//! Connections: how many an address and a door have, and ending those of a door that is none
//! any more.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::locked;
use crate::fleet::row::RowId;

/// Connections of one door. The oldest ends for another one, so that a door that lost its
/// network comes back; a thief could push the door out so, and that is told.
const MAX_DOOR_CONNECTIONS_COUNT: usize = 4;

#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Inner>);

/// A door's, the oldest first: a number, and what is told when it has to end.
type Connections = VecDeque<(u64, Arc<Notify>)>;

#[derive(Default)]
struct Inner {
    shaking: Mutex<HashMap<IpAddr, usize>>,
    doors: Mutex<HashMap<RowId, Connections>>,
    next: AtomicU64,
}

/// A handshake that is not finished.
pub(super) struct Shaking(Crowd, IpAddr);

/// A door's connection; `ended` is told when it has to end.
pub(super) struct Connected {
    crowd: Crowd,
    door: RowId,
    number: u64,
    pub(super) ended: Arc<Notify>,
}

impl Crowd {
    pub(super) fn shake(&self, address: IpAddr, most: usize) -> Option<Shaking> {
        let mut all = locked(&self.0.shaking);
        let many = all.entry(address).or_default();
        if *many >= most {
            return None;
        }
        *many += 1;
        Some(Shaking(self.clone(), address))
    }

    pub(super) fn connect(&self, door: RowId, name: &str) -> Connected {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let ended = Arc::new(Notify::new());
        let mut all = locked(&self.0.doors);
        let of_door = all.entry(door).or_default();
        of_door.push_back((number, ended.clone()));
        if of_door.len() > MAX_DOOR_CONNECTIONS_COUNT
            && let Some((_, oldest)) = of_door.pop_front()
        {
            log::warn!(
                "door {name} opens more than {MAX_DOOR_CONNECTIONS_COUNT} connections: is its key used at two places?"
            );
            oldest.notify_one();
        }
        drop(all);
        Connected {
            crowd: self.clone(),
            door,
            number,
            ended,
        }
    }

    pub(super) fn count(&self, door: RowId) -> usize {
        locked(&self.0.doors).get(&door).map_or(0, VecDeque::len)
    }

    /// Ends the connections of all doors but these.
    pub(super) fn keep(&self, stays: &dyn Fn(&RowId) -> bool) {
        let all = locked(&self.0.doors);
        let gone = all.iter().filter(|(door, _)| !stays(door));
        for (_, ended) in gone.flat_map(|(_, connections)| connections) {
            ended.notify_one();
        }
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        let mut all = locked(&self.0.0.shaking);
        if let Some(many) = all.get_mut(&self.1) {
            *many -= 1;
            if *many == 0 {
                all.remove(&self.1);
            }
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut all = locked(&self.crowd.0.doors);
        if let Some(of_door) = all.get_mut(&self.door) {
            of_door.retain(|(number, _)| *number != self.number);
            if of_door.is_empty() {
                all.remove(&self.door);
            }
        }
    }
}
