//! Reading one table of a rule file: it asks for each of its keys by name. Whatever is wrong
//! is noted, so that one run finds every mistake.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{any_of, kind, nearest, quoted};

/// What is wrong with a file, each with the byte where it stands.
pub(super) struct Mistakes<'t> {
    pub(super) text: &'t str,
    pub(super) found: Vec<(usize, String)>,
}

impl Mistakes<'_> {
    pub(super) fn note(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }
}

/// One table while it is read.
pub(super) struct Table<'t> {
    /// As it is written, such as `[[rule]]`; empty for what stands above all tables.
    name: &'static str,
    table: &'t DeTable<'t>,
    /// Where it stands.
    pub(super) at: usize,
    asked: Vec<&'static str>,
}

/// A value with where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Table<'t> {
    pub(super) fn new(name: &'static str, table: &'t DeTable<'t>, at: usize) -> Self {
        Self {
            name,
            table,
            at,
            asked: Vec::new(),
        }
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// Whether the file gives this key.
    pub(super) fn gives(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// A value that `read` understands; or notes what is wrong, as the end of a sentence that
    /// begins with the key and the value.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes<'_>,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(key)?;
        match read(value.get_ref()) {
            Ok(value) => Some(value),
            Err(what) => {
                let written = quoted(mistakes.text.get(value.span()).unwrap_or_default());
                mistakes.note(value.span().start, format!("{key} = {written} {what}"));
                None
            }
        }
    }

    /// A text that `read` understands; `what` says of what kind.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        what: &str,
        mistakes: &mut Mistakes<'_>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(key, mistakes, |value| match written(value) {
            Some(text) => read(&text),
            None => Err(format!("is {}: write {what} in quotes", kind(value))),
        })
    }

    /// A flag; false where the file does not give it.
    pub(super) fn flag(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> bool {
        let flag = self.read(key, mistakes, |value| match value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err("is neither true nor false: write one of them, without quotes".to_owned()),
        });
        flag.unwrap_or(false)
    }

    /// Each text of a list that `read` understands. A mistake stands at its own item.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        what: &str,
        mistakes: &mut Mistakes<'_>,
        read: impl FnMut(&str) -> Result<T, String>,
    ) -> Vec<T> {
        match self.value(key) {
            Some(value) => texts(key, value, what, mistakes, read),
            None => Vec::new(),
        }
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self, mistakes: &mut Mistakes<'_>) {
        for (key, value) in self.table {
            let name = key.get_ref();
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let near = nearest(name, self.asked.iter().copied());
            let all = self.asked.iter().map(|asked| (*asked).to_owned());
            let all = any_of(&all.collect::<Vec<_>>());
            let is_table = value.get_ref().is_table();
            let place = match (self.name, is_table) {
                ("", true) => format!("there is no section [{name}]"),
                ("", false) => format!("{name} stands in no section"),
                (table, _) => format!("{table} has no key {name}"),
            };
            mistakes.note(
                key.span().start,
                match near {
                    Some(near) => format!("{place}: did you mean {near}?"),
                    None => format!("{place}: it takes {all}"),
                },
            );
        }
    }
}

/// Text, or a date that stands without quotes.
fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        DeValue::Datetime(date) => Some(date.to_string()),
        _ => None,
    }
}

/// As [`Table::texts`], of a value at hand.
pub(super) fn texts<'t, T>(
    key: &str,
    value: &Value<'t>,
    what: &str,
    mistakes: &mut Mistakes<'_>,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Vec<T> {
    let Some(list) = value.get_ref().as_array() else {
        let why = match written(value.get_ref()) {
            Some(_) => "is no list: put it in brackets, [\"…\"]".to_owned(),
            None => format!("is no list: {what} each, in quotes, such as [\"…\"]"),
        };
        let shown = quoted(mistakes.text.get(value.span()).unwrap_or_default());
        mistakes.note(value.span().start, format!("{key} = {shown} {why}"));
        return Vec::new();
    };
    if list.is_empty() {
        let why = format!("{key} is an empty list: write {what} in it, or remove the line");
        mistakes.note(value.span().start, why);
    }
    let mut all = Vec::new();
    for item in list.iter() {
        let read = match written(item.get_ref()) {
            Some(text) => read(&text),
            None => Err(format!(
                "is {}: write {what} in quotes",
                kind(item.get_ref())
            )),
        };
        match read {
            Ok(one) => all.push(one),
            Err(why) => {
                let shown = quoted(mistakes.text.get(item.span()).unwrap_or_default());
                mistakes.note(item.span().start, format!("{key}: {shown} {why}"));
            }
        }
    }
    all
}

/// One of some names, or what else it may be.
pub(super) fn one_of<'n>(
    written: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Result<usize, String> {
    if let Some(place) = names.clone().position(|name| name == written) {
        return Ok(place);
    }
    let all: Vec<String> = names.clone().map(|name| format!("\"{name}\"")).collect();
    let all = any_of(&all);
    Err(match nearest(written, names) {
        Some(near) => format!("is not known: did you mean \"{near}\"? It takes {all}"),
        None => format!("is not known: write {all}"),
    })
}
