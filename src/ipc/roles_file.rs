//! What `roles.toml` says, and everything that is wrong in it, each with its place and what
//! to write instead.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::roles::Role;
use crate::config::{Mistake, Syntax, any_of, kind, nearest, quoted};

/// The highest number that the kernel gives a user; the one above means nobody.
const MAX_UID: u32 = u32::MAX - 1;
const KEYS: [&str; 2] = ["uids", "groups"];

/// Who has a role.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub uids: Vec<u32>,
    pub gids: Vec<u32>,
}

/// The members of each role of [`Role::ALL`]. `gid_of` gives the number of a group.
///
/// # Errors
/// All mistakes, from top to bottom.
pub(super) fn read(
    text: &str,
    gid_of: impl Fn(&str) -> Option<u32>,
) -> Result<[Written; Role::ALL.len()], Vec<Mistake>> {
    let syntax = Syntax::new(text);
    let root = syntax.root();
    let mut reader = Reader {
        text: &syntax.text,
        gid_of,
        wrong: Vec::new(),
    };
    let members = Role::ALL.map(|role| reader.section(root.get_ref(), role));
    reader.strays(root.get_ref());
    let mistakes = syntax.with(reader.wrong);
    match mistakes.is_empty() {
        true => Ok(members),
        false => Err(mistakes),
    }
}

struct Reader<'t, G> {
    text: &'t str,
    gid_of: G,
    /// The byte each stands at, and what to say.
    wrong: Vec<(usize, String)>,
}

impl<G: Fn(&str) -> Option<u32>> Reader<'_, G> {
    fn section(&mut self, root: &DeTable<'_>, role: Role) -> Written {
        let mut written = Written::default();
        let name = role.to_string();
        let Some((key, value)) = root.get_key_value(name.as_str()) else {
            return written;
        };
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("[{role}] is a section: write [{role}] once, and its keys below");
            self.wrong.push((key.span().start, what));
            return written;
        };
        for item in self.list(table, role, "uids", "users' numbers, such as [1000]") {
            match uid(item.get_ref()) {
                Ok(uid) => written.uids.push(uid),
                Err(why) => self.item(role, "uids", item, &why),
            }
        }
        let what = "groups' names in quotes, such as [\"security\"]";
        for item in self.list(table, role, "groups", what) {
            match self.gid(item.get_ref()) {
                Ok(gid) => written.gids.push(gid),
                Err(why) => self.item(role, "groups", item, &why),
            }
        }
        for (key, _) in table {
            let name = key.get_ref();
            if KEYS.iter().any(|known| known == name) {
                continue;
            }
            let what = match nearest(name, KEYS) {
                Some(near) => format!("[{role}] has no key {name}: did you mean {near}?"),
                None => format!(
                    "[{role}] has no key {name}: it takes {}",
                    any_of(&names(KEYS))
                ),
            };
            self.wrong.push((key.span().start, what));
        }
        written
    }

    /// The items of a list; none where there is no such key.
    fn list<'v, 't>(
        &mut self,
        table: &'v DeTable<'t>,
        role: Role,
        key: &str,
        what: &str,
    ) -> Vec<&'v Spanned<DeValue<'t>>> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        match value.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => {
                let why = format!("is no list: write {what}");
                self.item(role, key, value, &why);
                Vec::new()
            }
        }
    }

    fn item(&mut self, role: Role, key: &str, value: &Spanned<DeValue<'_>>, why: &str) {
        let written = quoted(self.text.get(value.span()).unwrap_or_default());
        let what = format!("{role}.{key}: {written} {why}");
        self.wrong.push((value.span().start, what));
    }

    fn gid(&self, value: &DeValue<'_>) -> Result<u32, String> {
        match value {
            DeValue::String(name) => (self.gid_of)(name).ok_or_else(|| {
                "is no group of this machine: `getent group` lists them, `sudo groupadd --system NAME` makes one"
                    .to_owned()
            }),
            DeValue::Integer(number) => Err(format!(
                "is a whole number: write the group's name in quotes, which `getent group {}` prints",
                number.as_str()
            )),
            other => Err(format!(
                "is {}: write a group's name in quotes",
                kind(other)
            )),
        }
    }

    /// What is at the top and no role.
    fn strays(&mut self, root: &DeTable<'_>) {
        let roles = Role::ALL.map(|role| role.to_string());
        for (key, value) in root {
            let name = key.get_ref();
            if roles.iter().any(|role| role == name) {
                continue;
            }
            let what = match (
                value.get_ref().is_table(),
                nearest(name, roles.iter().map(|r| &**r)),
            ) {
                (true, Some(near)) => format!("there is no role {name}: did you mean [{near}]?"),
                (true, None) => {
                    format!("there is no role {name}: there are {}", any_of(&roles))
                }
                (false, _) => format!(
                    "{name} stands in no section: write it below [{}]",
                    roles.join("], [")
                ),
            };
            self.wrong.push((key.span().start, what));
        }
    }
}

fn uid(value: &DeValue<'_>) -> Result<u32, String> {
    match value {
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|uid| *uid <= MAX_UID)
            .ok_or_else(|| format!("is out of range: a user's number, from 0 to {MAX_UID}")),
        DeValue::String(text) if text.parse::<u32>().is_ok() => {
            Err(format!("is text: write {text} without quotes"))
        }
        DeValue::String(name) => Err(format!(
            "is text: write the user's number, which `id -u {}` prints, or put the user's group in groups",
            plain_name(name)
        )),
        other => Err(format!("is {}: write a user's number", kind(other))),
    }
}

/// What may be typed after `id -u` as it is.
fn plain_name(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match !name.is_empty() && name.chars().all(plain) {
        true => name,
        false => "NAME",
    }
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}
