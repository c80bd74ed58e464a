//! What is eaten and drunk, as it is sold.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Leaf, Metal, Paper, Shade, Wood};
use crate::pictures::canvas::{Canvas, area, blob, curve, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("coffee bag", coffee_bag),
    ("tea bag", tea_bag),
    ("tea tin", tea_tin),
    ("box", carton),
    ("sauce bottle", sauce_bottle),
    ("jar", jar),
    ("tin", tin),
    ("oil can", oil_can),
    ("sardine tin", sardine_tin),
    ("pasta", pasta),
    ("dates", dates),
];

fn pouch(c: &mut Canvas) {
    c.fill(Body, area(&[(56, 34), (144, 34), (150, 62), (152, 172), (48, 172), (50, 62)]));
    c.fill(Shade, area(&[(56, 34), (144, 34), (147, 48), (53, 48)]));
    c.mark(Shade, 2, line(&[(50, 158), (150, 158)]));
    c.fill(Paper, rounded((66, 108), (68, 42), 4));
}

fn coffee_bag(c: &mut Canvas) {
    pouch(c);
    c.fill(Metal, oval((100, 74), (7, 7)));
    c.fill(Wood, oval((100, 129), (12, 16)));
    c.mark(Dark, 2, curve(&[(103, 114), (96, 124), (104, 134), (97, 144)]));
}

fn leaf(c: &mut Canvas, (x, y): (i16, i16)) {
    c.fill(Leaf, blob(&[(x, y + 16), (x - 14, y + 2), (x + 2, y - 16), (x + 13, y + 1)]));
    c.mark(Dark, 2, line(&[(x, y + 20), (x + 1, y - 4)]));
}

fn tea_bag(c: &mut Canvas) {
    pouch(c);
    leaf(c, (100, 128));
}

fn tea_tin(c: &mut Canvas) {
    c.fill(Body, rounded((54, 58), (92, 114), 8));
    c.fill(Shade, rounded((50, 36), (100, 28), 8));
    c.fill(Paper, oval((100, 134), (30, 27)));
    leaf(c, (100, 132));
}

fn carton(c: &mut Canvas) {
    c.fill(Body, area(&[(40, 66), (128, 66), (128, 168), (40, 168)]));
    c.fill(Shade, area(&[(128, 66), (160, 46), (160, 148), (128, 168)]));
    c.fill(Paper, area(&[(40, 66), (72, 46), (160, 46), (128, 66)]));
    c.fill(Paper, rounded((54, 120), (60, 34), 3));
    c.mark(Dark, 3, line(&[(64, 132), (104, 132)]));
    c.mark(Dark, 2, line(&[(64, 143), (92, 143)]));
}

fn sauce_bottle(c: &mut Canvas) {
    c.fill(Body, area(&[(90, 44), (110, 44), (112, 72), (128, 94), (128, 176), (72, 176), (72, 94), (88, 72)]));
    c.fill(Dark, rounded((87, 22), (26, 26), 5));
    c.fill(Paper, rounded((72, 112), (56, 46), 2));
    c.fill(Body, blob(&[(88, 128), (104, 126), (118, 140), (104, 142), (90, 138)]));
    c.mark(Leaf, 4, curve(&[(88, 132), (82, 128), (80, 122)]));
}

fn jar(c: &mut Canvas) {
    c.fill(Body, rounded((52, 62), (96, 110), 18));
    c.fill(Brass, rounded((56, 38), (88, 28), 6));
    c.mark(Dark, 2, line(&[(56, 52), (144, 52)]));
    c.fill(Paper, rounded((64, 112), (72, 40), 4));
    c.mark(Dark, 3, line(&[(76, 126), (124, 126)]));
    c.mark(Dark, 2, line(&[(84, 138), (116, 138)]));
    c.mark(Paper, 4, line(&[(64, 80), (64, 98)]));
}

fn tin(c: &mut Canvas) {
    c.fill(Body, area(&[(48, 62), (152, 62), (152, 150), (48, 150)]));
    c.fill(Metal, oval((100, 152), (52, 14)));
    c.fill(Body, area(&[(48, 66), (152, 66), (152, 144), (130, 152), (100, 155), (70, 152), (48, 144)]));
    c.fill(Metal, oval((100, 62), (52, 16)));
    c.mark(Dark, 2, oval((100, 62), (42, 11)));
    c.fill(Paper, rounded((68, 108), (64, 34), 4));
    c.mark(Dark, 3, line(&[(80, 120), (120, 120)]));
    c.mark(Dark, 2, line(&[(88, 130), (112, 130)]));
}

fn oil_can(c: &mut Canvas) {
    c.fill(Metal, rounded((110, 22), (20, 24), 3));
    c.rod(Metal, 8, curve(&[(62, 50), (64, 34), (80, 32), (92, 50)]));
    c.fill(Body, rounded((50, 46), (100, 128), 8));
    c.mark(Shade, 4, line(&[(60, 56), (60, 164)]));
    c.fill(Paper, oval((100, 136), (30, 26)));
    c.rod(Wood, 3, curve(&[(82, 148), (98, 136), (116, 126)]));
    c.fill(Leaf, oval((94, 128), (6, 9)));
    c.fill(Leaf, oval((110, 142), (6, 9)));
}

fn sardine_tin(c: &mut Canvas) {
    c.fill(Metal, rounded((26, 62), (148, 84), 26));
    c.fill(Body, rounded((36, 70), (128, 66), 20));
    c.fill(Metal, blob(&[(52, 122), (76, 113), (104, 114), (126, 122), (104, 130), (76, 131)]));
    c.fill(Metal, area(&[(124, 122), (140, 112), (140, 132)]));
    c.mark(Dark, 3, line(&[(64, 120), (65, 120)]));
    c.rod(Metal, 5, oval((100, 82), (18, 7)));
}

fn pasta(c: &mut Canvas) {
    for (x, y) in [(60, 118), (112, 124), (86, 78)] {
        c.fill(Body, area(&[(x - 30, y - 16), (x + 34, y - 22), (x + 34, y + 22), (x - 30, y + 28)]));
        for ridge in [-8, 3, 14] {
            c.mark(Shade, 2, line(&[(x - 18, y + ridge + 1), (x + 26, y + ridge - 3)]));
        }
        c.fill(Body, oval((x - 30, y + 6), (9, 22)));
        c.fill(Dark, oval((x - 30, y + 6), (4, 15)));
    }
}

fn dates(c: &mut Canvas) {
    c.fill(Paper, oval((100, 146), (74, 22)));
    for (x, y) in [(62, 128), (138, 128), (100, 134), (82, 98), (120, 98)] {
        c.fill(
            Body,
            blob(&[
                (x - 26, y),
                (x - 12, y - 17),
                (x + 16, y - 15),
                (x + 27, y + 2),
                (x + 12, y + 17),
                (x - 16, y + 15),
            ]),
        );
        c.mark(Shade, 2, curve(&[(x - 16, y + 4), (x - 2, y + 9), (x + 14, y + 6)]));
    }
}
