//! What is worn and carried.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Paper, Second, Shade, Wood};
use crate::pictures::canvas::{Canvas, area, blob, curve, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("T-shirt", t_shirt),
    ("striped top", striped_top),
    ("jumper", jumper),
    ("jacket", jacket),
    ("shirt", shirt),
    ("socks", socks),
    ("tote bag", tote_bag),
    ("rucksack", rucksack),
    ("belt", belt),
    ("beanie", beanie),
];

fn short_sleeves(c: &mut Canvas) {
    c.fill(
        Body,
        area(&[
            (76, 40),
            (124, 40),
            (150, 50),
            (180, 86),
            (156, 104),
            (142, 90),
            (142, 168),
            (58, 168),
            (58, 90),
            (44, 104),
            (20, 86),
            (50, 50),
        ]),
    );
}

fn long_sleeves(c: &mut Canvas) {
    c.fill(
        Body,
        area(&[
            (76, 38),
            (124, 38),
            (148, 48),
            (164, 84),
            (180, 158),
            (158, 164),
            (142, 98),
            (142, 168),
            (58, 168),
            (58, 98),
            (42, 164),
            (20, 158),
            (36, 84),
            (52, 48),
        ]),
    );
}

fn t_shirt(c: &mut Canvas) {
    short_sleeves(c);
    c.fill(Shade, blob(&[(76, 39), (100, 41), (124, 39), (116, 54), (100, 60), (84, 54)]));
    c.mark(Shade, 2, line(&[(58, 90), (56, 74)]));
    c.mark(Shade, 2, line(&[(142, 90), (144, 74)]));
    c.mark(Shade, 2, line(&[(60, 160), (140, 160)]));
}

fn striped_top(c: &mut Canvas) {
    long_sleeves(c);
    for y in [76, 90, 112, 126, 140, 154] {
        c.mark(Second, 6, line(&[(64, y), (136, y)]));
    }
    for (x, y) in [(40, 92), (36, 112), (31, 132)] {
        c.mark(Second, 6, line(&[(x, y), (x + 11, y + 2)]));
        c.mark(Second, 6, line(&[(200 - x, y), (189 - x, y + 2)]));
    }
    c.mark(Dark, 2, line(&[(58, 98), (60, 76)]));
    c.mark(Dark, 2, line(&[(142, 98), (140, 76)]));
    c.fill(Shade, blob(&[(74, 38), (100, 40), (126, 38), (116, 47), (100, 50), (84, 47)]));
}

fn jumper(c: &mut Canvas) {
    long_sleeves(c);
    c.fill(Shade, area(&[(58, 154), (142, 154), (142, 168), (58, 168)]));
    c.fill(Shade, area(&[(23, 146), (46, 151), (42, 164), (20, 158)]));
    c.fill(Shade, area(&[(177, 146), (154, 151), (158, 164), (180, 158)]));
    c.fill(Dark, blob(&[(80, 38), (100, 40), (120, 38), (114, 50), (100, 54), (86, 50)]));
    c.rod(Shade, 7, curve(&[(76, 38), (84, 54), (100, 60), (116, 54), (124, 38)]));
    c.mark(Shade, 3, line(&[(58, 98), (74, 48)]));
    c.mark(Shade, 3, line(&[(142, 98), (126, 48)]));
}

fn collar(c: &mut Canvas) {
    c.fill(Paper, area(&[(84, 38), (116, 38), (100, 70)]));
    c.fill(Body, area(&[(78, 34), (88, 32), (100, 70), (84, 66), (72, 46)]));
    c.fill(Body, area(&[(122, 34), (112, 32), (100, 70), (116, 66), (128, 46)]));
}

fn jacket(c: &mut Canvas) {
    long_sleeves(c);
    collar(c);
    c.mark(Dark, 2, line(&[(108, 72), (108, 167)]));
    for y in [84, 106, 128, 150] {
        c.fill(Wood, oval((115, y), (4, 4)));
    }
    c.fill(Shade, rounded((64, 120), (30, 34), 4));
    c.fill(Shade, rounded((122, 120), (15, 34), 4));
    c.fill(Shade, rounded((66, 80), (22, 24), 4));
}

fn shirt(c: &mut Canvas) {
    short_sleeves(c);
    collar(c);
    c.mark(Dark, 2, line(&[(108, 72), (108, 167)]));
    for y in [88, 112, 136] {
        c.fill(Paper, oval((114, y), (4, 4)));
    }
    c.fill(Shade, rounded((66, 82), (26, 28), 4));
}

fn sock(c: &mut Canvas, (x, y): (i16, i16)) {
    c.fill(
        Body,
        area(&[
            (x, y),
            (x + 42, y),
            (x + 42, y + 76),
            (x + 72, y + 98),
            (x + 78, y + 116),
            (x + 66, y + 128),
            (x + 42, y + 126),
            (x + 4, y + 102),
            (x, y + 84),
        ]),
    );
    c.fill(Shade, area(&[(x, y), (x + 42, y), (x + 42, y + 22), (x, y + 22)]));
    for rib in [10, 21, 32] {
        c.mark(Body, 2, line(&[(x + rib, y + 4), (x + rib, y + 18)]));
    }
    c.fill(Shade, area(&[(x + 72, y + 98), (x + 78, y + 116), (x + 66, y + 128), (x + 50, y + 127), (x + 60, y + 92)]));
    c.mark(Shade, 4, curve(&[(x + 4, y + 82), (x + 20, y + 86), (x + 22, y + 108)]));
}

fn socks(c: &mut Canvas) {
    sock(c, (86, 28));
    sock(c, (48, 42));
}

fn tote_bag(c: &mut Canvas) {
    c.rod(Shade, 9, curve(&[(72, 92), (74, 36), (100, 22), (126, 36), (128, 92)]));
    c.fill(Body, area(&[(44, 76), (156, 76), (164, 174), (36, 174)]));
    c.rod(Body, 9, curve(&[(72, 100), (72, 60), (82, 32), (100, 26), (118, 32), (128, 60), (128, 100)]));
    c.mark(Shade, 3, line(&[(46, 86), (62, 86)]));
    c.mark(Shade, 3, line(&[(138, 86), (154, 86)]));
    c.mark(Shade, 3, line(&[(42, 156), (158, 156)]));
}

fn rucksack(c: &mut Canvas) {
    c.rod(Wood, 8, curve(&[(86, 44), (88, 24), (112, 24), (114, 44)]));
    c.fill(Shade, rounded((34, 104), (26, 54), 8));
    c.fill(Shade, rounded((140, 104), (26, 54), 8));
    c.fill(Body, rounded((50, 48), (100, 126), 16));
    c.fill(Shade, rounded((46, 38), (108, 26), 10));
    c.fill(Shade, rounded((62, 118), (76, 44), 8));
    for x in [74, 118] {
        c.fill(Wood, rounded((x, 56), (8, 74), 3));
        c.fill(Brass, rounded((x - 3, 110), (14, 12), 3));
    }
}

fn belt(c: &mut Canvas) {
    c.rod(Body, 24, oval((100, 100), (66, 52)));
    c.fill(Body, rounded((62, 88), (124, 26), 6));
    for x in [118, 134, 150, 166] {
        c.fill(Dark, oval((x, 101), (3, 3)));
    }
    c.rod(Brass, 8, rounded((50, 80), (36, 42), 6));
    c.mark(Dark, 7, line(&[(66, 101), (90, 101)]));
    c.mark(Brass, 5, line(&[(66, 101), (90, 101)]));
}

fn beanie(c: &mut Canvas) {
    c.fill(Body, blob(&[(40, 126), (50, 74), (82, 42), (118, 42), (150, 74), (160, 126), (100, 136)]));
    for (top, bottom) in
        [((84, 52), (70, 116)), ((116, 52), (130, 116)), ((66, 72), (54, 112)), ((134, 72), (146, 112))]
    {
        c.mark(Shade, 3, line(&[top, bottom]));
    }
    c.fill(Shade, rounded((32, 118), (136, 42), 12));
    for x in [50, 70, 90, 110, 130, 150] {
        c.mark(Body, 3, line(&[(x, 126), (x, 152)]));
    }
}
