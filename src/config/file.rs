//! The file while it is read: which sections and keys it gives, which of them nobody asked
//! for, and everything that is wrong.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use super::mistake::{any_of, nearest};
use super::section::Section;

/// What keys were called before, or are called elsewhere, and what they are called here.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("min_score", "min_detector_score"),
    ("floor", "min_threshold"),
    ("min_face", "min_face_px"),
    ("max_face", "max_face_px"),
    ("tolerance", "threshold"),
    ("similarity", "threshold"),
    ("far", "false_accept"),
    ("pin", "line"),
    ("gpio", "line"),
    ("active_low", "active"),
    ("active_high", "active"),
    ("invert", "active"),
    ("rotation", "rotate"),
    ("flip", "mirror"),
    ("url", "device"),
    ("unlock_ms", "pulse_ms"),
];

/// What a section or key is called; some are called by whoever wrote the file.
pub(super) type Name = Cow<'static, str>;

/// A file while it is read.
pub(super) struct File<'t> {
    pub(super) text: &'t str,
    root: &'t DeTable<'t>,
    pub(super) sections: Vec<Name>,
    pub(super) keys: Vec<Key>,
    strays: Vec<Stray>,
    pub(super) mistakes: Vec<(usize, String)>,
}

/// A key some section has asked for.
pub(super) struct Key {
    pub section: Name,
    pub name: Name,
    /// Where its value stands, if the file gives one.
    pub value: Option<Range<usize>>,
    pub wrong: bool,
}

/// A key nobody asked for.
struct Stray {
    section: Name,
    name: String,
    is_table: bool,
    at: usize,
}

impl<'t> File<'t> {
    pub(super) fn new(text: &'t str, root: &'t DeTable<'t>) -> Self {
        Self {
            text,
            root,
            sections: Vec::new(),
            keys: Vec::new(),
            strays: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// Reads one section by `read`.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> T {
        self.table(name, self.root, name, read)
    }

    /// Reads the section that stands under a key of `parent`.
    pub(super) fn table<T>(
        &mut self,
        name: impl Into<Name>,
        parent: &'t DeTable<'t>,
        key: &str,
        read: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> T {
        let name = name.into();
        self.sections.push(name.clone());
        let found = parent.get_key_value(key);
        let table = found.and_then(|(_, value)| value.get_ref().as_table());
        if let (Some((key, _)), None) = (found, table) {
            let message = format!("[{name}] is a section: write [{name}] once, and its keys below");
            self.mistakes.push((key.span().start, message));
        }
        let result = read(&mut Section::new(self, name.clone(), table));
        for (key, value) in table.into_iter().flatten() {
            let asked_for = |k: &Key| k.section == name && k.name == *key.get_ref();
            if !self.keys.iter().any(asked_for) {
                self.strays.push(Stray {
                    section: name.clone(),
                    name: key.get_ref().to_string(),
                    is_table: value.get_ref().is_table(),
                    at: key.span().start,
                });
            }
        }
        result
    }

    /// What no single value can get wrong: reports it at the first of `keys` that the file
    /// gives, unless one of them is wrong by itself.
    pub(super) fn cross_check(
        &mut self,
        keys: &[(&str, &str)],
        holds: bool,
        message: impl FnOnce() -> String,
    ) {
        let find = |&(section, name): &(&str, &str)| {
            self.keys
                .iter()
                .find(|k| k.section == section && k.name == name)
        };
        let keys: Vec<&Key> = keys.iter().filter_map(find).collect();
        if holds || keys.iter().any(|k| k.wrong) {
            return;
        }
        let given = keys.iter().find_map(|k| k.value.as_ref());
        let at = given.map_or(0, |value| value.start);
        self.mistakes.push((at, message()));
    }

    /// Whether the file has a value for this key.
    pub(super) fn gives(&self, section: &str, name: &str) -> bool {
        let mut keys = self.keys.iter();
        keys.any(|k| k.section == section && k.name == name && k.value.is_some())
    }

    /// Every key that was asked for, as `section.key`.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        let is_key = |k: &&Key| {
            let full = format!("{}.{}", k.section, k.name);
            !self.sections.iter().any(|section| *section == full)
        };
        self.keys
            .iter()
            .filter(is_key)
            .map(|k| format!("{}.{}", k.section, k.name))
    }

    /// Whether the file has this section.
    pub(super) fn has(&self, section: &str) -> bool {
        self.root.contains_key(section)
    }

    /// Everything that is wrong, with where it stands; to be called when all sections have
    /// been read.
    pub(super) fn mistakes(mut self) -> Vec<(usize, String)> {
        let strays = std::mem::take(&mut self.strays);
        for stray in strays {
            let message = self.stray(&stray);
            self.mistakes.push((stray.at, message));
        }
        for (key, value) in self.root {
            let name = key.get_ref();
            if !self.sections.iter().any(|section| section == name) {
                let message = self.stray(&Stray {
                    section: "".into(),
                    name: name.to_string(),
                    is_table: value.get_ref().is_table() || value.get_ref().is_array(),
                    at: key.span().start,
                });
                self.mistakes.push((key.span().start, message));
            }
        }
        self.mistakes.sort();
        self.mistakes
    }

    fn stray(&self, stray: &Stray) -> String {
        let Stray { section, name, .. } = stray;
        let top = section.is_empty();
        if stray.is_table && top {
            // `[replay]` is more like `[camera.replay]` than like `[relay]`.
            let last = |section: &&str| section.rsplit('.').next() == Some(name);
            let all = || self.sections.iter().map(|section| &**section);
            let inner = all().find(last);
            return match inner.or_else(|| nearest(name, all())) {
                Some(near) => format!("there is no section [{name}]: did you mean [{near}]?"),
                None => {
                    let all: Vec<String> = self.sections.iter().map(|s| format!("[{s}]")).collect();
                    format!("there is no section [{name}]: write {}", any_of(&all))
                }
            };
        }
        let place = if top {
            format!("{name} stands in no section")
        } else {
            format!("[{section}] has no key {name}")
        };
        let other = OTHER_NAMES.iter().find(|(other, _)| other == name);
        let mut homes = self.keys.iter().filter(|k| k.name == *name);
        if let Some(home) = homes.next() {
            return format!("{place}: it belongs in [{}]", home.section);
        }
        if let Some((_, name)) = other
            && let Some(home) = {
                let mut homes = self.keys.iter().filter(|k| k.name == *name);
                let own = homes.clone().find(|k| k.section == *section);
                own.or_else(|| homes.next())
            }
        {
            return match home.section == *section {
                true => format!("{place}: did you mean {name}?"),
                false => format!("{place}: did you mean {name}, in [{}]?", home.section),
            };
        }
        let own = self.keys.iter().filter(|k| k.section == *section);
        let own: Vec<&str> = own.map(|k| &*k.name).collect();
        if let Some(near) = nearest(name, own.iter().copied()) {
            return format!("{place}: did you mean {near}?");
        }
        if let Some(near) = nearest(name, self.keys.iter().map(|k| &*k.name))
            && let Some(home) = self.keys.iter().find(|k| k.name == near)
        {
            return format!("{place}: did you mean {near}, in [{}]?", home.section);
        }
        if top {
            return format!("{place}: write it below the section it belongs to, such as [camera]");
        }
        format!("{place}: it takes {}", own.join(", "))
    }
}
