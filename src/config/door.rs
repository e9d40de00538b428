//! `[door]`: how the door behaves, from its strike to its alarms.

use serde::Serialize;

use super::file::File;
use super::panel::{Panel, PanelDriver};
use super::panel_wiring::Input;
use super::section::{Section, choice, defaults};

/// People who may wait for a turnstile, at most.
pub const MAX_QUEUE_PEOPLE: u64 = 8;

/// `[door]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Door {
    /// A leaf, or a rotor.
    pub kind: DoorKind,
    /// How long a grant energises the relay.
    pub pulse_ms: u64,
    /// The relay is never energised for longer in a row, whatever asks for it.
    pub max_open_ms: u64,
    /// What ends a pulse before its time.
    pub relock: Relock,
    /// After how long an open leaf is an alarm; never if 0.
    pub held_open_ms: u64,
    /// How long before that it is told.
    pub pre_alarm_ms: u64,
    /// Whether REX energises the strike.
    pub rex_unlocks: bool,
    /// Whether REX restarts a pulse that runs.
    pub rex_extends: bool,
    /// Whether REX works while the door is locked down.
    pub rex_in_lockdown: bool,
    /// How long after REX the leaf may be opened by the handle.
    pub rex_shunt_ms: u64,
    /// Whether the other door has to be closed.
    pub interlock: bool,
    /// How many people may wait for a turnstile.
    pub queue_len: u64,
    /// How long each of them may.
    pub queue_ms: u64,
}

choice! {
    /// What lets people through.
    pub enum DoorKind {
        /// A leaf, which a contact may watch.
        Door = "door",
        /// A rotor that turns once for each person.
        Turnstile = "turnstile",
    }
}

choice! {
    /// What ends a pulse.
    pub enum Relock {
        /// Its time alone.
        Pulse = "pulse",
        /// That the leaf opens, or its time.
        OnOpen = "on_open",
        /// That the leaf closes behind somebody, or its time.
        OnClose = "on_close",
    }
}

/// Which inputs there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wired {
    pub contact: bool,
    pub rotor: bool,
    pub other_door: bool,
}

impl Wired {
    /// By a panel's configuration.
    pub(super) fn by(panel: &Panel) -> Self {
        let there = |input: &Input| panel.driver != PanelDriver::None && input.line.is_some();
        Self {
            contact: there(&panel.contact),
            rotor: there(&panel.rotor),
            other_door: there(&panel.other_door),
        }
    }

    #[cfg(test)]
    const ALL: Self = Self {
        contact: true,
        rotor: true,
        other_door: true,
    };
}

impl Door {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let ms = "milliseconds";
        Self {
            kind: section.choice("kind", DoorKind::Door),
            pulse_ms: section.whole("pulse_ms", 3000, 100..=30_000, ms),
            max_open_ms: section.whole("max_open_ms", 30_000, 1_000..=600_000, ms),
            relock: section.choice("relock", Relock::Pulse),
            held_open_ms: section.whole("held_open_ms", 30_000, 0..=3_600_000, ms),
            pre_alarm_ms: section.whole("pre_alarm_ms", 10_000, 0..=3_600_000, ms),
            rex_unlocks: section.flag("rex_unlocks", true),
            rex_extends: section.flag("rex_extends", false),
            rex_in_lockdown: section.flag("rex_in_lockdown", false),
            rex_shunt_ms: section.whole("rex_shunt_ms", 10_000, 1_000..=120_000, ms),
            interlock: section.flag("interlock", false),
            queue_len: section.whole("queue_len", 3, 0..=MAX_QUEUE_PEOPLE, "people"),
            queue_ms: section.whole("queue_ms", 10_000, 1_000..=60_000, ms),
        }
    }

    pub(super) fn cross_check(&self, file: &mut File<'_>) {
        let key = |name| ("door", name);
        file.cross_check(
            &[key("pulse_ms"), key("max_open_ms")],
            self.pulse_ms <= self.max_open_ms,
            || {
                format!(
                    "door.pulse_ms = {} is longer than door.max_open_ms = {}, which would end \
                     every pulse early; lower pulse_ms or raise max_open_ms",
                    self.pulse_ms, self.max_open_ms
                )
            },
        );
        // Where the file says nothing of it, a shorter time has a shorter warning.
        let said = file.gives("door", "pre_alarm_ms");
        file.cross_check(
            &[key("pre_alarm_ms"), key("held_open_ms")],
            !said || self.held_open_ms == 0 || self.pre_alarm_ms <= self.held_open_ms,
            || {
                format!(
                    "door.pre_alarm_ms = {} is longer than door.held_open_ms = {}: the door \
                     would be told before it opens; lower pre_alarm_ms or raise held_open_ms",
                    self.pre_alarm_ms, self.held_open_ms
                )
            },
        );
        file.cross_check(
            &[key("relock"), key("kind")],
            self.kind == DoorKind::Door || self.relock == Relock::Pulse,
            || {
                format!(
                    "door.relock = \"{}\" is about a door's leaf, and door.kind = \"turnstile\" \
                     has none: its rotor ends each pulse; remove relock",
                    self.relock
                )
            },
        );
        for (name, on) in [
            ("rex_extends", self.rex_extends),
            ("rex_in_lockdown", self.rex_in_lockdown),
        ] {
            file.cross_check(
                &[key(name), key("rex_unlocks")],
                self.rex_unlocks || !on,
                || {
                    format!(
                        "door.{name} = true is about a REX that unlocks, and door.rex_unlocks = \
                         false has it unlock nothing; remove one of them"
                    )
                },
            );
        }
    }

    /// What needs an input that is not there.
    pub(super) fn cross_check_inputs(&self, wired: Wired, file: &mut File<'_>) {
        let key = |name| ("door", name);
        file.cross_check(
            &[key("relock")],
            wired.contact || self.relock == Relock::Pulse,
            || {
                format!(
                    "door.relock = \"{}\" needs the door's contact: add [panel.contact], or \
                     write relock = \"pulse\"",
                    self.relock
                )
            },
        );
        file.cross_check(
            &[key("kind")],
            wired.rotor || self.kind == DoorKind::Door,
            || {
                "door.kind = \"turnstile\" needs the rotor's contact: add [panel.rotor], or write \
                 kind = \"door\""
                    .into()
            },
        );
        file.cross_check(
            &[key("interlock")],
            wired.other_door || !self.interlock,
            || {
                "door.interlock = true needs the other door's contact, without which nothing \
                 would open: add [panel.other_door], or remove interlock"
                    .into()
            },
        );
    }
}

impl Default for Door {
    fn default() -> Self {
        defaults(Self::read)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::syntax::Syntax;
    use super::*;

    /// What is wrong with a text, by these inputs.
    fn wrong(text: &str, wired: Wired) -> Vec<String> {
        let syntax = Syntax::new(text);
        let root = syntax.root();
        let mut file = File::new(&syntax.text, root.get_ref());
        let door = file.section("door", Door::read);
        door.cross_check_inputs(wired, &mut file);
        file.mistakes().into_iter().map(|(_, said)| said).collect()
    }

    #[test]
    fn what_needs_an_input_says_which_where_there_is_none() {
        let none = Wired {
            contact: false,
            rotor: false,
            other_door: false,
        };
        for (text, needs) in [
            ("relock = \"on_open\"", "[panel.contact]"),
            ("relock = \"on_close\"", "[panel.contact]"),
            ("kind = \"turnstile\"", "[panel.rotor]"),
            ("interlock = true", "[panel.other_door]"),
        ] {
            let text = format!("[door]\n{text}\n");
            let said = wrong(&text, none);
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            assert!(said.first().unwrap().contains(needs), "{said:?}");
            assert!(wrong(&text, Wired::ALL).is_empty());
        }
        assert!(wrong("[door]\npulse_ms = 500\n", none).is_empty());
    }
}
