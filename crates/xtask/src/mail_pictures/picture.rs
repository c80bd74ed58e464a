//! A screenshot, made small: what is below the page is cut off, and its colours are put into a palette of 256.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;

use anyhow::{Context as _, Result, ensure};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations};

type Rgb = [u8; 3];

/// Points that stay below the last one that differs from the page's ground.
const MARGIN: usize = 16;

pub(super) struct Picture {
    width: usize,
    pixels: Vec<Rgb>,
}

impl Picture {
    /// Reads a screenshot.
    pub(super) fn read(png: &[u8]) -> Result<Self> {
        let mut decoder = Decoder::new(Cursor::new(png));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().context("reading a screenshot")?;
        let mut bytes = vec![0; reader.output_buffer_size().context("a screenshot of that size does not fit")?];
        let frame = reader.next_frame(&mut bytes)?;
        let samples = frame.color_type.samples();
        ensure!(samples >= 3, "a screenshot without colours");
        let pixels = bytes[..frame.buffer_size()].chunks_exact(samples).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
        Ok(Self { width: usize::try_from(frame.width)?, pixels: pixels.collect() })
    }

    pub(super) fn width(&self) -> u32 {
        u32::try_from(self.width).unwrap_or(u32::MAX)
    }

    /// Cuts off the rows that have one colour, from the bottom; says whether there were any.
    pub(super) fn cut_below(&mut self) -> bool {
        let Some(ground) = self.pixels.last().copied() else { return false };
        let rows = self.pixels.chunks_exact(self.width);
        let (height, is_ground) = (rows.len(), |row: &[Rgb]| row.iter().all(|pixel| *pixel == ground));
        let last = rows.rev().position(|row| !is_ground(row)).map_or(0, |below| height - below);
        let kept = (last + MARGIN).min(height);
        self.pixels.truncate(kept * self.width);
        kept < height
    }

    /// The picture as a PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let (palette, indices) = self.indexed();
        let mut file = Vec::new();
        let height = u32::try_from(self.pixels.len() / self.width)?;
        let mut encoder = Encoder::new(&mut file, self.width(), height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(palette.concat());
        encoder.set_compression(Compression::High);
        encoder.set_filter(Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&indices)?;
        writer.finish()?;
        Ok(file)
    }

    /// The 256 colours that are seen most, and for each pixel the one of them that comes closest.
    fn indexed(&self) -> (Vec<Rgb>, Vec<u8>) {
        let mut seen: BTreeMap<Rgb, usize> = BTreeMap::new();
        for pixel in &self.pixels {
            *seen.entry(*pixel).or_default() += 1;
        }
        let mut colours: Vec<(Rgb, usize)> = seen.into_iter().collect();
        colours.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let palette: Vec<Rgb> = colours.iter().take(256).map(|(colour, _)| *colour).collect();
        let closest = |colour: Rgb| {
            let distance =
                |other: &Rgb| -> u32 { colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum() };
            let best = palette.iter().enumerate().min_by_key(|(_, other)| distance(other));
            best.and_then(|(index, _)| u8::try_from(index).ok()).unwrap_or_default()
        };
        let table: HashMap<Rgb, u8> = colours.iter().map(|(colour, _)| (*colour, closest(*colour))).collect();
        let indices = self.pixels.iter().map(|pixel| table[pixel]).collect();
        (palette, indices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_page_is_cut_off_and_the_rest_stays_as_it_was() {
        let ground = [244, 244, 242];
        let mut picture = Picture { width: 3, pixels: vec![ground; 3 * 100] };
        picture.pixels[3 * 40 + 1] = [1, 2, 3];
        assert!(picture.cut_below());
        assert_eq!(picture.pixels.len(), 3 * (41 + MARGIN));
        let again = Picture::read(&picture.png().unwrap()).unwrap();
        assert_eq!((again.width(), &again.pixels), (3, &picture.pixels));
        let mut full = Picture { width: 1, pixels: vec![[1, 2, 3], ground] };
        assert!(!full.cut_below(), "the page may go on below");
    }

    #[test]
    fn colours_that_are_too_many_become_the_closest_that_are_seen_most() {
        let mut pixels: Vec<Rgb> = (0..=255).flat_map(|red| [[red, 0, 0]; 4]).collect();
        pixels.push([200, 1, 0]);
        let picture = Picture { width: 1, pixels };
        let again = Picture::read(&picture.png().unwrap()).unwrap();
        assert_eq!(again.pixels[..1024], picture.pixels[..1024]);
        assert_eq!(again.pixels[1024], [200, 0, 0]);
    }
}
