//! A square to draw on with a few fillings and flat outlines, measured in steps from the upper left corner.

use anyhow::{Context as _, Result};
use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

/// The side of a picture, in pixels.
pub(crate) const SIDE: u32 = 800;
/// Pixels a step: the middle is at (100, 100).
const STEP: f32 = 4.0;
/// How wide the outline of everything is, in steps.
const OUTLINE: i16 = 2;

/// A place, or a width and a height, in steps.
pub(super) type Steps = (i16, i16);
/// Red, green and blue.
pub(crate) type Rgb = [u8; 3];

/// What something is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// The colour of the product.
    Body,
    /// The same in the shade; of a dark colour, in the light.
    Shade,
    /// The other colour of a product of two.
    Second,
    Paper,
    Wood,
    Metal,
    Brass,
    Leaf,
    Dark,
}

/// A picture while it is drawn.
pub(crate) struct Canvas {
    pixels: Pixmap,
    body: Rgb,
    second: Rgb,
}

impl Canvas {
    /// A plain ground, for a product of these colours.
    pub(crate) fn new(body: Rgb, second: Option<Rgb>) -> Result<Self> {
        let mut pixels = Pixmap::new(SIDE, SIDE).context("no memory for a picture")?;
        pixels.fill(colour([0xe6, 0xdf, 0xd2]));
        let mut canvas = Self { pixels, body, second: second.unwrap_or([0xfa, 0xf7, 0xf0]) };
        canvas.paint(oval((100, 100), (90, 90)).as_ref(), [0xf2, 0xed, 0xe3]);
        Ok(canvas)
    }

    /// An area with an outline.
    pub(super) fn fill(&mut self, tone: Tone, path: Option<Path>) {
        self.paint(path.as_ref(), self.rgb(tone));
        self.mark(Tone::Dark, OUTLINE, path);
    }

    /// A rod, wire or strap along a path, with an outline.
    pub(super) fn rod(&mut self, tone: Tone, width: i16, path: Option<Path>) {
        self.mark(Tone::Dark, width + OUTLINE, path.clone());
        self.mark(tone, width - OUTLINE, path);
    }

    /// A line along a path.
    pub(super) fn mark(&mut self, tone: Tone, width: i16, path: Option<Path>) {
        let stroke = Stroke {
            width: f32::from(width),
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let paint = paint(self.rgb(tone));
        if let Some(path) = path {
            self.pixels.stroke_path(&path, &paint, &stroke, Transform::from_scale(STEP, STEP), None);
        }
    }

    /// The picture as a PNG file.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        self.pixels.encode_png().context("encoding a picture")
    }

    fn paint(&mut self, path: Option<&Path>, rgb: Rgb) {
        if let Some(path) = path {
            let scale = Transform::from_scale(STEP, STEP);
            self.pixels.fill_path(path, &paint(rgb), FillRule::Winding, scale, None);
        }
    }

    fn rgb(&self, tone: Tone) -> Rgb {
        match tone {
            Tone::Body => self.body,
            Tone::Shade => shaded(self.body),
            Tone::Second => self.second,
            Tone::Paper => [0xfa, 0xf7, 0xf0],
            Tone::Wood => [0xb9, 0x8a, 0x5a],
            Tone::Metal => [0xbd, 0xc2, 0xc4],
            Tone::Brass => [0xc8, 0x9f, 0x4e],
            Tone::Leaf => [0x6f, 0x8f, 0x5a],
            Tone::Dark => [0x2e, 0x2a, 0x28],
        }
    }
}

fn colour([red, green, blue]: Rgb) -> Color {
    Color::from_rgba8(red, green, blue, u8::MAX)
}

fn paint(rgb: Rgb) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(colour(rgb));
    paint
}

fn shaded(rgb: Rgb) -> Rgb {
    let sum: u16 = rgb.into_iter().map(u16::from).sum();
    // A fifth of the way to black, or of what is nearly black, to white.
    let towards = if sum < 240 { u16::from(u8::MAX) } else { 0 };
    rgb.map(|part| u8::try_from((u16::from(part) * 4 + towards) / 5).unwrap_or(u8::MAX))
}

/// Straight from place to place, and back to the first.
pub(super) fn area(corners: &[Steps]) -> Option<Path> {
    let mut builder = along(corners);
    builder.close();
    builder.finish()
}

/// Straight from place to place.
pub(super) fn line(places: &[Steps]) -> Option<Path> {
    along(places).finish()
}

/// In smooth curves through all places, and back to the first.
pub(super) fn blob(places: &[Steps]) -> Option<Path> {
    let count = places.len();
    let mut builder = PathBuilder::new();
    let &(x, y) = places.first()?;
    builder.move_to(f32::from(x), f32::from(y));
    for at in 0..count {
        bend(&mut builder, [0, 1, 2, 3].map(|ahead| places[(at + count - 1 + ahead) % count]));
    }
    builder.close();
    builder.finish()
}

/// In smooth curves through all places.
pub(super) fn curve(places: &[Steps]) -> Option<Path> {
    let last = places.len().checked_sub(1)?;
    let mut builder = PathBuilder::new();
    builder.move_to(f32::from(places[0].0), f32::from(places[0].1));
    for at in 0..last {
        bend(&mut builder, [places[at.saturating_sub(1)], places[at], places[at + 1], places[(at + 2).min(last)]]);
    }
    builder.finish()
}

/// A rectangle by its upper left corner and its size, with its corners cut to quarters of a circle.
pub(super) fn rounded((left, top): Steps, (width, height): Steps, radius: i16) -> Option<Path> {
    let (right, bottom) = (left + width, top + height);
    let [x0, x1, x2, x3] = [left, left + radius, right - radius, right].map(f32::from);
    let [y0, y1, y2, y3] = [top, top + radius, bottom - radius, bottom].map(f32::from);
    let mut builder = PathBuilder::new();
    builder.move_to(x1, y0);
    builder.line_to(x2, y0);
    builder.quad_to(x3, y0, x3, y1);
    builder.line_to(x3, y2);
    builder.quad_to(x3, y3, x2, y3);
    builder.line_to(x1, y3);
    builder.quad_to(x0, y3, x0, y2);
    builder.line_to(x0, y1);
    builder.quad_to(x0, y0, x1, y0);
    builder.close();
    builder.finish()
}

/// An ellipse by its middle and its radii.
pub(super) fn oval((x, y): Steps, (across, down): Steps) -> Option<Path> {
    let [left, top, right, bottom] = [x - across, y - down, x + across, y + down].map(f32::from);
    PathBuilder::from_oval(Rect::from_ltrb(left, top, right, bottom)?)
}

fn along(places: &[Steps]) -> PathBuilder {
    let mut builder = PathBuilder::new();
    for (at, &(x, y)) in places.iter().enumerate() {
        let [x, y] = [x, y].map(f32::from);
        if at == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
    }
    builder
}

/// From the second place to the third, in the directions that their neighbours give (a Catmull-Rom spline).
fn bend(builder: &mut PathBuilder, places: [Steps; 4]) {
    let [before, from, to, after] = places.map(|(x, y)| (f32::from(x), f32::from(y)));
    let leaving = (from.0 + (to.0 - before.0) / 6.0, from.1 + (to.1 - before.1) / 6.0);
    let arriving = (to.0 - (after.0 - from.0) / 6.0, to.1 - (after.1 - from.1) / 6.0);
    builder.cubic_to(leaving.0, leaving.1, arriving.0, arriving.1, to.0, to.1);
}

#[cfg(test)]
impl Canvas {
    pub(super) fn middle(&self) -> Option<Rgb> {
        let pixel = self.pixels.pixel(SIDE / 2, SIDE / 2)?;
        Some([pixel.red(), pixel.green(), pixel.blue()])
    }
}
