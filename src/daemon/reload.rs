//! SIGHUP: the configuration and the access rules as they are now.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::desk::DeskSettings;
use super::doorkeeper::Order;
use super::settings::{level, needs_restart};
use super::{Guard, MAX_STOP_WAIT, events, strict};
use crate::config::{self, Config};
use crate::door;
use crate::record::Event;

impl Guard {
    /// Reads the configuration again. A file that is refused changes nothing.
    pub(super) fn reload(&mut self) {
        let config = match Config::load(&self.path) {
            Ok(config) => config,
            Err(error) => {
                self.queue.happened(events::of_rejected(&error));
                return;
            }
        };
        if let Err(untrusted) = strict::configuration(&self.path, &config) {
            self.queue
                .happened(events::of_untrusted(&self.path, &untrusted));
            return;
        }
        self.queue.happened(Event::ConfigReloaded {
            file: self.path.display().to_string(),
            restart_for: needs_restart(&self.config, &config),
        });
        self.law.reload(&config, &self.queue);
        if config.access != self.config.access {
            self.rules.store(Arc::new(config.access.clone()));
            // The next reading of the whitelist, which follows at once, takes it.
            self.whitelist_watch.ask(config.access.threshold_request());
        }
        self.retention.store(Arc::new(config.audit.clone()));
        self.factors.store(Arc::new(DeskSettings::of(&config)));
        let settings = Order::Settings(door::Settings::of(&config.door));
        if self.orders.send_timeout(settings, MAX_STOP_WAIT).is_err() {
            // The heartbeat tells about it in a moment.
            log::error!("the door thread did not take the new [door]");
        }
        log::set_max_level(level(config.daemon.log));
        self.strict
            .store(config.daemon.strict_modes, Ordering::Relaxed);
        if let Some(control) = &self.control {
            control.roles_changed();
        }
        self.config.access = config.access;
        self.config.audit = config.audit;
        self.config.door = config.door;
        self.config.factors = config.factors;
        self.config.lockout = config.lockout;
        // Records go on under the name that the log was opened with.
        let door = self.config.daemon.door.clone();
        self.config.daemon = config::Daemon {
            door,
            ..config.daemon
        };
    }
}
