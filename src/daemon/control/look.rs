//! How things are, and what those who watch are told of it.

use super::connection::{Connection, Gone};
use super::server::Server;
use crate::ipc::{Answer, DoorNow, RecordHead, State, Threshold, Word};
use crate::record::DoorMode;

/// While less than this waits for a client, more records are sent to it, in bytes.
const MIN_FEED_BYTES: usize = 256 * 1024;

impl Server<'_> {
    /// How things are now.
    pub(super) fn state(&self) -> State {
        let note = self.given.status.load();
        let whitelist = self.given.whitelist.load();
        let listed = whitelist.as_deref();
        let people = listed.map_or(0, |listed| listed.directory.len());
        let enabled = listed.map_or(0, |listed| listed.directory.enabled().count());
        let in_use = listed.map_or(0, |listed| listed.matcher.templates());
        let others = listed.map_or(0, |listed| listed.matcher.of_other_models());
        State {
            record: self.feed.head().clone(),
            pid: note.pid,
            since_ms: note.since_ms,
            door: self.door(),
            camera: note.camera.clone(),
            infrared: note.infrared.clone(),
            people,
            disabled: people - enabled.min(people),
            templates: in_use + others,
            templates_in_use: in_use,
            threshold: note
                .threshold
                .clone()
                .map(|(score, from)| Threshold { score, from }),
            last_grant: self.feed.last_grant().cloned(),
            faults: note.faults.clone(),
        }
    }

    fn door(&self) -> DoorNow {
        let mode = self.given.outlook.mode();
        let ordered = self.feed.mode();
        // The door hears of an act a moment after it is on record.
        let ordered = ordered.filter(|act| act.mode == mode && mode != DoorMode::Normal);
        DoorNow {
            condition: self.given.outlook.condition(),
            mode,
            until_ms: ordered.and_then(|act| act.until_ms),
            act: ordered.map(|act| act.act),
        }
    }

    /// Sends those who watch what is new, as far as they take it.
    pub(super) fn serve_watchers(&mut self) {
        let watchers = self.clients.iter().filter(|client| client.watch.is_some());
        let numbers: Vec<u64> = watchers.map(|client| client.number).collect();
        if numbers.is_empty() {
            return;
        }
        let state = self.state();
        for number in numbers {
            self.with(number, |server, client| {
                server.serve_watcher(client, &state)
            });
        }
    }

    fn serve_watcher(&self, client: &mut Connection, state: &State) -> Result<(), Gone> {
        let Some(mut watch) = client.watch.take() else {
            return Ok(());
        };
        let id = watch.id;
        if watch.told.is_none() {
            let first = Box::new(state.clone());
            client.say(&Answer::to(id, Word::State(first.clone())))?;
            watch.told = Some(first);
        }
        // Whoever has much to catch up with gets it piece by piece.
        while client.queued() < MIN_FEED_BYTES {
            let Ok(records) = self.feed.after(watch.after) else {
                break;
            };
            let Some((last, _)) = records.last() else {
                break;
            };
            watch.after = *last;
            for (_, json) in &records {
                client.send(format!("{{\"id\":{id},\"event\":{json}}}\n").into_bytes())?;
            }
        }
        let is_new = watch.told.as_ref().is_some_and(|told| differ(told, state));
        if is_new && watch.after >= state.record.id {
            let now = Box::new(state.clone());
            client.say(&Answer::to(id, Word::State(now.clone())))?;
            watch.told = Some(now);
        }
        client.watch = Some(watch);
        Ok(())
    }
}

/// In something else than how far the record is.
fn differ(one: &State, other: &State) -> bool {
    let nowhere = || RecordHead {
        id: 0,
        hash: String::new(),
    };
    let without = |state: &State| State {
        record: nowhere(),
        ..state.clone()
    };
    without(one) != without(other)
}
