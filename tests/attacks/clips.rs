//! Clips of people that the project does not carry, in pieces.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use image::RgbImage;

use crate::support::{Need, lacks, research_data};
use scenery::stage::SIZE;

/// Of a piece, in frames.
const PIECE: usize = 45;

/// The clips' pieces of three seconds, at 15 frames a second; none where there are no clips or
/// nothing to read them with.
pub fn pieces(most: usize) -> Vec<Vec<RgbImage>> {
    let Some(folder) = research_data("clips") else {
        return Vec::new();
    };
    let runs = Command::new("ffmpeg").arg("-version").output();
    if !runs.is_ok_and(|output| output.status.success()) {
        lacks(Need::Data, "ffmpeg is not here, which reads the clips");
        return Vec::new();
    }
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "mp4"))
        .collect();
    paths.sort();
    let all = paths.iter().flat_map(|path| of(path, most));
    all.collect()
}

fn of(path: &Path, most: usize) -> Vec<Vec<RgbImage>> {
    let [width, height] = SIZE;
    let fit = format!(
        "fps=15,scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
    );
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(path)
        .args([
            "-an", "-vf", &fit, "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = ffmpeg.stdout.take().unwrap();
    let mut pieces = Vec::new();
    while pieces.len() < most {
        let mut piece = Vec::new();
        while piece.len() < PIECE {
            let mut pixels = vec![0; (width * height * 3) as usize];
            if out.read_exact(&mut pixels).is_err() {
                break;
            }
            piece.extend(RgbImage::from_raw(width, height, pixels));
        }
        if piece.len() < PIECE {
            break;
        }
        pieces.push(piece);
    }
    drop(out);
    let _ = ffmpeg.kill();
    let _ = ffmpeg.wait();
    pieces
}
