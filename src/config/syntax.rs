//! What is wrong with a file before it says anything: text that is no text, and lines that
//! are not TOML. Such a line is taken out and the rest read, so that one run finds them all.

use toml::Spanned;
use toml::de::DeTable;

use super::explain::explain;
use super::mistake::{Mistake, Place};

/// After so many lines that are not TOML the rest is not looked at.
const MAX_BROKEN_LINES: usize = 50;

/// A text with its broken lines taken out.
pub(crate) struct Syntax {
    /// The rest, each byte where it was.
    pub(crate) text: String,
    mistakes: Vec<Mistake>,
}

/// The text of a file.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, Mistake> {
    let mistake = |place, message: &str| Mistake {
        place,
        message: message.into(),
    };
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes[..] {
        let place = Place { line: 1, column: 1 };
        let message =
            "the file is UTF-16: save it as UTF-8 in the editor, or use `iconv -f UTF-16 -t UTF-8`";
        return Err(mistake(place, message));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default());
        mistake(
            Place::of(&before, before.len()),
            "this character is not UTF-8: save the file as UTF-8 in the editor, or use `iconv -f LATIN1 -t UTF-8`",
        )
    })?;
    match text.find('\0') {
        Some(at) => Err(mistake(
            Place::of(&text, at),
            "a NUL byte: the file is damaged or is no text; restore it from a backup",
        )),
        None => Ok(text),
    }
}

impl Syntax {
    pub(crate) fn new(text: &str) -> Self {
        let mut rest = Self {
            text: text.to_owned(),
            mistakes: Vec::new(),
        };
        if let Some(at) = lone_carriage_return(text) {
            rest.give_up(Mistake {
                place: Place::of(text, at),
                message: "the line ends with a carriage return alone: save the file with LF \
                          line ends, or use `mac2unix`"
                    .into(),
            });
        }
        while let Err(error) = DeTable::parse(&rest.text) {
            let at = error.span().map_or(text.len(), |span| span.start);
            let mut place = Place::of(text, at);
            let lines: Vec<&str> = rest.text.lines().collect();
            let line = opener(&lines, place.line);
            if line != place.line {
                place = Place { line, column: 1 };
            }
            let message = explain(text, place.line, error.message());
            let mistake = Mistake { place, message };
            if rest.mistakes.len() < MAX_BROKEN_LINES && !rest.mistakes.contains(&mistake) {
                rest.take_out(mistake);
            } else {
                rest.give_up(mistake);
            }
        }
        rest
    }

    /// What the text says without its broken lines.
    pub(crate) fn root(&self) -> Spanned<DeTable<'_>> {
        DeTable::parse_recoverable(&self.text).0
    }

    fn give_up(&mut self, mistake: Mistake) {
        self.text = " ".repeat(self.text.len());
        self.mistakes.push(mistake);
    }

    /// Takes out a line; where it begins a section, with all that is in it, because it would
    /// be taken for the section above.
    fn take_out(&mut self, mistake: Mistake) {
        let (mut clean, mut in_section) = (String::new(), false);
        for (n, line) in self.text.split_inclusive('\n').enumerate() {
            let is_header = line.trim_start().starts_with('[');
            let is_broken = n + 1 == mistake.place.line;
            in_section = (in_section && !is_header) || (is_broken && is_header);
            if is_broken || in_section {
                let end = line.strip_suffix('\n').map_or("", |_| "\n");
                clean += &" ".repeat(line.len() - end.len());
                clean += end;
            } else {
                clean += line;
            }
        }
        self.text = clean;
        self.mistakes.push(mistake);
    }

    /// These mistakes and what else was found wrong at a byte of the text, from top to bottom.
    pub(crate) fn with(&self, found: Vec<(usize, String)>) -> Vec<Mistake> {
        let mut all = self.mistakes.clone();
        all.extend(found.into_iter().map(|(at, message)| Mistake {
            place: Place::of(&self.text, at),
            message,
        }));
        all.sort_by_key(|mistake| mistake.place);
        all
    }
}

/// Whether a place of a text is among the lines of a section.
pub(super) fn is_in(text: &str, section: &str, place: Place) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let above = lines.get(..place.line).unwrap_or(&lines);
    let header = above.iter().rev().find(|line| line.starts_with('['));
    let names = |line: &&str| {
        let rest = line.trim_start_matches(['[', ' ', '\t', '"', '\'']);
        let next = rest.strip_prefix(section).map(|rest| rest.chars().next());
        next.is_some_and(|next| !next.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    };
    header.or(above.last()).is_some_and(names)
}

/// The line that is to blame for a mistake noticed in line `noticed`: what is not closed is
/// noticed only below.
fn opener(lines: &[&str], noticed: usize) -> usize {
    let above = lines.get(..noticed).unwrap_or(lines);
    for quotes in ["\"\"\"", "\'\'\'"] {
        let count = |line: &&str| line.matches(quotes).count();
        if above.iter().map(count).sum::<usize>() % 2 == 1
            && let Some(line) = above.iter().rposition(|line| count(line) > 0)
        {
            return line + 1;
        }
    }
    let mut open = 0;
    for (n, line) in above.iter().enumerate().rev() {
        open += line.matches('[').count() as isize - line.matches(']').count() as isize;
        if open > 0 && has_list(line) {
            return n + 1;
        }
    }
    let not_empty = |line: &&str| !line.trim().is_empty();
    above.iter().rposition(not_empty).map_or(1, |line| line + 1)
}

/// Whether a list begins in a line.
pub(super) fn has_list(line: &str) -> bool {
    let value = line.split_once('=').map(|(_, value)| value.trim_start());
    value.is_some_and(|value| value.starts_with('['))
}

fn lone_carriage_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| {
        !text
            .get(at + 1..)
            .is_some_and(|rest| rest.starts_with('\n'))
    })
}
