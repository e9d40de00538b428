//! Turns a folder of frames into what a camera would send, for the virtual one:
//! `feed FORMAT FOLDER OUT`, with FORMAT yuyv, nv12, yu12, grey or mjpg.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use image::RgbImage;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, folder, out] = &arguments[..] else {
        bail!("usage: feed yuyv|nv12|yu12|grey|mjpg FOLDER OUT");
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.clone())?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    paths.sort();
    let mut out = std::io::BufWriter::new(std::fs::File::create(out)?);
    for path in paths {
        if format == "mjpg" {
            out.write_all(&std::fs::read(path)?)?;
            continue;
        }
        let image = image::open(&path)?.to_rgb8();
        out.write_all(&match format.as_str() {
            "yuyv" => yuyv(&image),
            "nv12" => nv12(&image),
            "yu12" => yu12(&image),
            "grey" => image.pixels().map(|p| ycbcr(p.0)[0]).collect(),
            other => bail!("{other} is no format of this tool"),
        })?;
    }
    out.flush()?;
    Ok(())
}

/// BT.601, limited range.
fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(|v| f32::from(v) / 255.0);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [
        16.0 + 219.0 * y,
        128.0 + 224.0 * (b - y) / 1.772,
        128.0 + 224.0 * (r - y) / 1.402,
    ]
    .map(|v| v.round() as u8)
}

fn yuyv(image: &RgbImage) -> Vec<u8> {
    let pixels: Vec<[u8; 3]> = image.pixels().map(|p| ycbcr(p.0)).collect();
    let pairs = pixels.as_chunks::<2>().0;
    pairs
        .iter()
        .flat_map(|[a, b]| [a[0], a[1], b[0], b[2]])
        .collect()
}

fn nv12(image: &RgbImage) -> Vec<u8> {
    let mut bytes: Vec<u8> = image.pixels().map(|p| ycbcr(p.0)[0]).collect();
    for y in (0..image.height()).step_by(2) {
        for x in (0..image.width()).step_by(2) {
            let [_, u, v] = ycbcr(image.get_pixel(x, y).0);
            bytes.extend([u, v]);
        }
    }
    bytes
}

/// As NV12, the two kinds of chroma each by itself.
fn yu12(image: &RgbImage) -> Vec<u8> {
    let luma = (image.width() * image.height()) as usize;
    let mut bytes = nv12(image);
    let chroma = bytes.split_off(luma);
    bytes.extend(chroma.iter().step_by(2));
    bytes.extend(chroma.iter().skip(1).step_by(2));
    bytes
}
