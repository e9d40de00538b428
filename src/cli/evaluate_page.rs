//! The figures of an evaluation as a page with curves.

use std::fmt::Write;

use plotters::prelude::*;

use crate::evidence::report::{Report, Scoring};

const SIZE: (u32, u32) = (640, 400);
const COLOURS: [RGBColor; 2] = [RGBColor(40, 90, 170), RGBColor(200, 90, 30)];

/// One HTML page that needs nothing else.
pub(super) fn page(report: &Report) -> anyhow::Result<String> {
    let mut page = String::from(
        "<!doctype html><meta charset=\"utf-8\"><title>doorward evaluate</title>\
         <style>body{font-family:sans-serif;max-width:45em;margin:2em auto}td,th{padding:.2em .8em;text-align:right}</style>",
    );
    write!(
        page,
        "<h1>{}</h1><p>{}: {} people, {} photos, no face in {}.</p>",
        escape(&report.model),
        escape(&report.who),
        report.people,
        report.photos,
        report.failed_to_enrol
    )?;
    page.push_str("<h2>Errors: false matches and false non-matches</h2>");
    page.push_str(&det(&report.scorings)?);
    for scoring in &report.scorings {
        write!(page, "<h2>{}: scores</h2>", scoring.name)?;
        page.push_str(&histogram(scoring)?);
        page.push_str("<table><tr><th>photos<th>frames<th>FMR<th>score<th>TAR<th>95 %</tr>");
        for v in &scoring.verification {
            for at in &v.at {
                write!(
                    page,
                    "<tr><td>{}<td>{}<td>{:.0e}<td>{:.3}<td>{:.4}<td>{:.4} to {:.4}</tr>",
                    v.photos, v.frames, at.fmr, at.threshold, at.tar, at.low, at.high
                )?;
            }
        }
        page.push_str("</table><table><tr><th>people<th>photos<th>frames<th>FPIR<th>FNIR</tr>");
        for i in &scoring.identification {
            write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{:.4}<td>{:.4}</tr>",
                i.people, i.photos, i.frames, i.fpir, i.fnir
            )?;
        }
        page.push_str("</table>");
    }
    Ok(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Shares of genuine and impostor pairs over the score.
fn histogram(scoring: &Scoring) -> anyhow::Result<String> {
    let coarse: Vec<(f64, f64, f64)> = scoring
        .histogram
        .chunks(64)
        .map(|bins| {
            let sum = |of: fn(&(f64, u64, u64)) -> u64| bins.iter().map(of).sum::<u64>() as f64;
            (
                bins.first().map_or(0.0, |b| b.0),
                sum(|b| b.1),
                sum(|b| b.2),
            )
        })
        .collect();
    let genuine: f64 = coarse.iter().map(|b| b.1).sum();
    let impostor: f64 = coarse.iter().map(|b| b.2).sum();
    let top = coarse
        .iter()
        .map(|b| (b.1 / genuine).max(b.2 / impostor))
        .fold(0.0, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(35)
            .y_label_area_size(50)
            .build_cartesian_2d(-1.0..1.0, 0.0..top * 1.05)?;
        chart
            .configure_mesh()
            .x_desc("score")
            .y_desc("share of pairs")
            .draw()?;
        chart
            .draw_series(LineSeries::new(
                coarse.iter().map(|b| (b.0, b.1 / genuine)),
                COLOURS[0],
            ))?
            .label("same person")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 15, y)], COLOURS[0]));
        chart
            .draw_series(LineSeries::new(
                coarse.iter().map(|b| (b.0, b.2 / impostor)),
                COLOURS[1],
            ))?
            .label("different people")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 15, y)], COLOURS[1]));
        chart.configure_series_labels().draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// False non-match rate over false match rate, both on logarithmic axes.
fn det(scorings: &[Scoring]) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(35)
            .y_label_area_size(60)
            .build_cartesian_2d((1e-6..1.0).log_scale(), (1e-4..1.0).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("false match rate")
            .y_desc("false non-match rate")
            .draw()?;
        for (scoring, colour) in scorings.iter().zip(COLOURS) {
            let genuine: u64 = scoring.histogram.iter().map(|b| b.1).sum();
            let impostor: u64 = scoring.histogram.iter().map(|b| b.2).sum();
            let (mut under, mut over) = (0, impostor);
            let curve: Vec<(f64, f64)> = scoring
                .histogram
                .iter()
                .map(|(_, g, i)| {
                    under += g;
                    over -= i;
                    (over as f64 / impostor as f64, under as f64 / genuine as f64)
                })
                .filter(|(fmr, fnmr)| *fmr >= 1e-6 && *fnmr >= 1e-4)
                .collect();
            chart
                .draw_series(LineSeries::new(curve, colour))?
                .label(scoring.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 15, y)], colour));
        }
        chart.configure_series_labels().draw()?;
        area.present()?;
    }
    Ok(svg)
}
