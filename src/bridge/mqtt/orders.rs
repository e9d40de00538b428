//! What commands order, asked of the daemon: as acts under the door's rules, on record before
//! anything moves. A thread of its own waits for the answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::command::Order;
use crate::ipc::{Ask, Client, ClientError, ModeOrdered, Unlocked};

/// Orders that wait; more are dropped, because a late one opens a door for nobody.
const MAX_WAITING_ORDERS: usize = 4;
/// How long the daemon may take.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Starts the thread; it ends with the sender.
pub(super) fn start(config: PathBuf) -> std::io::Result<Sender<Order>> {
    let (orders, waiting) = bounded(MAX_WAITING_ORDERS);
    let thread = std::thread::Builder::new().name("orders".into());
    thread.spawn(move || {
        for order in waiting {
            match carry_out(&config, &order) {
                Ok(said) => log::info!("mqtt: {said}"),
                Err(error) => log::error!("mqtt: {order} was not done: {error}"),
            }
        }
    })?;
    Ok(orders)
}

fn carry_out(config: &Path, order: &Order) -> Result<String, ClientError> {
    let Some(mut client) = Client::connect(config)? else {
        return Ok(format!("{order} was not done: nothing guards the door"));
    };
    let reason = Some("by MQTT".to_owned());
    match order {
        Order::Unlock { client: by } => {
            client.act_for(Some(&format!("mqtt:{by}")));
            let unlocked: Unlocked = client.ask(Ask::Unlock { reason }, MAX_WAIT)?;
            Ok(match unlocked.reason {
                _ if unlocked.unlocked => format!("{order}: event {}", unlocked.event),
                Some(why) => format!("{order}: event {}, not opened: {why}", unlocked.event),
                None => format!("{order}: event {}, not opened", unlocked.event),
            })
        }
        Order::Lock { client: by } => {
            client.act_for(Some(&format!("mqtt:{by}")));
            let ordered: ModeOrdered = client.ask(Ask::Lock { reason }, MAX_WAIT)?;
            Ok(format!(
                "{order}: event {}, the mode is {}",
                ordered.event, ordered.mode
            ))
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlock { client } => write!(f, "unlock by mqtt:{client}"),
            Self::Lock { client } => write!(f, "lock by mqtt:{client}"),
        }
    }
}
