//! What stands, hangs and lies about at home.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Leaf, Metal, Paper, Second, Shade};
use crate::pictures::canvas::{Canvas, area, blob, curve, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("candle", candle),
    ("soap", soap),
    ("basket", basket),
    ("hook", hook),
    ("planter", planter),
    ("alarm clock", alarm_clock),
    ("duvet cover", duvet_cover),
    ("towel", towel),
    ("throw", throw),
    ("tea towels", tea_towels),
    ("tablecloth", tablecloth),
    ("cushion", cushion),
];

fn candle(c: &mut Canvas) {
    c.fill(Body, rounded((50, 78), (100, 88), 14));
    c.fill(Paper, oval((100, 78), (50, 13)));
    c.mark(Dark, 3, line(&[(100, 76), (100, 62)]));
    c.fill(Brass, blob(&[(100, 66), (90, 52), (101, 26), (110, 52)]));
    c.mark(Shade, 5, line(&[(64, 102), (64, 146)]));
}

fn soap(c: &mut Canvas) {
    c.fill(Shade, area(&[(140, 80), (168, 58), (168, 128), (140, 154)]));
    c.fill(Shade, area(&[(36, 80), (64, 58), (168, 58), (140, 80)]));
    c.fill(Body, rounded((36, 80), (104, 74), 6));
    c.mark(Shade, 3, rounded((48, 90), (80, 54), 5));
    c.mark(Shade, 4, line(&[(64, 110), (112, 110)]));
    c.mark(Shade, 4, line(&[(72, 124), (104, 124)]));
    for (x, y, r) in [(44, 46, 8), (62, 34, 5), (176, 156, 7)] {
        c.fill(Paper, oval((x, y), (r, r)));
    }
}

fn basket(c: &mut Canvas) {
    c.rod(Body, 8, curve(&[(46, 76), (42, 46), (66, 42), (74, 70)]));
    c.rod(Body, 8, curve(&[(126, 70), (134, 42), (158, 46), (154, 76)]));
    c.fill(Body, blob(&[(40, 72), (100, 70), (160, 72), (158, 120), (142, 164), (100, 168), (58, 164), (42, 120)]));
    for (row, y) in [88, 106, 124, 142].into_iter().enumerate() {
        let shift = if row % 2 == 0 { 0 } else { 10 };
        for x in [52, 72, 92, 112, 132] {
            c.mark(Shade, 3, curve(&[(x + shift, y), (x + shift + 6, y + 5), (x + shift + 12, y)]));
        }
    }
    c.fill(Shade, oval((100, 72), (60, 12)));
}

fn hook(c: &mut Canvas) {
    c.rod(Body, 18, curve(&[(100, 80), (100, 128), (112, 156), (140, 152), (150, 122)]));
    c.fill(Body, oval((151, 116), (14, 14)));
    c.fill(Body, rounded((78, 28), (44, 84), 18));
    c.fill(Metal, oval((100, 44), (7, 7)));
    c.mark(Dark, 2, line(&[(96, 40), (104, 48)]));
    c.fill(Metal, oval((100, 84), (7, 7)));
    c.mark(Dark, 2, line(&[(96, 88), (104, 80)]));
}

fn planter(c: &mut Canvas) {
    c.rod(Leaf, 5, curve(&[(100, 74), (98, 54), (100, 34)]));
    for (x, y, across) in [(78, 50, 22), (124, 46, 22), (100, 28, 12)] {
        c.fill(Leaf, oval((x, y), (across, 12)));
    }
    c.fill(Body, rounded((48, 156), (104, 16), 6));
    c.fill(Body, area(&[(56, 88), (144, 88), (130, 160), (70, 160)]));
    c.fill(Body, rounded((48, 70), (104, 24), 5));
    c.mark(Shade, 5, line(&[(70, 106), (78, 146)]));
}

fn alarm_clock(c: &mut Canvas) {
    c.rod(Body, 11, line(&[(62, 160), (50, 178)]));
    c.rod(Body, 11, line(&[(138, 160), (150, 178)]));
    c.fill(Body, oval((58, 46), (26, 20)));
    c.fill(Body, oval((142, 46), (26, 20)));
    c.fill(Dark, rounded((93, 22), (14, 24), 5));
    c.fill(Shade, oval((100, 110), (66, 66)));
    c.fill(Body, oval((100, 110), (54, 54)));
    for (x, y) in [(100, 64), (146, 110), (100, 156), (54, 110)] {
        c.mark(Shade, 6, line(&[(x, y), (x + 1, y)]));
    }
    c.mark(Dark, 6, line(&[(100, 116), (78, 96)]));
    c.mark(Brass, 5, line(&[(100, 116), (134, 90)]));
    c.fill(Dark, oval((100, 117), (5, 5)));
}

fn duvet_cover(c: &mut Canvas) {
    c.fill(Paper, rounded((34, 36), (60, 34), 10));
    c.fill(Paper, rounded((106, 36), (60, 34), 10));
    c.fill(Body, rounded((24, 62), (152, 110), 12));
    c.fill(Shade, rounded((24, 62), (152, 24), 10));
    c.mark(Shade, 3, curve(&[(60, 112), (66, 132), (58, 156)]));
    c.mark(Shade, 3, curve(&[(126, 104), (120, 126), (130, 154)]));
    for x in [52, 84, 116, 148] {
        c.fill(Paper, oval((x, 74), (4, 4)));
    }
}

fn towel(c: &mut Canvas) {
    c.rod(Metal, 9, line(&[(22, 40), (178, 40)]));
    c.fill(Body, area(&[(50, 36), (150, 36), (150, 170), (50, 170)]));
    for y in [58, 78, 122, 142] {
        c.mark(Shade, 2, line(&[(54, y), (146, y)]));
    }
    for x in [70, 90, 110, 130] {
        c.mark(Shade, 2, line(&[(x, 50), (x, 150)]));
    }
    c.fill(Shade, area(&[(50, 152), (150, 152), (150, 160), (50, 160)]));
}

fn throw(c: &mut Canvas) {
    for x in [42, 58, 74, 90, 106, 122, 138, 154] {
        c.mark(Dark, 5, line(&[(x + 2, 156), (x + 2, 176)]));
        c.mark(Body, 3, line(&[(x + 2, 156), (x + 2, 176)]));
    }
    c.fill(Body, rounded((34, 36), (132, 124), 8));
    for x in [50, 82, 114, 146] {
        for y in [50, 72, 112, 134] {
            c.mark(Shade, 3, line(&[(x - 10, y + 10), (x, y), (x + 10, y + 10)]));
        }
    }
    c.mark(Shade, 4, line(&[(38, 154), (162, 154)]));
}

fn tea_towels(c: &mut Canvas) {
    c.fill(Second, rounded((62, 34), (102, 128), 4));
    c.mark(Body, 5, line(&[(66, 48), (160, 48)]));
    c.mark(Dark, 3, curve(&[(86, 46), (84, 30), (92, 30), (92, 46)]));
    c.fill(Second, rounded((36, 46), (102, 128), 4));
    for x in [58, 100, 116] {
        c.mark(Body, 7, line(&[(x, 51), (x, 169)]));
    }
    for y in [64, 156] {
        c.mark(Body, 7, line(&[(41, y), (133, y)]));
    }
}

fn tablecloth(c: &mut Canvas) {
    c.rod(Shade, 9, line(&[(52, 110), (52, 178)]));
    c.rod(Shade, 9, line(&[(148, 110), (148, 178)]));
    c.fill(
        Body,
        area(&[
            (44, 62),
            (156, 62),
            (184, 92),
            (180, 134),
            (150, 122),
            (118, 136),
            (84, 124),
            (52, 136),
            (20, 126),
            (16, 92),
        ]),
    );
    c.mark(Shade, 3, line(&[(16, 92), (184, 92)]));
    c.mark(Second, 4, line(&[(52, 70), (148, 70), (164, 85), (36, 85), (52, 70)]));
}

fn cushion(c: &mut Canvas) {
    c.fill(Body, blob(&[(34, 36), (100, 46), (166, 36), (156, 100), (166, 166), (100, 156), (34, 166), (44, 100)]));
    for (x, y) in [(72, 72), (128, 72), (72, 128), (128, 128)] {
        for (across, down) in [(12, 4), (4, 12)] {
            c.mark(Second, 3, oval((x, y), (across, down)));
        }
    }
    c.mark(Second, 3, line(&[(100, 80), (120, 100), (100, 120), (80, 100), (100, 80)]));
}
