//! What the page knows of the door without asking: how it is now, and what happens, heard over
//! one connection for everybody who looks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use super::app::{App, locked};
use super::door::{self, Door};
use super::happening::Happening;
use super::secret;
use crate::ipc::{Ask, Code, State, Word};

/// From one try to hear the door to the next.
const RETRY: Duration = Duration::from_secs(2);
/// How soon after an event it is asked how things are.
const SETTLE: Duration = Duration::from_millis(250);
/// How often it is asked without one.
const REFRESH: Duration = Duration::from_secs(10);
/// What a slow reader may be behind before it begins anew.
const MAX_BEHIND_COUNT: usize = 64;
/// Pictures that wait to be fetched.
const MAX_PICTURES_COUNT: usize = 32;

/// How things are, and what happens.
pub(super) struct Live {
    /// Nothing while there is no word from the door.
    pub now: watch::Sender<Option<State>>,
    pub happened: broadcast::Sender<Arc<Happening>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            now: watch::Sender::new(None),
            happened: broadcast::Sender::new(MAX_BEHIND_COUNT),
        }
    }
}

impl Live {
    pub(super) fn state(&self) -> Option<State> {
        self.now.borrow().clone()
    }
}

/// Hears the door for as long as the page runs.
pub(super) async fn listen(app: App) {
    let mut since = None;
    loop {
        let mut words = app.door.ask(None, Ask::Watch { since });
        let forgets = follow(&app, &mut words, &mut since).await;
        if forgets {
            since = None;
        }
        app.live.now.send_replace(None);
        tokio::time::sleep(RETRY).await;
    }
}

/// Until the connection ends; whether the record does not reach back as far as was asked.
async fn follow(app: &App, words: &mut mpsc::Receiver<Word>, since: &mut Option<u64>) -> bool {
    let mut ask_at = Instant::now() + REFRESH;
    loop {
        let word = tokio::select! {
            word = words.recv() => word,
            () = tokio::time::sleep_until(ask_at) => {
                refresh(app.door.as_ref(), &app.live).await;
                ask_at = Instant::now() + REFRESH;
                continue;
            }
        };
        match word {
            Some(Word::State(state)) => {
                since.get_or_insert(state.record.id);
                app.live.now.send_replace(Some(*state));
            }
            Some(Word::Event(record)) => {
                ask_at = ask_at.min(Instant::now() + SETTLE);
                if let Some(one) = Happening::read(&record) {
                    *since = Some(one.id);
                    // Nobody may be looking.
                    let _ = app.live.happened.send(Arc::new(one));
                }
            }
            Some(Word::Error(problem)) => return problem.code == Code::NoSuchRecord,
            Some(_) => {}
            None => return false,
        }
    }
}

async fn refresh(door: &dyn Door, live: &Live) {
    if let Ok(state) = door::ask::<State>(door, None, Ask::Status {}).await {
        live.now.send_replace(Some(state));
    }
}

/// The newest pictures of live views, each to be fetched by a name that cannot be guessed.
#[derive(Default)]
pub(super) struct Viewing(Mutex<VecDeque<(String, Arc<[u8]>)>>);

impl Viewing {
    /// Keeps one, and gives its name.
    pub(super) fn keep(&self, jpeg: Vec<u8>) -> Option<String> {
        let name = secret::token().ok()?;
        let mut kept = locked(&self.0);
        if kept.len() >= MAX_PICTURES_COUNT {
            kept.pop_front();
        }
        kept.push_back((name.clone(), jpeg.into()));
        Some(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<[u8]>> {
        let kept = locked(&self.0);
        let found = kept.iter().find(|(key, _)| secret::is_same(key, name));
        found.map(|(_, jpeg)| jpeg.clone())
    }
}
