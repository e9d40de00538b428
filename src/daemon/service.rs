//! What systemd is told of the service.

use sd_notify::NotifyState;

/// Tells systemd, if it listens.
pub(super) fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("systemd was not told: {error}");
    }
}
