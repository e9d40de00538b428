//! Pieces cut out of a picture and brought to a size.

use fast_image_resize as fir;
use image::RgbImage;

/// Cuts `[left, top, width, height]`, in pixels of `image` and within it, and scales that to
/// `target`'s size; nothing, and `target` undefined, where it does not lie within the picture.
pub(super) fn scale_into(
    resizer: &mut fir::Resizer,
    image: &RgbImage,
    [left, top, width, height]: [f64; 4],
    how: fir::ResizeAlg,
    target: &mut RgbImage,
) -> Option<()> {
    let options = fir::ResizeOptions::new()
        .crop(left, top, width, height)
        .resize_alg(how);
    let (columns, rows) = image.dimensions();
    let kind = fir::PixelType::U8x3;
    let source = fir::images::ImageRef::new(columns, rows, image.as_raw(), kind).ok()?;
    let (columns, rows) = target.dimensions();
    let pixels = target.as_flat_samples_mut().samples;
    let mut target = fir::images::Image::from_slice_u8(columns, rows, pixels, kind).ok()?;
    resizer.resize(&source, &mut target, &options).ok()
}
