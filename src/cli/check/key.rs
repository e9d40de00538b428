//! Whether what is sealed can be opened, and what the place of its key protects from.

use super::{Report, Verdict};
use crate::database::Database;
use crate::seal::KeyPlace;

pub(super) fn check(database: &Database, report: &mut Report) {
    let part = "key";
    if let Err(error) = database.check_sealed() {
        return report.add(part, Verdict::Wrong, error.to_string());
    }
    let id = match database.key_id() {
        Ok(id) => id,
        Err(error) => return report.add(part, Verdict::Wrong, error.to_string()),
    };
    let sources = database.key_sources();
    let text = match database.key_place() {
        Some(KeyPlace::Credential) => {
            format!("key {id}, which systemd hands over; every sealed row opens")
        }
        _ => format!(
            "key {id} in {file}; every sealed row opens. It lies beside the data: a backup is useless without it, a stolen card is not. To bind it to this machine: systemd-creds encrypt --name=doorward.key {file} /etc/credstore.encrypted/doorward.key",
            file = sources.file().display()
        ),
    };
    report.add(part, Verdict::Ok, text);
}
