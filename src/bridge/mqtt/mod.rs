//! MQTT 5: how things are and what happens goes to a broker, and commands come from there where
//! that is wanted.
//!
//! ```text
//! feed ─► Mqtt (the receiver) ─► link (a thread: broker, discovery, commands) ─► broker
//!           shown, discovery, command: pure                    orders ─► daemon
//! ```

mod command;
mod discovery;
mod fuzzing;
mod link;
mod options;
mod orders;
mod remove;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use crossbeam_channel::bounded;
use serde_json::Value;

use self::link::{Link, Word};
use self::shown::Topics;
use super::feed::{NotTaken, Receiver};
use super::outgoing::Outgoing;
use super::{BridgeError, Settings};
use crate::config;
use crate::ipc::State;
use crate::record::Kind;

pub use self::fuzzing::fuzz_command;
pub use self::options::OptionsError;
pub use self::remove::{RemoveError, remove};

/// How long the broker may take to say that it has an event.
const MAX_ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(10);
/// How old an order may be that the lock is still shown to follow.
const MAX_ORDER_AGE_MS: i64 = 5_000;

/// The door's end of the link to a broker.
pub(super) struct Mqtt {
    words: tokio::sync::mpsc::Sender<Word>,
    link: Option<std::thread::JoinHandle<()>>,
    names: bool,
    /// How things are, for whoever connects anew; nothing while the daemon does not answer.
    state: Arc<ArcSwapOption<State>>,
}

impl Mqtt {
    /// Starts the link to this broker.
    ///
    /// # Errors
    /// [`BridgeError`]
    pub(super) fn start(settings: &Settings, broker: &config::Broker) -> Result<Self, BridgeError> {
        let mqtt = &settings.bridge.mqtt;
        let state = Arc::default();
        let topics = Topics::new(&mqtt.topic, &mqtt.discovery, &settings.door.to_string());
        let options = options::of(mqtt, broker, &topics)?;
        let orders = match mqtt.commands {
            true => Some(orders::start(settings.config.clone()).map_err(BridgeError::Thread)?),
            false => None,
        };
        let link = Link {
            topics,
            options,
            broker: broker.to_string(),
            state: Arc::clone(&state),
            orders,
            trusts_clock: settings.trusts_clock,
        };
        let (words, link) = link.start().map_err(BridgeError::Thread)?;
        Ok(Self {
            words,
            link: Some(link),
            names: mqtt.names,
            state,
        })
    }

    fn body(&self, event: &Outgoing) -> Value {
        let mut body = event.body(self.names);
        let known = event.record.event().map(|event| event.kind().as_str());
        body.insert(
            "event_type".into(),
            known.unwrap_or(discovery::OTHER).into(),
        );
        Value::Object(body)
    }
}

/// Whether the strike is about to move.
fn is_order(event: &Outgoing) -> bool {
    let kinds = [
        Kind::Granted,
        Kind::GrantedByCard,
        Kind::UnlockAsked,
        Kind::Rex,
    ];
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let is_new = (now_ms - event.record.at_ms).abs() < MAX_ORDER_AGE_MS;
    is_new
        && kinds
            .iter()
            .any(|kind| kind.as_str() == event.record.kind())
}

impl Receiver for Mqtt {
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        let (taken, answer) = bounded(1);
        let word = Word::Event {
            body: self.body(event).to_string(),
            orders: is_order(event),
            taken,
        };
        let gone = || NotTaken("the link to the broker ended".into());
        self.words.blocking_send(word).map_err(|_| gone())?;
        match answer.recv_timeout(MAX_ACKNOWLEDGE_WAIT) {
            Ok(taken) => taken.map_err(NotTaken),
            Err(_) => Err(NotTaken("the broker does not say that it has it".into())),
        }
    }

    fn now(&mut self, state: Option<&State>) {
        self.state.store(state.cloned().map(Arc::new));
        let _ = self.words.blocking_send(Word::Changed);
    }

    fn end(&mut self) {
        let _ = self.words.blocking_send(Word::End);
        if let Some(link) = self.link.take() {
            let _ = link.join();
        }
    }
}
