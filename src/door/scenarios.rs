//! `tests/scenarios/door.txt`, the table an installer can read, run line by line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::tests::Rig;
use super::*;
use crate::config::Config;
use crate::person::PersonId;

const TABLE: &str = include_str!("../../tests/scenarios/door.txt");

/// A row: when, what happens, and what is expected beside it.
struct Row<'t> {
    at: Duration,
    input: &'t str,
}

fn row(line: &str) -> Row<'_> {
    let left = line.split('|').next().unwrap().trim();
    let (at, input) = left.split_once(' ').unwrap();
    let at: f64 = at.parse().unwrap_or_else(|_| panic!("no time: {line}"));
    Row {
        at: Duration::from_secs_f64(at),
        input: input.trim(),
    }
}

fn contact(word: &str) -> Option<Contact> {
    Some(match word {
        "closed" => Contact::Closed,
        "opens" | "open" => Contact::Open,
        "unknown" => Contact::Unknown,
        _ => return None,
    })
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

/// What a row's words mean; nothing if only time passes.
fn input(rig: &Rig, words: &str) -> Option<Input> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let reading = |reading| Some(Input::Reading(reading));
    match words[..] {
        ["-"] => None,
        ["door", word] => reading(Reading::Contact(contact(word).expect(word))),
        ["other", "door", word] => reading(Reading::OtherDoor(contact(word).expect(word))),
        ["exit", "pressed"] => reading(Reading::Rex(true)),
        ["exit", "released"] => reading(Reading::Rex(false)),
        ["exit", n, "on", "record"] => Some(Input::Open(By::Rex(number(n)))),
        ["cover", "opened"] => reading(Reading::Tamper(true)),
        ["cover", "closed"] => reading(Reading::Tamper(false)),
        ["rotor", "turns"] => reading(Reading::Rotor(None)),
        ["rotor", "turns", "in"] => reading(Reading::Rotor(Some(Way::In))),
        ["rotor", "turns", "out"] => reading(Reading::Rotor(Some(Way::Out))),
        ["inputs", "lost"] => reading(Reading::Lost),
        ["inputs", "back"] => reading(Reading::Back),
        ["sees", "nobody"] => Some(Input::View(InView::Nobody)),
        ["sees", "a", "face"] => Some(Input::View(InView::UnknownFace)),
        ["sees", "person", n] => Some(Input::View(InView::Listed(PersonId(number(n) as i64)))),
        ["camera", "lost"] => Some(Input::View(InView::NotLooking)),
        ["refused"] => Some(Input::Refused),
        ["grant", n] => Some(Input::Open(By::Grant(number(n)))),
        ["unlock", n] => Some(Input::Open(By::Act(number(n)))),
        ["grant", n, "revoked"] => Some(Input::Revoke(By::Grant(number(n)))),
        ["stop"] => Some(Input::Stop),
        ["mode", "over:", "clock"] => Some(Input::ModeOver(ModeEnd::ClockUnknown)),
        ["mode", name, n] => mode(name, n, None),
        ["mode", name, n, "for", s] => {
            mode(name, n, rig.now.checked_add(Duration::from_secs(number(s))))
        }
        _ => panic!("no input: {}", words.join(" ")),
    }
}

fn mode(name: &str, act: &str, until: Option<Instant>) -> Option<Input> {
    let mode = match name {
        "normal" => Mode::Normal,
        "lockdown" => Mode::LockedDown,
        "hold" => Mode::HeldOpen,
        "office" => Mode::OfficeHours,
        _ => panic!("no mode: {name}"),
    };
    let act = number(act);
    Some(Input::Mode { mode, act, until })
}

fn by(by: By) -> String {
    match by {
        By::Grant(n) => format!("grant {n}"),
        By::Rex(n) => format!("exit {n}"),
        By::Act(n) => format!("act {n}"),
    }
}

fn seen(view: InView) -> String {
    match view {
        InView::NotLooking => "nothing looks".into(),
        InView::Nobody => "nobody in view".into(),
        InView::UnknownFace => "unknown face in view".into(),
        InView::Listed(person) => format!("person {} in view", person.0),
    }
}

fn cause(cause: LockCause) -> &'static str {
    match cause {
        LockCause::Started => "started",
        LockCause::PulseEnded => "pulse over",
        LockCause::RelayFault => "relay fault",
        LockCause::ClockWentBack => "clock went back",
        LockCause::Revoked => "revoked",
        LockCause::Stopping => "stopping",
        LockCause::LeafOpened => "door opened",
        LockCause::LeafClosed => "door closed",
        LockCause::Passed => "rotor turned",
        LockCause::LockedDown => "locked down",
        LockCause::OtherDoorOpen => "other door",
        LockCause::ModeEnded => "mode over",
    }
}

fn reason(reason: NotOpened) -> &'static str {
    match reason {
        NotOpened::Releasing => "releasing",
        NotOpened::RelayFault => "relay fault",
        NotOpened::ClockWentBack => "clock went back",
        NotOpened::NoEnd => "no end",
        NotOpened::Stopping => "stopping",
        NotOpened::LockedDown => "locked down",
        NotOpened::OtherDoorOpen => "other door",
        NotOpened::HeldOpen => "held open by a mode",
        NotOpened::TooLate => "too late",
        NotOpened::QueueFull => "queue full",
        NotOpened::QueueExpired => "waited too long",
        NotOpened::Revoked => "revoked",
    }
}

fn alarm(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::ForcedOpen => "forced open",
        Alarm::HeldOpen => "held open",
        Alarm::Tamper => "tamper",
    }
}

fn told(report: Report) -> String {
    match report {
        Report::Unlocked { by: who, pulse } => {
            format!("unlocked by {} for {} s", by(who), pulse.as_secs_f64())
        }
        Report::Locked {
            by: Some(who),
            cause: why,
        } => format!("locked, {}: {}", by(who), cause(why)),
        Report::Locked {
            by: None,
            cause: why,
        } => format!("locked: {}", cause(why)),
        Report::Fault { command, .. } => match command {
            RelayCommand::Energise => "relay does not energise".into(),
            RelayCommand::Release => "relay does not release".into(),
        },
        Report::NotOpened {
            by: who,
            reason: why,
        } => format!("{} not opened: {}", by(who), reason(why)),
        Report::RexRefused { reason: why } => format!("exit refused: {}", reason(why)),
        Report::Taken { by: who, view } => format!("access taken, {}, {}", by(who), seen(view)),
        Report::TakenAgain { by: who, view } => {
            format!("opened again, {}, {}", by(who), seen(view))
        }
        Report::NotTaken { by: who, view } => {
            format!("access not taken, {}, {}", by(who), seen(view))
        }
        Report::OtherWay { by: who, view } => {
            format!("rotor turned the other way, {}, {}", by(who), seen(view))
        }
        Report::Exit { view } => format!("exit by the handle, {}", seen(view)),
        Report::ForcedOpen { view } => format!("FORCED OPEN, {}", seen(view)),
        Report::HeldOpen {
            stage: HeldStage::PreAlarm,
            view,
            ..
        } => format!("open long, {}", seen(view)),
        Report::HeldOpen {
            stage: HeldStage::Alarm,
            open,
            view,
        } => {
            format!("HELD OPEN for {} s, {}", open.as_secs_f64(), seen(view))
        }
        Report::Tampered => "TAMPER".into(),
        Report::AlarmEnded {
            alarm: which,
            lasted,
        } => {
            format!("{} over after {} s", alarm(which), lasted.as_secs_f64())
        }
        Report::OfficeOpened { act, by: who } => {
            format!("office hours of act {act} opened by {}", by(who))
        }
        Report::ModeEnded {
            act,
            reason: ModeEnd::Expired,
            ..
        } => format!("mode of act {act} over"),
        Report::ModeEnded {
            act,
            reason: ModeEnd::ClockUnknown,
            ..
        } => {
            format!("mode of act {act} over: clock not believed")
        }
        Report::InputsLost => "inputs lost".into(),
        Report::InputsBack => "inputs back".into(),
    }
}

fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Locked => "locked",
        Condition::Unlocked => "unlocked",
        Condition::Open => "open",
        Condition::PreAlarm => "open long",
        Condition::HeldOpen => "held open",
        Condition::ForcedOpen => "forced open",
    }
}

/// Whatever a door of the table asks for is at its panel.
const WIRED: &str = "\
[panel]
driver = \"simulated\"
[panel.contact]
line = 5
[panel.rotor]
line = 6
[panel.other_door]
line = 7
";

/// A scenario as it goes, in the table's own form.
fn play(text: &str) -> String {
    let settings = text.lines().filter_map(|line| line.strip_prefix("door: "));
    let toml: String = settings
        .map(|keys| keys.replace("; ", "\n") + "\n")
        .collect();
    let config = Config::parse(&format!("{WIRED}[door]\n{toml}"), Path::new("table"))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut rig = Rig::with(Settings::of(&config.door), Vec::new());
    rig.give(Input::View(InView::Nobody));
    rig.reports.clear();
    let start = rig.now;
    let mut played = String::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            writeln!(played, "{line}").unwrap();
            continue;
        }
        let row = row(line);
        let (reports, asked) = (rig.reports.len(), rig.asked);
        rig.pass((start + row.at).saturating_duration_since(rig.now));
        match row.input {
            "relay fails" => rig.relay.fail_next(1),
            "relay fails twice" => rig.relay.fail_next(2),
            words => {
                if let Some(input) = input(&rig, words) {
                    rig.give(input);
                }
            }
        }
        let mut events: Vec<String> = rig.reports[reports..].iter().copied().map(told).collect();
        if rig.asked > asked {
            events.push("exit asks for its record".into());
        }
        let strike = if rig.relay.energised {
            "unlocked"
        } else {
            "locked"
        };
        let signals: Vec<String> = rig.signals.iter().map(name).collect();
        writeln!(
            played,
            "{:>6.1}  {:<22} | {strike:<8} | {:<11} | {:<28} | {}",
            row.at.as_secs_f64(),
            row.input,
            condition(rig.door.condition()),
            signals.join(" "),
            events.join("; ")
        )
        .unwrap();
    }
    played
}

fn name(signal: crate::config::Signal) -> String {
    let json = serde_json::to_string(&signal).unwrap();
    json.trim_matches('"').to_owned()
}

#[test]
fn the_doors_of_the_table_behave_as_it_says() {
    let mut parts = TABLE.split("\n## ");
    let head = parts.next().unwrap();
    let mut now = head.to_owned();
    let mut count = 0;
    for scenario in parts {
        let (title, rows) = scenario.split_once('\n').unwrap();
        write!(now, "\n## {title}\n{}", play(rows)).unwrap();
        count += 1;
    }
    println!("{count} scenarios of a door");
    assert!(count >= 35, "{count}");
    let squeezed = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    let (said, is) = (squeezed(TABLE), squeezed(&now));
    if said != is {
        let to = std::env::temp_dir().join("doorward-door-scenarios.txt");
        std::fs::write(&to, &now).unwrap();
        let mut pairs = said.iter().zip(&is);
        let (first, other) = pairs.find(|(said, is)| said != is).unwrap();
        panic!(
            "as it is now: {}; the first line that differs: {first}
and now: {other}",
            to.display()
        );
    }
}
