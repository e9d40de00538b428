//! `doorward-access.d(5)`, from the commented example: it is the page.

use std::io;

use clap_mangen::roff::{Roff, bold, roman};

/// Every key with its meaning.
const EXAMPLE: &str = include_str!("../../../config/access.d/example.toml.disabled");

pub(super) fn page() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    let version = concat!("doorward ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["doorward-access.d", "5", "", version, "doorward"]);
    page.control("SH", ["NAME"]);
    page.text([roman("doorward-access.d - access rules of doorward(1)")]);
    page.control("SH", ["DESCRIPTION"]);
    let mut blocks = EXAMPLE.split("\n\n");
    // What stands above the first key is about all of it.
    while let Some(block) = blocks.clone().next() {
        let is_about = block.lines().all(|line| line.starts_with('#'));
        if !is_about {
            break;
        }
        for paragraph in block.split("\n#\n") {
            let lines = paragraph.lines().map(|line| line.trim_start_matches("# "));
            page.control("PP", []);
            page.text([roman(lines.collect::<Vec<_>>().join(" "))]);
        }
        blocks.next();
    }
    page.control("SH", ["SECTIONS"]);
    page.text([roman(
        "All that can be written, each with its meaning above it:",
    )]);
    page.control("PP", [])
        .control("RS", ["4"])
        .control("nf", []);
    for block in blocks {
        for line in block.lines() {
            match line.starts_with('#') {
                true => page.text([roman(line)]),
                false => page.text([bold(line)]),
            };
        }
        page.text([roman("")]);
    }
    page.control("fi", []).control("RE", []);
    page.control("SH", ["FILES"]);
    page.text([bold("/etc/doorward/access.d/*.toml")]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(
        "doorward(1), doorward-access(1), doorward-people(1), doorward.toml(5), systemctl(1)",
    )]);
    let mut out = Vec::new();
    page.to_writer(&mut out)?;
    Ok(out)
}
