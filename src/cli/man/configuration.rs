//! `doorward.toml(5)`, from the documented configuration: what stands above a key there
//! explains it here.

use std::io;

use clap_mangen::roff::{Roff, bold, roman};

use crate::config;

/// Every key with its meaning and default.
const DOCUMENTED: &str = include_str!("../../../config/doorward.toml");

/// Keys that are explained together.
#[derive(Default)]
struct Entry {
    comment: String,
    /// Each as it is written, and whether it is only an example.
    keys: Vec<(String, bool)>,
}

/// A section with its entries, or what stands before the first.
#[derive(Default)]
struct Part {
    name: String,
    entries: Vec<Entry>,
}

pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    let version = concat!("doorward ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["doorward.toml", "5", "", version, "doorward"]);
    page.control("SH", ["NAME"]);
    page.text([roman("doorward.toml - configuration of doorward(1)")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "A TOML file: sections in brackets, and below each a key and its value a line. A file \
         with a mistake is refused whole, and every mistake in it is named with its line.",
    )]);
    let parts = parts(DOCUMENTED);
    for entry in parts.iter().take(1).flat_map(|part| &part.entries) {
        page.control("PP", []);
        page.text([roman(entry.comment.as_str())]);
    }
    page.control("SH", ["SECTIONS"]);
    for part in parts.iter().skip(1) {
        page.control("SS", [format!("[{}]", part.name).as_str()]);
        for entry in &part.entries {
            for (n, (key, is_example)) in entry.keys.iter().enumerate() {
                page.control(if n == 0 { "TP" } else { "TQ" }, []);
                let (name, value) = key.split_once(" = ").unwrap_or((key, ""));
                let value = match is_example {
                    true => format!(" = {value} (not set by default)"),
                    false => format!(" = {value}"),
                };
                page.text([bold(name), roman(value)]);
            }
            page.text([roman(entry.comment.as_str())]);
        }
    }
    page.control("SH", ["EXAMPLES"]);
    page.text([roman("What most doors need, as the rest has defaults:")]);
    page.control("PP", [])
        .control("RS", ["4"])
        .control("nf", []);
    page.text([bold(
        "[camera]\ndevice = \"/dev/v4l/by-id/usb-Example_Camera-video-index0\"\n\n\
         [door]\npulse_ms = 3000",
    )]);
    page.control("fi", []).control("RE", []);
    page.control("SH", ["FILES"]);
    page.text([bold(config::DEFAULT_PATH)]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(
        "doorward(1), doorward-check(1), doorward-threshold(1), systemctl(1)",
    )]);
    let mut out = Vec::new();
    page.to_writer(&mut out)?;
    Ok(out)
}

/// The first is what stands before any section.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let mut entry = Entry::default();
    for line in text.lines() {
        let bare = line.trim_start_matches('#');
        // One that is commented out stands for those that are called otherwise.
        let name = bare.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        let is_key = bare.split_once(" = ").is_some_and(|(key, _)| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        if is_key {
            entry.keys.push((bare.to_owned(), line.starts_with('#')));
            continue;
        }
        // What follows keys begins another entry.
        if (!entry.keys.is_empty() || line.is_empty() || name.is_some())
            && !(entry.keys.is_empty() && entry.comment.is_empty())
            && let Some(part) = parts.last_mut()
        {
            part.entries.push(std::mem::take(&mut entry));
        }
        if let Some(name) = name {
            parts.push(Part {
                name: name.to_owned(),
                entries: Vec::new(),
            });
        } else if let Some(comment) = line.strip_prefix("# ") {
            if !entry.comment.is_empty() {
                entry.comment.push(' ');
            }
            entry.comment += comment;
        }
    }
    if let Some(part) = parts.last_mut().filter(|_| !entry.keys.is_empty()) {
        part.entries.push(entry);
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_key_is_there_once_with_what_it_means() {
        let parts = parts(DOCUMENTED);
        let mut shown = Vec::new();
        for part in &parts {
            for entry in &part.entries {
                let keys = entry
                    .keys
                    .iter()
                    .map(|(key, _)| key.split(' ').next().unwrap());
                shown.extend(keys.map(|key| format!("{}.{key}", part.name)));
                assert!(!entry.comment.is_empty(), "{:?}", entry.keys);
            }
        }
        let mut known = Config::keys();
        known.sort();
        shown.sort();
        assert_eq!(shown, known);
        let page = String::from_utf8(page().unwrap()).unwrap();
        for key in known {
            let name = key.rsplit('.').next().unwrap();
            assert!(page.contains(&format!("\\fB{name}\\fR")), "{name}");
        }
    }
}
