//! Reading one section: it asks for each of its keys by name, default and range. Whatever is
//! wrong is noted and the default taken, so that one run finds every mistake.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::door_name::DoorName;
use super::file::{File, Key, Name};
use super::mistake::{any_of, nearest};

/// The longest value repeated in a message, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// One section while it is read.
pub(super) struct Section<'f, 't> {
    file: &'f mut File<'t>,
    name: Name,
    table: Option<&'t DeTable<'t>>,
}

/// An enumeration of which the file names one value.
pub(super) trait Choice: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];
    /// As it is written in the file, without quotes.
    fn name(self) -> &'static str;
}

/// Declares an enumeration together with how its values are written in the file.
macro_rules! choice {
    ($(#[$about:meta])* pub enum $name:ident {
        $($(#[$variant_about:meta])* $variant:ident = $text:literal,)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_about])* $variant,)+ }

        impl $name {
            /// As it is written in the file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl $crate::config::section::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            fn name(self) -> &'static str { self.name() }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(super) use choice;

/// A section as it is where the file says nothing.
pub(super) fn defaults<T>(read: impl FnOnce(&mut Section<'_, '_>) -> T) -> T {
    let empty = DeTable::new();
    read(&mut Section::new(&mut File::new("", &empty), "", None))
}

impl<'f, 't> Section<'f, 't> {
    pub(super) fn new(
        file: &'f mut File<'t>,
        name: impl Into<Name>,
        table: Option<&'t DeTable<'t>>,
    ) -> Self {
        let name = name.into();
        Self { file, name, table }
    }

    /// Whether the file has it.
    pub(super) fn is_given(&self) -> bool {
        self.table.is_some()
    }

    /// A value of any kind. `read` gives it or says what is wrong, as the end of a sentence
    /// that begins with the key and the value.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> T {
        let value = self.table.and_then(|table| table.get(key));
        let result = value.map(|value| read(value.get_ref()));
        let wrong = matches!(result, Some(Err(_)));
        self.file.keys.push(Key {
            section: self.name.clone(),
            name: key.into(),
            value: value.map(toml::Spanned::span),
            wrong,
        });
        match (value, result) {
            (Some(value), Some(Err(what))) => {
                let written = quoted(self.file.text.get(value.span()).unwrap_or_default());
                let message = format!("{}.{key} = {written} {what}", self.name);
                self.file.mistakes.push((value.span().start, message));
                default
            }
            (_, Some(Ok(value))) => value,
            _ => default,
        }
    }

    /// A section in this one; `name` is its full name, `section.key`.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> T {
        self.file.keys.push(Key {
            section: self.name.clone(),
            name: key.into(),
            value: None,
            wrong: false,
        });
        match self.table {
            Some(table) => self.file.table(name, table, key, read),
            None => {
                self.file.sections.push(name.into());
                read(&mut Section::new(self.file, name, None))
            }
        }
    }

    /// Sections in this one that are called by whoever writes the file; `name` is the full
    /// name of the one that holds them, and `example` that of one of them.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        example: &'static str,
        read: impl Fn(&mut Section<'_, 't>) -> T,
    ) -> BTreeMap<String, T> {
        self.section(key, name, |all| all.each(name, example, read))
    }

    /// The sections in this one, which is called `name`, by what they are called.
    pub(super) fn each<T>(
        &mut self,
        name: &'static str,
        example: &'static str,
        read: impl Fn(&mut Section<'_, 't>) -> T,
    ) -> BTreeMap<String, T> {
        let mut found = BTreeMap::new();
        for (key, _) in self.table.into_iter().flatten() {
            let place = key.span();
            let key = key.get_ref().to_string();
            self.file.keys.push(Key {
                section: name.into(),
                name: key.clone().into(),
                value: Some(place),
                wrong: false,
            });
            if let Some(table) = self.table {
                let full = format!("{name}.{key}");
                let one = self.file.table(full, table, &key, &read);
                found.insert(key, one);
            }
        }
        // So that the keys of one are known where the file has none.
        self.file.sections.push(example.into());
        read(&mut Section::new(self.file, example, None));
        found
    }

    /// A whole number; `unit` says of what.
    pub(super) fn whole<T>(
        &mut self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
        unit: &str,
    ) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<i128>,
    {
        let needed = format!("{unit}, from {} to {}", range.start(), range.end());
        self.read(key, default, |value| match value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .ok()
                .and_then(|number| T::try_from(number).ok())
                .filter(|number| range.contains(number))
                .ok_or_else(|| format!("is out of range: {needed}")),
            other => Err(unlike(other, "a whole number", &needed)),
        })
    }

    /// A number; `unit` says of what.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: f32,
        range: RangeInclusive<f32>,
        unit: &str,
    ) -> f32 {
        let needed = format!("{unit}, from {} to {}", range.start(), range.end());
        self.read(key, default, |value| number(value, &range, &needed))
    }

    /// As [`Self::number`], and nothing where the file says nothing.
    pub(super) fn some_number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f32>,
        unit: &str,
    ) -> Option<f32> {
        let needed = format!("{unit}, from {} to {}", range.start(), range.end());
        self.read(key, None, |value| number(value, &range, &needed).map(Some))
    }

    /// So many numbers in a list; `needed` says which.
    pub(super) fn numbers<const N: usize>(
        &mut self,
        key: &'static str,
        default: [f32; N],
        range: RangeInclusive<f32>,
        needed: &str,
    ) -> [f32; N] {
        self.read(key, default, |value| {
            let Some(list) = value.as_array() else {
                return Err(unlike(value, "a list", needed));
            };
            let mut numbers = [0.0; N];
            if list.len() != N {
                return Err(format!("has {} of {N} numbers: {needed}", list.len()));
            }
            for (to, from) in numbers.iter_mut().zip(list.iter()) {
                *to = number(from.get_ref(), &range, needed)?;
            }
            Ok(numbers)
        })
    }

    /// `true` or `false`
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.read(key, default, |value| match value {
            DeValue::Boolean(flag) => Ok(*flag),
            DeValue::String(text) if matches!(&**text, "true" | "false") => {
                Err(format!("is text: write {text} without quotes"))
            }
            _ => Err("is neither true nor false: write one of them, without quotes".into()),
        })
    }

    /// Text; `what` says of what kind.
    pub(super) fn text(&mut self, key: &'static str, default: &str, what: &str) -> String {
        self.read(key, default.to_owned(), |value| text(value, what))
    }

    /// A file or a folder.
    pub(super) fn path(&mut self, key: &'static str, default: &str) -> PathBuf {
        PathBuf::from(self.text(key, default, "a path"))
    }

    /// Text that `parse` understands, and nothing where the file says nothing.
    pub(super) fn some<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.read(key, None, |value| parse(&text(value, "text")?).map(Some))
    }

    /// Text, and nothing where the file says nothing; `what` says of what kind.
    pub(super) fn some_text(&mut self, key: &'static str, what: &str) -> Option<String> {
        self.read(key, None, |value| text(value, what).map(Some))
    }

    /// A file or a folder, and nothing where the file says nothing.
    pub(super) fn some_path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.some_text(key, "a path").map(PathBuf::from)
    }

    /// A SHA-256, and nothing where the file says nothing.
    pub(super) fn some_sha256(&mut self, key: &'static str) -> Option<String> {
        let needed = "a SHA-256, as `sha256sum` prints it";
        self.read(key, None, |value| {
            let written = text(value, needed)?.to_lowercase();
            let is_one = written.len() == 64 && written.bytes().all(|b| b.is_ascii_hexdigit());
            is_one
                .then_some(Some(written))
                .ok_or_else(|| format!("is not {needed}: 64 of 0 to 9 and a to f"))
        })
    }

    /// What a door is called.
    pub(super) fn door_name(&mut self, key: &'static str) -> DoorName {
        let needed = "a name of 1 to 63 of a to z, 0 to 9, _ and -";
        self.read(key, DoorName::default(), |value| {
            DoorName::new(text(value, needed)?).ok_or_else(|| format!("is not {needed}"))
        })
    }

    /// A list of texts, empty by default; `what` says of what kind one is.
    pub(super) fn texts(&mut self, key: &'static str, what: &str) -> Vec<String> {
        self.read(key, Vec::new(), |value| {
            let Some(list) = value.as_array() else {
                let one = text(value, what);
                return Err(match one {
                    Ok(_) => "is no list: put it in brackets, [\"…\"]".into(),
                    Err(_) => format!("is no list: {what} each, in quotes, such as [\"…\"]"),
                });
            };
            list.iter().map(|item| text(item.get_ref(), what)).collect()
        })
    }

    /// One of the names of an enumeration.
    pub(super) fn choice<T: Choice>(&mut self, key: &'static str, default: T) -> T {
        self.read(key, default, |value| {
            let named = |name: &str| T::ALL.iter().find(|one| one.name() == name).copied();
            let in_quotes: Vec<String> = T::ALL
                .iter()
                .map(|one| format!("\"{}\"", one.name()))
                .collect();
            let all = any_of(&in_quotes);
            let Some(written) = value.as_str() else {
                return Err(format!("is {}: write {all}", kind(value)));
            };
            named(written).ok_or_else(|| {
                match nearest(written, T::ALL.iter().map(|one| one.name())) {
                    Some(near) => {
                        format!("is not known: did you mean \"{near}\"? It takes {all}")
                    }
                    None => format!("is not known: write {all}"),
                }
            })
        })
    }
}

fn number(value: &DeValue<'_>, range: &RangeInclusive<f32>, needed: &str) -> Result<f32, String> {
    let number = match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number as f32),
        other => return Err(unlike(other, "a number", needed)),
    };
    // NaN is in no range.
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("is out of range: {needed}"))
}

pub(super) fn text(value: &DeValue<'_>, what: &str) -> Result<String, String> {
    match value {
        DeValue::String(text) if text.trim().is_empty() => {
            Err(format!("is empty: write {what}, or remove the line"))
        }
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(format!("is {}: write {what} in quotes", kind(other))),
    }
}

/// Says that a value is of another kind than it should be.
fn unlike(value: &DeValue<'_>, kind_needed: &str, needed: &str) -> String {
    match value {
        DeValue::String(text) if text.parse::<f64>().is_ok() => {
            format!("is text: write {text} without quotes ({needed})")
        }
        // `3.0` is a number, but no whole one.
        DeValue::Float(_) => format!("is not {kind_needed}: {needed}"),
        other => format!("is {}, not {kind_needed}: {needed}", kind(other)),
    }
}

/// What a value is, in words.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// A value as it stands in the file, on one line, not too long, and without the name and
/// password that an address may hold: messages go into the record and the journal.
pub(crate) fn quoted(written: &str) -> String {
    let line = written.lines().next().unwrap_or_default();
    let secret = (line.find("://").map(|at| at + 3)).zip(line.rfind('@'));
    let hidden = secret.and_then(|(start, end)| {
        line.get(start..end)?;
        Some([line.get(..start)?, "…", line.get(end..)?].concat())
    });
    let line = hidden.as_deref().unwrap_or(line);
    let mut short: String = line.chars().take(MAX_QUOTED_CHARS).collect();
    if short.len() < line.len() || written.lines().nth(1).is_some() {
        short.push('…');
    }
    short
}
