//! What commands print, and what they end with.
//!
//! `println!` and `eprintln!` in this room are the ones defined here: the standard ones panic
//! when a disk is full, which must not happen after something was done.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::OnceLock;

use unicode_width::UnicodeWidthStr;

use super::colour::{Hue, painted};
use crate::shown::{Escaping, in_words};

macro_rules! println {
    () => { $crate::cli::output::say(format_args!("")) };
    ($($text:tt)*) => { $crate::cli::output::say(format_args!($($text)*)) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::output::put(format_args!($($text)*)) };
}

macro_rules! eprintln {
    () => { $crate::cli::output::tell(format_args!("")) };
    ($($text:tt)*) => { $crate::cli::output::tell(format_args!($($text)*)) };
}

/// What every command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// The answer is no, or there is something to act on.
    No = 1,
    Usage = 2,
    Cannot = 3,
}

impl Exit {
    pub(super) const ALL: [Self; 4] = [Self::Done, Self::No, Self::Usage, Self::Cannot];

    /// For the man pages.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done; what was asked is so.",
            Self::No => {
                "The answer is no, or something is left for you to act on: two pictures are not of the same person, a check found something wrong, people may be taken for each other or must come again, photos were left out, nothing guards the door."
            }
            Self::Usage => "The command line is wrong; nothing was done.",
            Self::Cannot => {
                "It cannot be done: a person that nobody is, a file that cannot be read, a device or a database that fails, a part of the daemon that failed, output that cannot be written."
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command line that clap takes and that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// Why standard output did not take something.
static UNSAID: OnceLock<std::io::Error> = OnceLock::new();

fn heard(written: std::io::Result<()>) {
    if let Err(error) = written {
        let _ = UNSAID.set(error);
    }
}

/// A line on standard output. What cannot be written is told at the end, by [`ended`].
pub(super) fn say(line: fmt::Arguments<'_>) {
    heard(writeln!(std::io::stdout().lock(), "{line}"));
}

/// Text on standard output.
pub(super) fn put(text: fmt::Arguments<'_>) {
    heard(write!(std::io::stdout().lock(), "{text}"));
}

/// A remark on standard error, if it takes any; as JSON where that was asked for.
pub(super) fn tell(line: fmt::Arguments<'_>) {
    let line = line.to_string();
    let _ = match json_is_asked() {
        false => writeln!(std::io::stderr().lock(), "{line}"),
        true if line.is_empty() => Ok(()),
        true => {
            let line = serde_json::json!({ "note": line });
            writeln!(std::io::stderr().lock(), "{line}")
        }
    };
}

/// Has all that was said so far be with the reader; false if there is none any more.
pub(super) fn flush() -> bool {
    heard(std::io::stdout().flush());
    UNSAID.get().is_none()
}

/// What the command ends with, when its answer may not have been written.
pub(super) fn ended(code: ExitCode) -> ExitCode {
    flush();
    match UNSAID.get() {
        // The reader has what it wanted.
        Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => code,
        Some(error) => {
            complain(&format!(
                "the command ran to its end, but what it says cannot be written: {error}"
            ));
            Exit::Cannot.into()
        }
        None => code,
    }
}

/// An error, as JSON where that was asked for.
pub(super) fn complain(message: &str) {
    let message = in_words(message);
    if json_is_asked() {
        let line = serde_json::json!({ "error": &*message });
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    } else {
        eprintln!("doorward: {message}");
    }
}

/// Whether this command line has `--json`; asked also where it cannot be understood.
pub(super) fn json_is_asked() -> bool {
    std::env::args_os()
        .skip(1)
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json")
}

pub(super) fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    println!("{value}");
    Ok(())
}

/// A time for programs: RFC 3339, UTC; nothing if there is no such time.
pub(super) fn rfc3339(at_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at_ms).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// A time for people, local; `form` as of strftime.
pub(super) fn local(at_ms: i64, form: &str) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| "?".into(),
        |at| {
            at.to_zoned_datetime(jiff::tz::TimeZone::system())
                .strftime(form)
                .to_string()
        },
    )
}

/// Columns as wide as they need to be, in any script.
pub(super) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    table_in_colour(header, rows, |_, _| None);
}

/// The same, cells in a colour by their column and text.
pub(super) fn table_in_colour(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    hue: impl Fn(usize, &str) -> Option<Hue>,
) {
    for line in aligned(header, rows, hue) {
        println!("{line}");
    }
}

fn aligned(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    hue: impl Fn(usize, &str) -> Option<Hue>,
) -> Vec<String> {
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|h| (*h).to_owned()).collect()];
    lines.extend(rows.map(|row| row.iter().map(|cell| safe(cell)).collect()));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let joined = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| {
                let room = " ".repeat(width.saturating_sub(cell.width()));
                painted(cell, hue(column, cell)) + &room
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(joined).collect()
}

/// On one line, without what moves a cursor.
pub(super) fn safe(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(Escaping(&mut out), "{text}");
    out
}

/// Cells as a line of CSV (RFC 4180).
pub(super) fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = cells.into_iter().map(|cell| {
        if cell.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_each_other_in_any_script() {
        let names = ["Ada", "李小龍", "Зоя", "אבא", "ข้าว", "Zoe\u{301}", "🙂 Jo"];
        let rows = names.map(|name| vec![name.to_owned(), "enabled".to_owned()]);
        let lines = aligned(&["name", "state"], rows.into_iter(), |_, _| None);
        let starts = lines.iter().map(|line| {
            let at = line.find("enabled").or(line.find("state")).unwrap_or(0);
            line.get(..at).unwrap_or_default().width()
        });
        let starts: Vec<usize> = starts.collect();
        assert!(
            starts.iter().all(|start| *start == 8),
            "{starts:?} {lines:?}"
        );
    }
}
