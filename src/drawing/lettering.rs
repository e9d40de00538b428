//! Text as pixels: in any script that a font of this machine has, and otherwise in the small
//! bitmap font that the program carries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cosmic_text::{Align, Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache};
use font8x8::UnicodeFonts;

/// Families that read well, the first that is there; others fill in what it lacks.
const PLAIN_FAMILIES: [&str; 5] = [
    "Noto Sans",
    "DejaVu Sans",
    "Liberation Sans",
    "FreeSans",
    "Open Sans",
];
/// Longest line that is drawn, in letters.
const MAX_LETTERS: usize = 200;

/// A line of text, not yet in a colour.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub width: u32,
    pub height: u32,
    /// Row by row, 0 where there is nothing and 255 where all of the pixel is ink.
    pub ink: Vec<u8>,
    /// Whether no font has one of its letters.
    pub lacks: bool,
}

/// The fonts of this machine, if there are any.
pub(super) struct Lettering {
    fonts: Option<Fonts>,
}

struct Fonts {
    system: FontSystem,
    cache: SwashCache,
}

impl Lettering {
    /// With what lies in the usual folders for fonts.
    pub fn of_this_machine() -> Self {
        Self::with(FontSystem::new())
    }

    fn with(mut system: FontSystem) -> Self {
        let Some(family) = plain_family(&mut system) else {
            return Self { fonts: None };
        };
        system.db_mut().set_sans_serif_family(family);
        Self {
            fonts: Some(Fonts {
                system,
                cache: SwashCache::new(),
            }),
        }
    }

    /// A line of letters of that size, in pixels.
    pub fn line(&mut self, text: &str, size_px: u32) -> Line {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = text.chars().map(clean).take(MAX_LETTERS).collect();
        if let Some(fonts) = &mut self.fonts {
            // A font is a program of somebody else's; a bad one must not end this one.
            let drawn = catch_unwind(AssertUnwindSafe(|| fonts.line(&text, size_px)));
            match drawn {
                Ok(line) => return line,
                Err(_) => self.fonts = None,
            }
        }
        bitmap(&text, size_px)
    }
}

/// A family with a font that can be read.
fn plain_family(system: &mut FontSystem) -> Option<String> {
    let faces = system.db().faces();
    let mut faces: Vec<_> = faces
        .filter_map(|face| {
            let (name, _) = face.families.first()?;
            let rank = PLAIN_FAMILIES.iter().position(|plain| plain == name);
            Some((
                rank.unwrap_or(PLAIN_FAMILIES.len()),
                name.clone(),
                face.id,
                face.weight,
            ))
        })
        .collect();
    faces.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    faces
        .into_iter()
        .find(|(_, _, id, weight)| system.get_font(*id, *weight).is_some())
        .map(|(_, name, ..)| name)
}

impl Fonts {
    fn line(&mut self, text: &str, size_px: u32) -> Line {
        let size = size_px as f32;
        let height = (size * 1.3).ceil();
        let mut buffer = Buffer::new(&mut self.system, Metrics::new(size, height));
        buffer.set_size(None, None);
        let plain = Attrs::new().family(Family::SansSerif);
        buffer.set_text(text, &plain, Shaping::Advanced, Some(Align::Left));
        buffer.shape_until_scroll(&mut self.system, false);
        let (mut width, mut lacks) = (0.0f32, false);
        for run in buffer.layout_runs() {
            width = width.max(run.line_w);
            lacks |= run.glyphs.iter().any(|glyph| glyph.glyph_id == 0);
        }
        let mut line = Line {
            width: width.ceil() as u32,
            height: height as u32,
            ink: Vec::new(),
            lacks,
        };
        line.ink = vec![0; line.width as usize * line.height as usize];
        let ink = Color::rgba(255, 255, 255, 255);
        buffer.draw(
            &mut self.system,
            &mut self.cache,
            ink,
            |x, y, w, h, colour| {
                for (x, y) in (y..y.saturating_add_unsigned(h))
                    .flat_map(|y| (x..x.saturating_add_unsigned(w)).map(move |x| (x, y)))
                {
                    line.add(x, y, colour.a());
                }
            },
        );
        line
    }
}

impl Line {
    fn add(&mut self, x: i32, y: i32, ink: u8) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if x >= self.width {
            return;
        }
        if let Some(there) = self.ink.get_mut((y * self.width + x) as usize) {
            *there = (*there).max(ink);
        }
    }
}

/// In letters of 8 by 8 blocks; one that the font lacks is a `?`.
fn bitmap(text: &str, size_px: u32) -> Line {
    const SIDE: u32 = 8;
    let block = (size_px / (SIDE + 2)).max(1);
    let letters = text.chars().count() as u32;
    let mut line = Line {
        width: letters * SIDE * block,
        height: (SIDE + 2) * block,
        ..Line::default()
    };
    line.ink = vec![0; line.width as usize * line.height as usize];
    for (place, letter) in (0u32..).zip(text.chars()) {
        let known = font8x8::BASIC_FONTS
            .get(letter)
            .or_else(|| font8x8::LATIN_FONTS.get(letter));
        line.lacks |= known.is_none();
        let rows = known
            .or_else(|| font8x8::BASIC_FONTS.get('?'))
            .unwrap_or_default();
        for (row, bits) in (0u32..).zip(rows) {
            for column in (0..SIDE).filter(|c| bits >> c & 1 == 1) {
                let (left, top) = ((place * SIDE + column) * block, (row + 1) * block);
                for (x, y) in
                    (top..top + block).flat_map(|y| (left..left + block).map(move |x| (x, y)))
                {
                    line.add(x as i32, y as i32, 255);
                }
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn inked(line: &Line) -> usize {
        line.ink.iter().filter(|ink| **ink > 127).count()
    }

    #[test]
    fn without_a_font_latin_letters_are_still_drawn() {
        let empty = FontSystem::new_with_locale_and_db(
            "en-US".into(),
            cosmic_text::fontdb::Database::new(),
        );
        let mut lettering = Lettering::with(empty);
        assert!(lettering.fonts.is_none());
        let line = lettering.line("Ada Müller 0.62", 20);
        assert!(inked(&line) > 100 && !line.lacks);
        let line = lettering.line("Ада", 20);
        assert!(inked(&line) > 20 && line.lacks);
        assert_eq!(lettering.line("", 20).width, 0);
    }

    #[test]
    fn a_font_of_the_machine_joins_and_turns_what_its_script_wants() {
        let mut lettering = Lettering::of_this_machine();
        if lettering.fonts.is_none() {
            // Nothing to draw with here; the test above says what happens then.
            return;
        }
        for name in ["Ada Müller", "Ада Лавлейс", "Άντα", "\u{1}\n"] {
            let line = lettering.line(name, 24);
            assert_eq!(line.ink.len() as u32, line.width * line.height, "{name}");
        }
        let line = lettering.line("Ада", 24);
        assert!(line.lacks || inked(&line) > 60);
        // Joined letters are narrower than the same ones apart.
        let (joined, apart) = (lettering.line("محمد", 24), lettering.line("م ح م د", 24));
        assert!(joined.lacks || joined.width < apart.width);
        assert!(lettering.line("\u{10ffff}", 24).lacks);
    }
}
