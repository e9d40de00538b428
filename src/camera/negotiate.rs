//! Which of a camera's formats and sizes is used: a pure choice.

use crate::config::{self, Format};

/// How a frame's bytes are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Packed YUV 4:2:2, 2 bytes a pixel.
    Yuyv,
    /// Semi-planar YUV 4:2:0, 1.5 bytes a pixel.
    Nv12,
    /// One JPEG a frame.
    Mjpg,
    /// 8 bit luma.
    Grey,
    /// As YUYV, in the order U, Y, V, Y.
    Uyvy,
    /// As YUYV, with U and V exchanged.
    Yvyu,
    /// Planar YUV 4:2:0, 1.5 bytes a pixel; I420 elsewhere.
    Yu12,
    /// Red, green, blue, 3 bytes a pixel.
    Rgb3,
    /// Blue, green, red, 3 bytes a pixel.
    Bgr3,
    /// Luma of up to 16 bits, the low byte first.
    Y16,
}

impl Layout {
    /// Those that most cameras have first, the cheapest to decode first among them.
    pub(super) const ALL: [Self; 10] = [
        Self::Yuyv,
        Self::Nv12,
        Self::Mjpg,
        Self::Grey,
        Self::Uyvy,
        Self::Yvyu,
        Self::Yu12,
        Self::Rgb3,
        Self::Bgr3,
        Self::Y16,
    ];

    /// V4L2's code (`V4L2_PIX_FMT_…`).
    pub fn fourcc(self) -> [u8; 4] {
        *match self {
            Self::Yuyv => b"YUYV",
            Self::Nv12 => b"NV12",
            Self::Mjpg => b"MJPG",
            Self::Grey => b"GREY",
            Self::Uyvy => b"UYVY",
            Self::Yvyu => b"YVYU",
            Self::Yu12 => b"YU12",
            Self::Rgb3 => b"RGB3",
            Self::Bgr3 => b"BGR3",
            Self::Y16 => b"Y16 ",
        }
    }

    /// The layout of a V4L2 code, if it is known here. Many cameras call Motion JPEG `JPEG`;
    /// `NM12` and `YM12` are those whose planes lie in a buffer each.
    pub fn of(fourcc: [u8; 4]) -> Option<Self> {
        let other_name = match &fourcc {
            b"JPEG" => Some(Self::Mjpg),
            b"NM12" => Some(Self::Nv12),
            b"YM12" | b"I420" => Some(Self::Yu12),
            _ => None,
        };
        Self::ALL
            .into_iter()
            .find(|layout| layout.fourcc() == fourcc)
            .or(other_name)
    }

    /// Whether a configured format means this one.
    pub(super) fn asked_for_by(self, format: Format) -> bool {
        match format {
            Format::Auto => true,
            Format::Yuyv => self == Self::Yuyv,
            Format::Mjpg => self == Self::Mjpg,
            Format::Nv12 => self == Self::Nv12,
            Format::Grey => self == Self::Grey,
            Format::Y16 => self == Self::Y16,
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.fourcc()).trim())
    }
}

/// A range of frame sizes a camera offers; a discrete one has equal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Smallest width and height.
    pub least: (u32, u32),
    /// Largest width and height.
    pub most: (u32, u32),
    /// Steps between them, at least 1.
    pub step: (u32, u32),
}

impl Sizes {
    /// The size in this range that serves best instead of the asked one: the
    /// smallest that is not smaller, else the largest.
    fn nearest(self, asked: (u32, u32)) -> (u32, u32) {
        let side = |least: u32, most: u32, step: u32, asked: u32| {
            let over = asked.clamp(least, most.max(least)) - least;
            let up = over.div_ceil(step.max(1)).saturating_mul(step.max(1));
            least.saturating_add(up).min(most.max(least))
        };
        (
            side(self.least.0, self.most.0, self.step.0, asked.0),
            side(self.least.1, self.most.1, self.step.1, asked.1),
        )
    }
}

/// One format a camera offers. Without sizes it does not tell, and any may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// V4L2's code.
    pub fourcc: [u8; 4],
    /// Its sizes.
    pub sizes: Vec<Sizes>,
}

impl std::fmt::Display for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.fourcc).trim())?;
        for (number, sizes) in self.sizes.iter().enumerate() {
            let separator = if number == 0 { " " } else { ", " };
            let ((w, h), (most_w, most_h)) = (sizes.least, sizes.most);
            write!(f, "{separator}{w}x{h}")?;
            if (w, h) != (most_w, most_h) {
                write!(f, " to {most_w}x{most_h}")?;
            }
        }
        Ok(())
    }
}

/// What to ask the driver for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub layout: Layout,
    /// V4L2's code for it, as the camera has it.
    pub fourcc: [u8; 4],
    /// Width and height.
    pub size: (u32, u32),
}

/// Chooses; `None` if nothing that is asked for is offered. A format that has the
/// asked size goes before one that is cheaper to decode.
pub fn choose(offers: &[Offer], config: &config::Camera) -> Option<Choice> {
    let asked = (config.width, config.height);
    let rank = |choice: &Choice| {
        let too_small = choice.size.0 < asked.0 || choice.size.1 < asked.1;
        let pixels = u64::from(choice.size.0) * u64::from(choice.size.1);
        let wanted = u64::from(asked.0) * u64::from(asked.1);
        let order = Layout::ALL.iter().position(|l| *l == choice.layout);
        (too_small, pixels.abs_diff(wanted), order)
    };
    offers
        .iter()
        .filter_map(|offer| Some((Layout::of(offer.fourcc)?, offer)))
        .filter(|(layout, _)| layout.asked_for_by(config.format))
        .flat_map(|(layout, offer)| {
            let choice = move |size| Choice {
                layout,
                fourcc: offer.fourcc,
                size,
            };
            let untold = offer.sizes.is_empty().then(|| choice(asked));
            let told = offer.sizes.iter().map(move |s| choice(s.nearest(asked)));
            told.chain(untold)
        })
        .min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exactly(width: u32, height: u32) -> Sizes {
        Sizes {
            least: (width, height),
            most: (width, height),
            step: (1, 1),
        }
    }

    fn chosen(offers: &[(&[u8; 4], &[Sizes])], format: Format) -> Option<(Layout, (u32, u32))> {
        let offers: Vec<_> = offers
            .iter()
            .map(|(fourcc, sizes)| Offer {
                fourcc: **fourcc,
                sizes: sizes.to_vec(),
            })
            .collect();
        let config = config::Camera {
            format,
            ..Default::default()
        };
        choose(&offers, &config).map(|c| (c.layout, c.size))
    }

    #[test]
    fn the_asked_size_in_the_cheapest_format_wins() {
        let vga = &[exactly(1280, 720), exactly(640, 480), exactly(320, 240)][..];
        let hd = &[exactly(1920, 1080)][..];
        let small = &[exactly(320, 240)][..];
        let any = &[Sizes {
            least: (16, 16),
            most: (1920, 1080),
            step: (16, 8),
        }][..];
        let auto = Format::Auto;
        for (offers, format, expected) in [
            (
                &[(b"MJPG", vga), (b"YUYV", vga)][..],
                auto,
                Some((Layout::Yuyv, (640, 480))),
            ),
            // A webcam that has the size in JPEG only.
            (
                &[(b"MJPG", vga), (b"YUYV", small)][..],
                auto,
                Some((Layout::Mjpg, (640, 480))),
            ),
            (
                &[(b"YUYV", hd), (b"YUYV", small)][..],
                auto,
                Some((Layout::Yuyv, (1920, 1080))),
            ),
            (
                &[(b"GREY", small)][..],
                auto,
                Some((Layout::Grey, (320, 240))),
            ),
            (
                &[(b"NV12", any), (b"H264", vga)][..],
                auto,
                Some((Layout::Nv12, (640, 480))),
            ),
            (
                &[(b"NV12", &[][..])][..],
                auto,
                Some((Layout::Nv12, (640, 480))),
            ),
            (
                &[(b"JPEG", vga)][..],
                Format::Mjpg,
                Some((Layout::Mjpg, (640, 480))),
            ),
            // The usual ones first, whatever is offered first.
            (
                &[(b"UYVY", vga), (b"Y16 ", vga), (b"GREY", vga)][..],
                auto,
                Some((Layout::Grey, (640, 480))),
            ),
            (
                &[(b"BGR3", vga), (b"YM12", vga)][..],
                auto,
                Some((Layout::Yu12, (640, 480))),
            ),
            (&[(b"YUYV", vga)][..], Format::Mjpg, None),
            (&[(b"H264", vga)][..], auto, None),
            (&[][..], auto, None),
        ] {
            assert_eq!(chosen(offers, format), expected, "{offers:?} {format:?}");
        }
    }
}
