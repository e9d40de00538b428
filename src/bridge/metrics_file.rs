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
use crate::ipc::State;

/// From one writing to the next.
const WRITE_INTERVAL: Duration = Duration::from_secs(15);
/// Others read it.
const MODE: u32 = 0o644;

/// Counts, and writes down.
pub(super) struct MetricsFile {
    numbers: Numbers,
    file: Option<PathBuf>,
    text: Arc<ArcSwap<String>>,
    write_at: Option<Instant>,
    /// Whether the last writing failed.
    failed: bool,
}

impl MetricsFile {
    pub(super) fn new(metrics: &config::Metrics, door: &str) -> Self {
        Self {
            numbers: Numbers::new(door),
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

    fn write(&mut self) {
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
        self.write();
    }
}
