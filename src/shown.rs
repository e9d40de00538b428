//! Text that came from outside, made safe to show.
//!
//! A name, a file name or a message can hold what moves a terminal's cursor, changes the
//! direction of writing or cannot be seen; printed as it is, it could show a line that
//! nobody wrote. Such characters are shown as `\u{…}`.

mod system;

use std::fmt::{self, Write};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

pub(crate) use system::in_words;

/// Whether a character changes what is around it, or cannot be seen.
pub(crate) fn is_unsafe(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// A number of things in words, such as `1 photo` or `2 photos`.
pub(crate) fn counted<N: fmt::Display + PartialEq + From<u8>>(
    number: N,
    one: &str,
    many: &str,
) -> String {
    let things = if number == N::from(1) { one } else { many };
    format!("{number} {things}")
}

/// Writes what is written to it with unsafe characters escaped.
#[derive(Debug)]
pub(crate) struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_unsafe) {
            let mut safe = part.chars();
            match safe.next_back() {
                Some(last) if is_unsafe(last) => {
                    self.0.write_str(safe.as_str())?;
                    write!(self.0, "{}", last.escape_unicode())?;
                }
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Text in quotes, escaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is shown stays on its line and moves nothing; what can be read stays.
        #[test]
        fn nothing_unsafe_is_shown(text: String) {
            let shown = Quoted(&text).to_string();
            prop_assert!(!shown.contains(is_unsafe));
            if !text.contains(is_unsafe) {
                prop_assert_eq!(shown, format!("\"{text}\""));
            }
        }
    }

    #[test]
    fn what_hides_is_seen() {
        let shown = Quoted("Zoë\u{202e}\n\u{1b}[2J\u{200b}").to_string();
        assert_eq!(shown, "\"Zoë\\u{202e}\\u{a}\\u{1b}[2J\\u{200b}\"");
    }
}
