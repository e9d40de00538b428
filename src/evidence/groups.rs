//! Who belongs to which group, from a file of two columns, and how often the people of one
//! group are taken for each other. Groups are the user's own words.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::rates::Scores;
use crate::files::{self, Kind};
use crate::shown::Quoted;

/// A list of groups is not larger.
const MAX_BYTES: u64 = 10_000_000;
/// Matches, seen or to be expected, without which a rate says little.
const MIN_MATCHES: f64 = 10.0;
/// People without whom a rate is that of a few faces.
const MIN_PEOPLE: usize = 5;

/// The group of each person who has one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// By the person's name in composed form (NFC), as some systems spell folders otherwise.
    of: BTreeMap<String, String>,
}

/// A list of groups that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// It is missing, too large, or may not be read.
    #[error("cannot read the groups in {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A line is wrong.
    #[error("{path}, line {line}: {mistake}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        mistake: Mistake,
    },
    /// It names nobody.
    #[error("{0} names nobody; write a line person,group for each person")]
    Nobody(PathBuf),
}

/// What is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// Bytes that are no text.
    #[error("it is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// More or fewer than two columns.
    #[error("it has {0} columns; write person,group, and a name with a comma in quotes")]
    Columns(usize),
    /// An empty first column.
    #[error("it names no person; write person,group")]
    NoPerson,
    /// An empty second column.
    #[error("{who} has no group; write one, or take the line out", who = Quoted(.0))]
    NoGroup(String),
    /// The same person once more.
    #[error(
        "{who} has a group already, in line {line}; leave one of the lines",
        who = Quoted(.person)
    )]
    Twice {
        /// The name.
        person: String,
        /// The line it is in first.
        line: usize,
    },
    /// Quotes that do not enclose a column.
    #[error("its quotes do not enclose a column; write \"Doe, Jane\",group, and \"\" for a quote")]
    Quotes,
    /// The columns are the other way round.
    #[error("its columns are group,person; write person,group")]
    Reversed,
}

impl Groups {
    /// Reads `person,group` lines, or `person;group` as some spreadsheets write them; the
    /// first may be a header.
    ///
    /// # Errors
    /// [`GroupsError`]
    pub fn read(path: &Path) -> Result<Self, GroupsError> {
        let bytes = bounded(path).map_err(|reason| GroupsError::Unreadable {
            path: path.to_path_buf(),
            reason,
        })?;
        let groups = Self::parse(&bytes).map_err(|(line, mistake)| GroupsError::Line {
            path: path.to_path_buf(),
            line,
            mistake,
        })?;
        if groups.of.is_empty() {
            return Err(GroupsError::Nobody(path.to_path_buf()));
        }
        Ok(groups)
    }

    /// The same from bytes.
    ///
    /// # Errors
    /// The line, counted from 1, and what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, (usize, Mistake)> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = Vec::new();
        for (line, text) in (1..).zip(bytes.split(|b| *b == b'\n')) {
            let text = std::str::from_utf8(text).map_err(|_| (line, Mistake::NotUtf8))?;
            if !text.trim().is_empty() {
                lines.push((line, text.trim()));
            }
        }
        let by = lines.first().map_or(',', |(_, first)| separator(first));
        let (mut of, mut seen) = (BTreeMap::new(), BTreeMap::new());
        for (place, (line, text)) in lines.into_iter().enumerate() {
            let at = |mistake| (line, mistake);
            let columns = columns(text, by).map_err(at)?;
            let [person, group] = columns.as_slice() else {
                return Err(at(Mistake::Columns(columns.len())));
            };
            let is = |column: &str, words: &[&str]| words.contains(&&*column.to_lowercase());
            if place == 0 && is(group, &["group"]) && is(person, &["person", "name"]) {
                continue;
            }
            if place == 0 && is(person, &["group"]) && is(group, &["person", "name"]) {
                return Err(at(Mistake::Reversed));
            }
            if person.is_empty() {
                return Err(at(Mistake::NoPerson));
            }
            if group.is_empty() {
                return Err(at(Mistake::NoGroup(person.clone())));
            }
            let composed: String = person.nfc().collect();
            if let Some(first) = seen.insert(composed.clone(), line) {
                return Err(at(Mistake::Twice {
                    person: person.clone(),
                    line: first,
                }));
            }
            of.insert(composed, group.clone());
        }
        Ok(Self { of })
    }

    /// The group of a person.
    pub fn of(&self, person: &str) -> Option<&str> {
        let composed: String = person.nfc().collect();
        self.of.get(&composed).map(String::as_str)
    }

    /// People it names who are none of these.
    fn beyond(&self, people: &[String]) -> Vec<String> {
        let people: Vec<String> = people.iter().map(|p| p.nfc().collect()).collect();
        let named = self.of.keys();
        named.filter(|p| !people.contains(p)).cloned().collect()
    }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    if path.metadata()?.len() > MAX_BYTES {
        return Err(io::Error::other("it has more than 10 MB"));
    }
    files::read(path, Kind::List)
}

fn separator(first: &str) -> char {
    let two = |by: &char| columns(first, *by).is_ok_and(|columns| columns.len() == 2);
    [',', ';'].into_iter().find(two).unwrap_or(',')
}

/// As in RFC 4180, but for line ends within quotes.
fn columns(line: &str, by: char) -> Result<Vec<String>, Mistake> {
    let mut columns = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.trim_start();
        let (column, after) = match start.strip_prefix('"') {
            Some(quoted) => {
                let (column, after) = unquoted(quoted).ok_or(Mistake::Quotes)?;
                (column, after.trim_start())
            }
            None => {
                let end = start.find(by).unwrap_or(start.len());
                let (column, after) = start.split_at(end);
                (column.trim().to_owned(), after)
            }
        };
        columns.push(column);
        if after.is_empty() {
            return Ok(columns);
        }
        rest = after.strip_prefix(by).ok_or(Mistake::Quotes)?;
    }
}

/// Up to the closing quote, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut column = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        column.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                column.push('"');
                rest = more;
            }
            None => return Some((column.trim().to_owned(), after)),
        }
    }
}

/// False match rates within each group.
#[derive(Debug, Serialize)]
pub struct WithinGroups {
    /// Thresholds they are told at.
    pub thresholds: Vec<GroupThreshold>,
    /// Each group with people in the evaluation, in the order of names.
    pub groups: Vec<Group>,
    /// People of the evaluation without a group: their pairs are in no row.
    pub without: Vec<String>,
    /// People of the list who have no photos here.
    pub unknown: Vec<String>,
}

/// A threshold, and the rate over everybody's pairs there.
#[derive(Debug, Clone, Serialize)]
pub struct GroupThreshold {
    /// What it is, in words.
    pub name: String,
    /// The score.
    pub threshold: f64,
    /// False match rate of all impostor pairs, of whatever groups.
    pub fmr: f64,
}

/// One group.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its people with a face.
    pub people: usize,
    /// Impostor pairs of photos of two of its people.
    pub pairs: u64,
    /// One for each threshold.
    pub at: Vec<Within>,
}

/// A false match rate within a group.
#[derive(Debug, Serialize)]
pub struct Within {
    /// Pairs that reach the threshold.
    pub matches: u64,
    /// Their share; none without pairs.
    pub fmr: Option<f64>,
    /// Why it says little, if so.
    pub warning: Option<Doubt>,
}

/// Why a rate says little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Neither seen nor to be expected are ten matches.
    FewPairs,
    /// It is the rate of a handful of faces.
    FewPeople,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::FewPairs => "too few pairs to say",
            Self::FewPeople => "too few people to say",
        })
    }
}

/// Counts the impostor pairs of `scores` within each group at thresholds with their names.
/// `people` are all of the data set; `in_it` those of the evaluation who have a face.
pub(crate) fn within(
    groups: &Groups,
    people: &[String],
    in_it: &[usize],
    scores: &Scores,
    thresholds: &[(String, f64)],
) -> WithinGroups {
    let group_of: Vec<Option<&str>> = people.iter().map(|name| groups.of(name)).collect();
    let of = |person: usize| group_of.get(person).copied().flatten();
    let at: Vec<f64> = thresholds.iter().map(|(_, threshold)| *threshold).collect();
    let thresholds: Vec<GroupThreshold> = thresholds
        .iter()
        .map(|(name, threshold)| GroupThreshold {
            name: name.clone(),
            threshold: *threshold,
            fmr: scores.at_threshold(*threshold).0,
        })
        .collect();
    let mut counts = scores.impostors_over(&at, |a, b| of(a).filter(|group| Some(*group) == of(b)));
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without = Vec::new();
    for person in in_it {
        match of(*person) {
            Some(group) => *members.entry(group).or_default() += 1,
            None => without.extend(people.get(*person).cloned()),
        }
    }
    let rows = members
        .into_iter()
        .map(|(name, people)| {
            let (pairs, over) = counts
                .remove(name)
                .unwrap_or_else(|| (0, vec![0; at.len()]));
            Group {
                name: name.to_owned(),
                people,
                pairs,
                at: over
                    .into_iter()
                    .zip(&thresholds)
                    .map(|(matches, all)| Within {
                        matches,
                        fmr: (pairs > 0).then(|| matches as f64 / pairs as f64),
                        warning: doubt(people, pairs, matches, all.fmr),
                    })
                    .collect(),
            }
        })
        .collect();
    WithinGroups {
        thresholds,
        groups: rows,
        without,
        unknown: groups.beyond(people),
    }
}

fn doubt(people: usize, pairs: u64, matches: u64, fmr_of_all: f64) -> Option<Doubt> {
    let expected = pairs as f64 * fmr_of_all;
    if matches as f64 >= MIN_MATCHES || expected >= MIN_MATCHES {
        (people < MIN_PEOPLE).then_some(Doubt::FewPeople)
    } else {
        Some(Doubt::FewPairs)
    }
}

#[cfg(test)]
mod tests;
