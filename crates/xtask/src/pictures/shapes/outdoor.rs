//! What is taken along.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Metal, Paper, Shade, Wood};
use crate::pictures::canvas::{Canvas, area, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[("flask", flask), ("pocket knife", pocket_knife), ("tarp", tarp)];

fn flask(c: &mut Canvas) {
    c.fill(Body, area(&[(80, 58), (120, 58), (134, 78), (134, 170), (126, 178), (74, 178), (66, 170), (66, 78)]));
    c.fill(Metal, rounded((76, 22), (48, 38), 6));
    c.mark(Dark, 2, line(&[(78, 48), (122, 48)]));
    c.fill(Shade, area(&[(66, 150), (134, 150), (134, 160), (66, 160)]));
    c.mark(Paper, 4, line(&[(78, 88), (78, 136)]));
}

fn pocket_knife(c: &mut Canvas) {
    c.fill(Metal, area(&[(74, 88), (14, 64), (6, 46), (24, 50), (86, 72)]));
    c.fill(Brass, area(&[(70, 66), (88, 70), (82, 106), (66, 100)]));
    c.fill(Body, area(&[(84, 70), (140, 88), (184, 112), (190, 128), (178, 136), (130, 124), (80, 106)]));
    c.fill(Dark, oval((174, 122), (4, 4)));
    c.mark(Shade, 3, line(&[(112, 108), (150, 122)]));
}

fn tarp(c: &mut Canvas) {
    c.rod(Wood, 7, line(&[(100, 52), (100, 172)]));
    c.mark(Dark, 2, line(&[(100, 52), (14, 170)]));
    c.mark(Dark, 2, line(&[(100, 52), (186, 170)]));
    c.fill(Body, area(&[(100, 40), (172, 128), (136, 136), (100, 126), (64, 136), (28, 128)]));
    c.fill(Shade, area(&[(100, 40), (172, 128), (136, 136), (112, 129)]));
    for place in [(34, 127), (66, 132), (134, 132), (166, 126)] {
        c.fill(Metal, oval(place, (3, 3)));
    }
}
