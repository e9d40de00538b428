//! Tells the journal which record is the newest, signed: kept outside of the database, that
//! shows when the record was written anew or its end cut off.

use std::io::IsTerminal as _;
use std::time::Duration;

use log::Level;

use crate::record::{HEAD_MESSAGE_ID, HeadKey, Log, NotedHead, RecordError};
use crate::seal::Purpose;

/// How often.
pub(crate) const HEAD_INTERVAL: Duration = Duration::from_secs(3600);

/// Whatever `daemon.log` leaves out: a head is no matter of taste.
pub(crate) fn note(log: &mut Log) {
    let head = match signed(log) {
        Ok(head) => head,
        Err(error) => {
            log::error!("the head of the record cannot be signed: {error}");
            match log.head() {
                Ok(head) => NotedHead::from(head),
                Err(error) => {
                    return log::error!("the head of the record cannot be read: {error}");
                }
            }
        }
    };
    if std::io::stderr().is_terminal() {
        // Nothing keeps what is told there, and such a line is long.
        return;
    }
    let message = head.message(&log.place());
    let fields = [("MESSAGE_ID", HEAD_MESSAGE_ID)];
    let mut record = log::Record::builder();
    record
        .level(Level::Info)
        .target(module_path!())
        .key_values(&fields);
    log::logger().log(&record.args(format_args!("{message}")).build());
}

fn signed(log: &mut Log) -> Result<NotedHead, RecordError> {
    let key = log.database().keys()?.sub_key(Purpose::Heads);
    log.sign_head(&HeadKey::from_seed(&key))
}
