//! The link to the broker: a thread with a runtime of its own. Each connection begins with nothing
//! left over from the one before, so that nothing old is told as new.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::Sender;
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions, Publish, PublishOptions, QoS,
    RetainForwardRule, SubscribeFilter,
};
use tokio::sync::mpsc;

use super::command::{Commands, Message, Order};
use super::shown::{Lock, Topics, lock, states};
use super::{discovery, options};
use crate::clock;
use crate::ipc::State;

/// Words of the receiver that wait for the link.
const MAX_WAITING_WORDS: usize = 8;
/// From one try to connect to the next, at first and at most.
const MIN_CONNECT_INTERVAL: Duration = Duration::from_secs(1);
const MAX_CONNECT_INTERVAL: Duration = Duration::from_secs(60);
/// How long the lock is shown to be about to move, at most.
const MAX_UNLOCKING: Duration = Duration::from_secs(5);
/// What could not be told is told again after this time.
const SHOW_AGAIN: Duration = Duration::from_secs(1);
/// The end waits so long for what is still to be said.
const MAX_GOODBYE: Duration = Duration::from_secs(2);
/// Refusals of one kind are told once in this time.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

type Taken = Result<(), String>;

/// What the receiver says to the link.
pub(super) enum Word {
    Event {
        body: String,
        /// Whether the strike is about to move by it.
        orders: bool,
        taken: Sender<Taken>,
    },
    /// How things are is another.
    Changed,
    End,
}

/// What a link takes.
pub(super) struct Link {
    pub topics: Topics,
    pub options: MqttOptions,
    /// For people.
    pub broker: String,
    pub state: Arc<ArcSwapOption<State>>,
    /// Where orders go; nothing if commands are off.
    pub orders: Option<Sender<Order>>,
    /// Whether the clock is believed whatever is known of it.
    pub trusts_clock: bool,
}

/// Why a connection ended.
enum End {
    Lost(String),
    Done,
}

impl Link {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(self) -> io::Result<(mpsc::Sender<Word>, JoinHandle<()>)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (words, mut heard) = mpsc::channel(MAX_WAITING_WORDS);
        let thread = std::thread::Builder::new().name("mqtt".into());
        let thread = thread.spawn(move || runtime.block_on(self.run(&mut heard)))?;
        Ok((words, thread))
    }

    async fn run(self, words: &mut mpsc::Receiver<Word>) {
        let mut failures = 0;
        loop {
            let built = AsyncClient::builder(self.options.clone())
                .capacity(options::MAX_REQUESTS_COUNT)
                .try_build();
            let (client, event_loop) = match built {
                Ok(built) => built,
                Err(error) => return log::error!("mqtt: {}: {error}", self.broker),
            };
            let mut connection = Connection::new(&self, client);
            let ended = connection.run(event_loop, words).await;
            if connection.is_up {
                failures = 0;
            }
            let why = match ended {
                End::Done => return,
                End::Lost(why) => why,
            };
            if failures == 0 {
                log::warn!("mqtt: no connection to {}: {why}; tried again", self.broker);
            }
            let pause = MIN_CONNECT_INTERVAL.saturating_mul(1 << failures.min(10));
            failures += 1;
            if !without(words, pause.min(MAX_CONNECT_INTERVAL)).await {
                return;
            }
        }
    }
}

/// Between connections: nothing is taken. False at the end.
async fn without(words: &mut mpsc::Receiver<Word>, pause: Duration) -> bool {
    let until = tokio::time::Instant::now() + pause;
    loop {
        match tokio::time::timeout_at(until, words.recv()).await {
            Err(_) => return true,
            Ok(None | Some(Word::End)) => return false,
            Ok(Some(word)) => refuse(word),
        }
    }
}

fn refuse(word: Word) {
    if let Word::Event { taken, .. } = word {
        let _ = taken.send(Err("there is no connection to the broker".into()));
    }
}

/// One connection.
struct Connection<'l> {
    link: &'l Link,
    client: AsyncClient,
    is_up: bool,
    commands: Commands,
    began: Instant,
    /// When all states are shown again: after the lock was said to be about to move, and where
    /// one could not be told.
    show_at: Option<tokio::time::Instant>,
    told: Option<(super::command::Refusal, Instant)>,
}

impl<'l> Connection<'l> {
    fn new(link: &'l Link, client: AsyncClient) -> Self {
        Self {
            link,
            client,
            is_up: false,
            commands: Commands::new(nonce()),
            began: Instant::now(),
            show_at: None,
            told: None,
        }
    }

    async fn run(&mut self, event_loop: EventLoop, words: &mut mpsc::Receiver<Word>) -> End {
        let (tell, mut comes) = mpsc::channel(MAX_WAITING_WORDS);
        // In a task of its own, because what it does is not to be given up half way.
        let polling = tokio::spawn(poll(event_loop, tell));
        let end = loop {
            let shown_until = self.show_at;
            let moved = async move {
                match shown_until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                came = comes.recv() => match came {
                    Some(Came::Up) => self.begin(),
                    Some(Came::Message(message)) => self.message(&message),
                    Some(Came::Lost(why)) => break End::Lost(why),
                    None => break End::Lost("the connection ended".into()),
                },
                word = words.recv() => match word {
                    None | Some(Word::End) => {
                        self.goodbye(&mut comes).await;
                        break End::Done;
                    }
                    Some(word) if !self.is_up => refuse(word),
                    Some(Word::Changed) => self.show(),
                    Some(Word::Event { body, orders, taken }) => self.event(body, orders, taken),
                },
                () = moved => self.show(),
            }
        };
        polling.abort();
        end
    }

    /// All that whoever listens has to know.
    fn begin(&mut self) {
        self.is_up = true;
        log::info!("mqtt: connected to {}", self.link.broker);
        let mut filters = vec![SubscribeFilter {
            preserve_retain: true,
            retain_forward_rule: RetainForwardRule::Never,
            ..SubscribeFilter::new(self.link.topics.birth(), QoS::AtMostOnce)
        }];
        if self.link.orders.is_some() {
            filters.push(SubscribeFilter {
                preserve_retain: true,
                retain_forward_rule: RetainForwardRule::Never,
                ..SubscribeFilter::new(self.link.topics.command(), QoS::AtLeastOnce)
            });
        }
        if self.client.try_subscribe_many(filters).is_err() {
            log::error!("mqtt: commands and Home Assistant's start are not heard");
        }
        self.announce();
    }

    fn announce(&mut self) {
        let payload = discovery::payload(&self.link.topics, self.link.orders.is_some());
        self.keep(self.link.topics.config(), payload.to_string());
        self.show();
        self.show_nonce();
    }

    /// How things are; where that is not known, that.
    fn show(&mut self) {
        self.show_at = None;
        let state = self.link.state.load_full();
        let Some(state) = state else {
            return self.keep(self.link.topics.status(), "offline".into());
        };
        for (of, value) in states(&state) {
            self.keep(self.link.topics.state(of), value);
        }
        self.keep(self.link.topics.status(), "online".into());
    }

    fn show_nonce(&mut self) {
        if self.link.orders.is_some() {
            self.keep(
                self.link.topics.state("nonce"),
                self.commands.nonce().to_owned(),
            );
        }
    }

    /// Publishes what whoever comes later finds too.
    fn keep(&mut self, topic: String, payload: String) {
        let retained = PublishOptions::at_least_once().retained();
        if let Err(error) = self.client.try_publish(topic.as_str(), payload, retained) {
            log::debug!("mqtt: {topic} is told later: {error}");
            self.show_at = Some(tokio::time::Instant::now() + SHOW_AGAIN);
        }
    }

    fn event(&mut self, body: String, orders: bool, taken: Sender<Taken>) {
        let state = self.link.state.load_full();
        if orders && state.as_deref().map(lock) == Some(Lock::Locked) {
            self.show_at = Some(tokio::time::Instant::now() + MAX_UNLOCKING);
            self.keep(
                self.link.topics.state("lock"),
                Lock::Unlocking.payload().into(),
            );
        }
        let topic = self.link.topics.event();
        let published =
            self.client
                .try_publish_tracked(topic, body, PublishOptions::at_least_once());
        match published {
            Ok(notice) => drop(tokio::spawn(async move {
                let done = notice.wait_completion_async().await;
                let _ = taken.send(done.map_err(|error| {
                    format!("the broker does not take it ({error}); its list of rights may stand against it")
                }));
            })),
            Err(error) => {
                let _ = taken.send(Err(error.to_string()));
            }
        }
    }

    fn message(&mut self, message: &Publish) {
        if *message.topic == *self.link.topics.birth().as_bytes() {
            if *message.payload == *b"online" {
                self.announce();
            }
            return;
        }
        let Some(orders) = &self.link.orders else {
            return;
        };
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let is_right = self.link.trusts_clock || clock::is_synchronised();
        let came = Message {
            payload: &message.payload,
            retained: message.retain,
            at_ms: is_right.then_some(now_ms),
        };
        let before = self.commands.nonce().to_owned();
        let heard = self.commands.hear(self.began.elapsed(), &came, nonce());
        if self.commands.nonce() != before {
            self.show_nonce();
        }
        match heard {
            Ok(order) => {
                if orders.try_send(order).is_err() {
                    log::error!("mqtt: an order is dropped: those before it are not done yet");
                }
            }
            Err(refusal) => {
                let is_known = |(told, at): (super::command::Refusal, Instant)| {
                    told == refusal && at.elapsed() < TELL_INTERVAL
                };
                if !self.told.is_some_and(is_known) {
                    log::warn!("mqtt: a command does not count: {refusal}");
                    self.told = Some((refusal, Instant::now()));
                }
            }
        }
    }

    /// So that nobody takes what was for what is.
    async fn goodbye(&mut self, comes: &mut mpsc::Receiver<Came>) {
        if !self.is_up {
            return;
        }
        self.keep(self.link.topics.status(), "offline".into());
        if self.client.try_disconnect().is_err() {
            return;
        }
        let ended = async { while comes.recv().await.is_some() {} };
        let _ = tokio::time::timeout(MAX_GOODBYE, ended).await;
    }
}

/// What comes from the broker.
enum Came {
    Up,
    Message(Publish),
    Lost(String),
}

async fn poll(mut event_loop: EventLoop, tell: mpsc::Sender<Came>) {
    loop {
        let came = match event_loop.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => Came::Up,
            Ok(Event::Incoming(Incoming::Publish(message))) => Came::Message(message),
            Ok(_) => continue,
            Err(error) => Came::Lost(error.to_string()),
        };
        let is_end = matches!(came, Came::Lost(_));
        if tell.send(came).await.is_err() || is_end {
            return;
        }
    }
}

/// What nobody can guess; an empty one where the system gives none, which counts for nothing.
fn nonce() -> String {
    let mut bytes = [0; 16];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match filled {
        Ok(16) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => String::new(),
    }
}
