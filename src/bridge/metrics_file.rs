//! The numbers as a text file for node_exporter, written whole, and for the endpoint.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::feed::{NotTaken, Receiver};
use super::metrics::Numbers;
use super::outgoing::Outgoing;
use crate::config;
use crate::files;
use crate::ipc::{Ask, Client, State};

/// From one writing to the next.
const WRITE_INTERVAL: Duration = Duration::from_secs(15);
/// How long the daemon may take to say what it counted.
const MAX_COUNTS_WAIT: Duration = Duration::from_secs(2);
/// Others read it.
const MODE: u32 = 0o644;

/// Counts, and writes down.
pub(super) struct MetricsFile {
    numbers: Numbers,
    /// Of the daemon, who is asked what it counted.
    config: PathBuf,
    answers: bool,
    file: Option<PathBuf>,
    text: Arc<ArcSwap<String>>,
    write_at: Option<Instant>,
    /// Whether the last writing failed.
    failed: bool,
}

impl MetricsFile {
    /// `config` is the daemon's.
    pub(super) fn new(metrics: &config::Metrics, door: &str, config: PathBuf) -> Self {
        Self {
            numbers: Numbers::new(door),
            config,
            answers: false,
            file: metrics.file.clone(),
            text: Arc::default(),
            write_at: None,
            failed: false,
        }
    }

    /// The newest, for whoever serves it.
    pub(super) fn text(&self) -> Arc<ArcSwap<String>> {
        Arc::clone(&self.text)
    }

    /// A daemon that does not answer says so by other numbers.
    fn count(&mut self) {
        let asked = Client::connect(&self.config).map(|client| {
            client.and_then(|mut client| client.ask(Ask::Counts {}, MAX_COUNTS_WAIT).ok())
        });
        if let Ok(Some(counts)) = asked {
            self.numbers.frames(counts);
        }
    }

    fn write(&mut self) {
        if self.answers {
            self.count();
        }
        let text = self.numbers.text();
        if let Some(file) = &self.file {
            let written = files::replace(file, text.as_bytes(), MODE);
            match written {
                Ok(()) if std::mem::take(&mut self.failed) => {
                    log::info!("{} is written again", file.display());
                }
                Ok(()) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.failed, true) {
                        log::error!(
                            "cannot write {}: {error}; its folder has to be the bridge's user's",
                            file.display()
                        );
                    }
                }
            }
        }
        self.text.store(Arc::new(text));
        self.write_at = Some(Instant::now() + WRITE_INTERVAL);
    }
}

impl Receiver for MetricsFile {
    fn deliver(&mut self, event: &Outgoing) -> Result<(), NotTaken> {
        self.numbers.count(event);
        Ok(())
    }

    fn now(&mut self, state: Option<&State>) {
        self.numbers.show(state);
        self.answers = state.is_some();
        // What changed at the door is seen at the next look.
        self.write();
    }

    fn turn(&mut self) {
        if self.write_at.is_none_or(|at| at <= Instant::now()) {
            self.write();
        }
    }

    fn end(&mut self) {
        // Nobody is to take the last numbers for those of now.
        self.numbers.show(None);
        self.answers = false;
        self.write();
    }
}
