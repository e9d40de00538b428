//! Curves as SVG that takes its colours from the page and fits any width.

use std::fmt::{self, Write};

/// Of a chart, in its own units; the page scales it.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 38.0;

/// One axis.
pub(super) struct Axis {
    /// What it shows.
    pub title: &'static str,
    /// Its ends.
    pub range: (f64, f64),
    /// By powers of ten; the ends are over 0.
    pub logarithmic: bool,
    /// Places with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From one power of ten to another.
    pub(super) fn decades(title: &'static str, from: i32, to: i32) -> Self {
        let label = |power: i32| match power {
            0 => "100 %".to_owned(),
            -1 => "10 %".to_owned(),
            -2 => "1 %".to_owned(),
            _ => format!("1e{power}"),
        };
        Self {
            title,
            range: (10f64.powi(from), 10f64.powi(to)),
            logarithmic: true,
            ticks: (from..=to).map(|p| (10f64.powi(p), label(p))).collect(),
        }
    }

    /// With up to eight steps between round places; `range` has a length.
    pub(super) fn even(
        title: &'static str,
        range: (f64, f64),
        label: impl Fn(f64) -> String,
    ) -> Self {
        let rough = (range.1 - range.0) / 8.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|times| times * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (range.0 / step).ceil() as i64;
        let ticks = (first..first + 20)
            .map(|n| n as f64 * step)
            .take_while(|at| *at <= range.1)
            .map(|at| (at, label(at)))
            .collect();
        Self {
            title,
            range,
            logarithmic: false,
            ticks,
        }
    }

    /// 0 at the lower end, 1 at the upper; what lies beyond is brought there.
    fn place(&self, value: f64) -> f64 {
        let scaled = |v: f64| if self.logarithmic { v.ln() } else { v };
        let (from, to) = (scaled(self.range.0), scaled(self.range.1));
        ((scaled(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// A curve; its class names its colour.
pub(super) struct Curve {
    /// `a` or `b`.
    pub class: &'static str,
    /// Along it.
    pub points: Vec<(f64, f64)>,
}

/// What is marked.
pub(super) enum Mark {
    /// A score.
    Score(f64),
    /// A place on a curve.
    Place(f64, f64),
}

/// A chart; `described` says in words what it shows, and has no characters of markup.
pub(super) fn chart(
    described: &str,
    x: &Axis,
    y: &Axis,
    curves: &[Curve],
    mark: Option<Mark>,
) -> Result<String, fmt::Error> {
    let across = |v: f64| LEFT + x.place(v) * (WIDTH - LEFT - RIGHT);
    let up = |v: f64| HEIGHT - BOTTOM - y.place(v) * (HEIGHT - TOP - BOTTOM);
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{described}</title>");
    for (at, label) in &x.ticks {
        let at = across(*at);
        write!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 14.0
        )?;
    }
    for (at, label) in &y.ticks {
        let at = up(*at);
        write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 4.0,
            at + 4.0
        )?;
    }
    write!(
        svg,
        "<text x=\"{LEFT}\" y=\"11\">{}</text>\
         <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        y.title,
        HEIGHT - 6.0,
        x.title
    )?;
    for curve in curves {
        let mut path = String::new();
        for (place, (a, b)) in curve.points.iter().enumerate() {
            let step = if place == 0 { 'M' } else { 'L' };
            write!(path, "{step}{:.1} {:.1}", across(*a), up(*b))?;
        }
        write!(svg, "<path class=\"curve {}\" d=\"{path}\"/>", curve.class)?;
    }
    match mark {
        Some(Mark::Score(score)) => {
            let at = across(score);
            // The label stays inside on both sides.
            let (anchor, beside) = if at > WIDTH / 2.0 {
                ("end", at - 4.0)
            } else {
                ("start", at + 4.0)
            };
            write!(
                svg,
                "<path class=\"mark\" d=\"M{at:.1} {TOP}V{bottom}\"/>\
                 <text class=\"marked\" x=\"{beside:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">the door: {score:.3}</text>",
                TOP + 12.0
            )?;
        }
        Some(Mark::Place(a, b)) => {
            let (a, b) = (across(a), up(b));
            write!(
                svg,
                "<circle class=\"place\" cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"5\"/>\
                 <text class=\"marked\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">the door</text>",
                if a > WIDTH / 2.0 { a - 8.0 } else { a + 8.0 },
                (b - 6.0).max(TOP + 12.0),
                if a > WIDTH / 2.0 { "end" } else { "start" }
            )?;
        }
        None => {}
    }
    svg.push_str("</svg>");
    Ok(svg)
}
