//! A picture that is written to a file whose name somebody gave.

use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, RgbImage};

use crate::files;

const JPEG_QUALITY: u8 = 92;

/// Where a picture goes, in the format that the name ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
}

/// Why no picture was written.
#[derive(Debug, thiserror::Error)]
pub enum PictureFileError {
    /// Its name says no format, or another.
    #[error(
        "{0}: pictures are written as JPEG or PNG, as the name ends; end it with .jpg, .jpeg or .png"
    )]
    OtherFormat(PathBuf),
    /// One that is read would be lost.
    #[error("{path} is the picture {input} itself; name another file")]
    Input { path: PathBuf, input: PathBuf },
    /// The file system refused.
    #[error("cannot write {path}: {source}")]
    Refused { path: PathBuf, source: io::Error },
    /// It has no place in the format.
    #[error("cannot write {path}: {source}")]
    Encoding { path: PathBuf, source: ImageError },
}

impl PictureFile {
    /// By its name.
    ///
    /// # Errors
    /// [`PictureFileError::OtherFormat`]
    pub fn named(path: &Path) -> Result<Self, PictureFileError> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let format = match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("jpg" | "jpeg") => Format::Jpeg,
            Some("png") => Format::Png,
            _ => return Err(PictureFileError::OtherFormat(path.into())),
        };
        Ok(Self {
            path: path.into(),
            format,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// That it is none of the files that are read, under whatever name or link.
    ///
    /// # Errors
    /// [`PictureFileError::Input`]
    pub fn is_none_of(&self, inputs: &[PathBuf]) -> Result<(), PictureFileError> {
        match inputs
            .iter()
            .find(|input| files::is_same(&self.path, input))
        {
            Some(input) => Err(PictureFileError::Input {
                path: self.path.clone(),
                input: input.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Writes the picture, over an ordinary file that may be there.
    ///
    /// # Errors
    /// [`PictureFileError::Refused`], [`PictureFileError::Encoding`]
    pub fn write(&self, image: &RgbImage) -> Result<(), PictureFileError> {
        let bytes = self
            .encoded(image)
            .map_err(|source| self.encoding(source))?;
        files::create(&self.path)
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|source| PictureFileError::Refused {
                path: self.path.clone(),
                source,
            })
    }

    fn encoded(&self, image: &RgbImage) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        match self.format {
            Format::Png => image.write_to(&mut bytes, image::ImageFormat::Png)?,
            Format::Jpeg => {
                JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(image)?;
            }
        }
        Ok(bytes.into_inner())
    }

    fn encoding(&self, source: ImageError) -> PictureFileError {
        PictureFileError::Encoding {
            path: self.path.clone(),
            source,
        }
    }
}
