//! Whether somebody may pass, by the rules as their files are now: what `access explain` says.

use crate::access::Rule;
use crate::clock;
use crate::config::{ClockTrust, Config};
use crate::daemon::access_rules::{self, wall};
use crate::daemon::events_reason;
use crate::ipc::{Code, Explained, ExplainedRule, Word};
use crate::person::PersonId;
use crate::record::Stamp;
use crate::shown::Quoted;
use crate::whitelist::{Directory, Listed};

use super::Given;

/// The answer.
pub(super) fn explain(given: &Given, person: &str, at_ms: Option<i64>) -> Word {
    let whitelist = given.whitelist.load();
    let Some(whitelist) = whitelist.as_deref() else {
        return Word::error(
            Code::Refused,
            "the whitelist cannot be read; `doorward check` says why",
        );
    };
    let Some(listed) = find(&whitelist.directory, person) else {
        let message = format!("nobody on the whitelist is called {}", Quoted(person));
        return Word::error(Code::Refused, message);
    };
    match told(given, listed, at_ms) {
        Ok(explained) => Word::ok(&explained),
        Err(message) => Word::error(Code::Refused, message),
    }
}

/// By number, such as `#3`, or by name.
fn find<'d>(directory: &'d Directory, word: &str) -> Option<&'d Listed> {
    if let Some(id) = word.strip_prefix('#').and_then(|id| id.parse().ok()) {
        return directory.get(PersonId(id));
    }
    let name = word.trim().to_lowercase();
    let mut all = directory.all();
    all.find(|one| one.name.to_lowercase() == name)
}

fn told(given: &Given, listed: &Listed, at_ms: Option<i64>) -> Result<Explained, String> {
    let config = Config::load(&given.config).map_err(|error| error.to_string())?;
    let rules = access_rules::load(&config).map_err(|fault| fault.to_string())?;
    let mut stamp = Stamp::now();
    // The clock will be right then, or another reason is told then.
    let is_believed = match at_ms {
        Some(at) => {
            let ahead = at.saturating_sub(stamp.at_ms);
            stamp.uptime_ms = stamp.uptime_ms.saturating_add_signed(ahead);
            stamp.at_ms = at;
            true
        }
        None => config.access.clock == ClockTrust::Trusted || clock::is_synchronised(),
    };
    let explained = rules.explain(listed, &wall(&stamp, is_believed));
    let rule = |rule: &Rule| ExplainedRule {
        name: rule.name.clone(),
        open: explained.open.iter().any(|open| std::ptr::eq(*open, rule)),
        conditions: rule.conditions(),
    };
    Ok(Explained {
        person_id: listed.id,
        name: listed.name.clone(),
        at_ms: stamp.at_ms,
        may_pass: explained.reason.is_none(),
        reason: explained
            .reason
            .map(|reason| events_reason(reason).code().to_owned()),
        until_ms: explained.until.map(|until| until.as_millisecond()),
        rules: rules.of(listed).map(rule).collect(),
    })
}
