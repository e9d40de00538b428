//! Whom a word means: a number, a name, a name from before. One answer for every command.

use super::error::WhitelistError;
use super::store::{Person, check_name, fold, select};
use crate::database::Database;
use crate::person::PersonId;
use crate::record::{Known, known_names};

/// How many names are suggested.
const MAX_SUGGESTIONS: usize = 3;
/// From this likeness on (Jaro-Winkler, 0 to 1) a name is suggested.
const MIN_LIKENESS: f64 = 0.8;

/// Whom a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub id: PersonId,
    /// The name now, or the last one of somebody who was removed.
    pub name: String,
    /// The entry, if the person is on the whitelist.
    pub listed: Option<Person>,
    /// Others who were called by that word once.
    pub also: Vec<PersonId>,
    /// Whether the word is a name that the person has no more.
    pub is_old_name: bool,
}

/// Whom a word means: `#3`, `3`, a name in any case of letters, or one from before. Somebody
/// who was removed is found too, as long as the record knows the name.
///
/// # Errors
/// [`WhitelistError::Unknown`] with names that are like it, [`WhitelistError::Ambiguous`] for
/// a number that is somebody else's name, or a name that several people have had.
pub fn resolve(database: &Database, word: &str) -> Result<Who, WhitelistError> {
    let word = word.trim();
    let (listed, known) = database.read(|c, fail| {
        let listed = select(c, fail, "1 = ?1", &1i64)?;
        Ok::<_, WhitelistError>((listed, known_names(c, fail)?))
    })?;
    among(word, &listed, &known)
}

/// Somebody on the whitelist, by the same words.
///
/// # Errors
/// As [`resolve`], and [`WhitelistError::Gone`] for somebody who was removed.
pub fn find(database: &Database, word: &str) -> Result<Person, WhitelistError> {
    let who = resolve(database, word)?;
    let (id, name) = (who.id, who.name);
    who.listed.ok_or(WhitelistError::Gone { id, name })
}

fn among(word: &str, listed: &[Person], known: &[Known]) -> Result<Who, WhitelistError> {
    let who = |id: PersonId, is_old_name: bool, also: Vec<PersonId>| {
        let entry = listed.iter().find(|person| person.id == id);
        let last = known.iter().filter(|k| k.id == id).max_by_key(|k| k.last);
        let name = entry.map(|person| &person.name).or(last.map(|k| &k.name));
        name.map(|name| Who {
            id,
            name: name.clone(),
            listed: entry.cloned(),
            also,
            is_old_name,
        })
    };
    let unknown = || {
        Err(WhitelistError::Unknown {
            word: word.to_owned(),
            like: like(word, listed, known),
        })
    };
    if let Some(number) = word.strip_prefix('#') {
        let id = number.parse().ok().map(PersonId);
        return id
            .and_then(|id| who(id, false, Vec::new()))
            .map_or_else(unknown, Ok);
    }
    // As names are kept.
    let folded = fold(&check_name(word).unwrap_or_else(|_| word.to_owned()));
    let called = |name: &str| fold(name) == folded;
    let now = listed.iter().find(|person| called(&person.name));
    let mut before: Vec<PersonId> = known
        .iter()
        .filter(|k| called(&k.name) && now.is_none_or(|now| now.id != k.id))
        .map(|k| k.id)
        .collect();
    before.sort_unstable();
    before.dedup();
    let by_name = now.map(|now| now.id).or(match before[..] {
        [one] => Some(one),
        _ => None,
    });
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let by_number = is_number
        .then(|| word.parse().ok().map(PersonId))
        .flatten()
        .filter(|id| who(*id, false, Vec::new()).is_some());
    let mut meant: Vec<PersonId> = by_number.into_iter().collect();
    match by_name {
        Some(id) => meant.push(id),
        None => meant.extend(&before),
    }
    meant.sort_unstable();
    meant.dedup();
    match meant[..] {
        [id] => {
            let is_old_name = by_number != Some(id) && now.is_none();
            let also = before.into_iter().filter(|other| *other != id).collect();
            who(id, is_old_name, also).map_or_else(unknown, Ok)
        }
        [] => unknown(),
        _ => Err(WhitelistError::Ambiguous {
            word: word.to_owned(),
            people: meant
                .iter()
                .filter_map(|id| who(*id, false, Vec::new()))
                .map(|who| (who.id, who.name))
                .collect(),
        }),
    }
}

/// Names that may have been meant, the likest first.
fn like(word: &str, listed: &[Person], known: &[Known]) -> Vec<String> {
    let word = fold(word);
    let names = listed.iter().map(|person| &person.name);
    let mut names: Vec<&String> = names.chain(known.iter().map(|k| &k.name)).collect();
    names.sort_unstable();
    names.dedup();
    let likeness = |name: &str| {
        let folded = fold(name);
        // A part of a name alone is often all that is remembered.
        let parts = folded
            .split_whitespace()
            .map(|part| strsim::jaro_winkler(&word, part));
        parts.fold(strsim::jaro_winkler(&word, &folded), f64::max)
    };
    let mut rated: Vec<(f64, &String)> = names
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
        .collect();
    rated.sort_by(|a, b| b.0.total_cmp(&a.0));
    rated
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, name)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: i64, name: &str) -> Person {
        Person {
            id: PersonId(id),
            name: name.into(),
            enabled: true,
            created_at_ms: 0,
            templates: 1,
            photos: 0,
            standing: Default::default(),
        }
    }

    fn known(id: i64, name: &str) -> Known {
        Known {
            id: PersonId(id),
            name: name.into(),
            last: id,
        }
    }

    /// Whom a word means, in short.
    fn meant(word: &str) -> String {
        let listed = [
            person(3, "Ada King"),
            person(5, "Zoë"),
            person(7, "3"),
            person(9, "Ada Byron"),
            person(11, "12"),
        ];
        let known = [
            known(3, "Ada Lovelace"),
            known(3, "Ada King"),
            known(4, "Grace"),
            known(4, "Hopper"),
            known(8, "Grace"),
            known(6, "zoë"),
        ];
        match among(word, &listed, &known) {
            Ok(who) => format!(
                "{} {}{}",
                who.id,
                who.name,
                if who.listed.is_some() { "" } else { " (gone)" }
            ),
            Err(WhitelistError::Ambiguous { people, .. }) => {
                let numbers = people.iter().map(|(id, _)| id.to_string());
                numbers.collect::<Vec<_>>().join(" or ")
            }
            Err(WhitelistError::Unknown { like, .. }) => {
                format!("nobody, like {}", like.join(", "))
            }
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn a_number_a_name_and_a_name_from_before_mean_one_person() {
        for word in ["#3", "ada king", "ADA LOVELACE", " Ada Lovelace "] {
            assert_eq!(meant(word), "#3 Ada King", "{word}");
        }
        assert_eq!(meant("5"), "#5 Zoë");
        assert_eq!(meant("Zoe\u{308}"), "#5 Zoë");
        // Who has the name now comes before who had it.
        assert_eq!(meant("zoë"), "#5 Zoë");
        // A number that is a name as well, of another.
        assert_eq!(meant("3"), "#3 or #7");
        assert_eq!(meant("#7"), "#7 3");
        assert_eq!(meant("12"), "#11 12");
        assert_eq!(meant("Hopper"), "#4 Hopper (gone)");
        assert_eq!(meant("Grace"), "#4 or #8");
        assert_eq!(
            meant("Ada Bryon"),
            "nobody, like Ada Byron, Ada King, Ada Lovelace"
        );
        assert_eq!(meant("#99"), "nobody, like ");
    }
}
