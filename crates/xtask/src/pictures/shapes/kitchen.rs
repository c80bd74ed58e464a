//! What is brewed and cooked with.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Metal, Paper, Shade, Wood};
use crate::pictures::canvas::{Canvas, area, blob, curve, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("dripper", dripper),
    ("kettle", kettle),
    ("grinder", grinder),
    ("moka pot", moka_pot),
    ("French press", french_press),
    ("filter paper", filter_paper),
    ("teapot", teapot),
    ("skillet", skillet),
    ("casserole", casserole),
    ("wok", wok),
    ("knife", knife),
    ("torch", torch),
    ("board", board),
    ("spoons", spoons),
];

fn dripper(c: &mut Canvas) {
    c.rod(Body, 10, curve(&[(140, 80), (168, 78), (164, 104), (128, 112)]));
    c.fill(Body, area(&[(44, 58), (156, 58), (118, 140), (82, 140)]));
    c.fill(Shade, oval((100, 58), (56, 14)));
    c.fill(Paper, area(&[(58, 58), (142, 58), (126, 66), (100, 70), (74, 66)]));
    c.fill(Body, rounded((58, 140), (84, 12), 5));
    c.mark(Shade, 3, line(&[(72, 82), (88, 128)]));
    c.mark(Shade, 3, line(&[(128, 82), (112, 128)]));
}

fn kettle(c: &mut Canvas) {
    c.rod(Body, 8, curve(&[(70, 142), (40, 138), (42, 100), (34, 74), (18, 66)]));
    c.rod(Dark, 10, curve(&[(136, 74), (172, 72), (178, 100), (166, 132)]));
    c.fill(Body, area(&[(74, 68), (138, 68), (154, 158), (58, 158)]));
    c.fill(Shade, rounded((54, 154), (104, 10), 4));
    c.fill(Shade, area(&[(76, 68), (84, 54), (128, 54), (136, 68)]));
    c.fill(Dark, rounded((99, 40), (14, 16), 5));
}

fn grinder(c: &mut Canvas) {
    c.rod(Metal, 8, line(&[(100, 46), (100, 32), (158, 32)]));
    c.fill(Wood, oval((162, 34), (12, 14)));
    c.fill(Shade, area(&[(78, 60), (86, 44), (114, 44), (122, 60)]));
    c.fill(Body, rounded((74, 58), (52, 66), 4));
    c.fill(Dark, rounded((72, 110), (56, 16), 3));
    c.fill(Body, rounded((76, 124), (48, 52), 6));
    c.mark(Shade, 4, line(&[(86, 68), (86, 100)]));
}

fn moka_pot(c: &mut Canvas) {
    c.rod(Dark, 10, line(&[(126, 56), (160, 56), (154, 96)]));
    c.fill(Body, area(&[(66, 58), (50, 44), (78, 50), (128, 50), (120, 110), (80, 110)]));
    c.fill(Shade, area(&[(76, 50), (100, 34), (128, 50)]));
    c.fill(Dark, oval((101, 30), (7, 7)));
    c.fill(Shade, rounded((76, 106), (48, 12), 3));
    c.fill(Body, area(&[(78, 118), (122, 118), (136, 174), (64, 174)]));
    c.mark(Shade, 3, line(&[(90, 122), (84, 170)]));
    c.mark(Shade, 3, line(&[(110, 122), (116, 170)]));
    c.mark(Shade, 3, line(&[(90, 56), (92, 104)]));
    c.mark(Shade, 3, line(&[(112, 56), (109, 104)]));
}

fn french_press(c: &mut Canvas) {
    c.rod(Metal, 6, line(&[(92, 48), (92, 24)]));
    c.fill(Dark, oval((92, 22), (9, 9)));
    c.rod(Dark, 12, curve(&[(126, 78), (164, 78), (166, 142), (126, 146)]));
    c.fill(Body, area(&[(56, 62), (46, 56), (66, 52), (130, 52), (130, 172), (56, 172)]));
    c.fill(Shade, area(&[(58, 58), (70, 42), (116, 42), (128, 58)]));
    c.fill(Shade, rounded((52, 164), (82, 12), 4));
    c.mark(Shade, 5, line(&[(68, 74), (68, 150)]));
}

fn filter_paper(c: &mut Canvas) {
    for shift in [14, 7, 0] {
        c.fill(
            Body,
            area(&[
                (34 + shift, 62 - shift),
                (100 + shift, 50 - shift),
                (162 + shift, 62 - shift),
                (118 + shift, 158 - shift),
                (78 + shift, 158 - shift),
            ]),
        );
    }
    c.mark(Shade, 3, line(&[(44, 64), (84, 150)]));
    c.mark(Shade, 2, line(&[(84, 150), (116, 150)]));
}

fn teapot(c: &mut Canvas) {
    c.rod(Dark, 7, curve(&[(52, 88), (60, 38), (100, 26), (140, 38), (148, 88)]));
    c.fill(Body, area(&[(52, 126), (22, 84), (36, 78), (66, 98)]));
    c.fill(Body, blob(&[(44, 120), (62, 84), (100, 74), (138, 84), (156, 120), (136, 154), (100, 160), (64, 154)]));
    c.fill(Shade, blob(&[(72, 80), (84, 72), (100, 69), (116, 72), (128, 80), (100, 85)]));
    c.fill(Dark, oval((100, 66), (7, 6)));
    for (x, y) in [(64, 116), (82, 122), (118, 122), (136, 116), (72, 134), (100, 138), (128, 134)] {
        c.mark(Shade, 4, line(&[(x, y), (x + 1, y)]));
    }
}

fn skillet(c: &mut Canvas) {
    c.fill(Body, area(&[(126, 106), (188, 168), (172, 184), (106, 126)]));
    c.fill(Shade, oval((171, 167), (5, 5)));
    c.fill(Body, oval((86, 86), (66, 66)));
    c.fill(Body, area(&[(22, 100), (12, 112), (28, 118)]));
    c.mark(Shade, 4, oval((86, 86), (54, 54)));
    c.mark(Shade, 3, curve(&[(56, 72), (68, 58), (84, 52)]));
}

fn casserole(c: &mut Canvas) {
    c.rod(Body, 9, curve(&[(46, 96), (24, 94), (26, 116), (46, 114)]));
    c.rod(Body, 9, curve(&[(154, 96), (176, 94), (174, 116), (154, 114)]));
    c.fill(Body, area(&[(40, 84), (160, 84), (156, 148), (140, 160), (60, 160), (44, 148)]));
    c.fill(Body, blob(&[(36, 82), (60, 60), (100, 52), (140, 60), (164, 82), (100, 86)]));
    c.fill(Brass, rounded((90, 38), (20, 15), 6));
    c.mark(Shade, 4, curve(&[(58, 74), (76, 66), (96, 63)]));
    c.mark(Shade, 4, line(&[(58, 102), (62, 142)]));
}

fn wok(c: &mut Canvas) {
    c.rod(Wood, 13, line(&[(140, 84), (188, 54)]));
    c.rod(Metal, 6, curve(&[(28, 96), (12, 92), (14, 80), (28, 84)]));
    c.fill(Body, area(&[(22, 82), (158, 82), (148, 116), (124, 142), (58, 142), (34, 116)]));
    c.fill(Shade, oval((90, 82), (68, 14)));
}

fn knife(c: &mut Canvas) {
    c.fill(Metal, area(&[(8, 116), (14, 92), (26, 82), (94, 82), (94, 124), (20, 124)]));
    c.mark(Paper, 3, line(&[(22, 118), (88, 118)]));
    c.fill(Dark, rounded((90, 82), (10, 28), 2));
    c.fill(Body, area(&[(96, 82), (180, 84), (192, 98), (184, 114), (130, 108), (96, 110)]));
    for x in [116, 142, 168] {
        c.fill(Brass, oval((x, 97), (4, 4)));
    }
}

fn torch(c: &mut Canvas) {
    c.fill(Brass, blob(&[(14, 62), (34, 52), (46, 58), (46, 66), (34, 72)]));
    c.fill(Metal, rounded((44, 52), (46, 20), 4));
    c.fill(Dark, area(&[(84, 44), (122, 44), (138, 78), (84, 82)]));
    c.fill(Dark, rounded((68, 84), (18, 26), 6));
    c.fill(Body, area(&[(88, 78), (138, 74), (134, 160), (86, 160)]));
    c.mark(Shade, 4, line(&[(124, 90), (121, 148)]));
    c.fill(Dark, rounded((70, 158), (80, 16), 5));
}

fn board(c: &mut Canvas) {
    c.fill(Body, rounded((22, 48), (156, 104), 10));
    for row in [0, 1, 2] {
        for column in [0, 1, 2, 3] {
            if (row + column) % 2 == 1 {
                c.mark(Shade, 16, line(&[(52 + 32 * column, 72 + 28 * row), (60 + 32 * column, 72 + 28 * row)]));
            }
        }
    }
    c.mark(Shade, 3, rounded((30, 56), (140, 88), 8));
    c.fill(Dark, rounded((162, 88), (8, 24), 4));
}

fn spoons(c: &mut Canvas) {
    c.rod(Body, 12, line(&[(60, 84), (74, 178)]));
    c.fill(Body, oval((56, 54), (20, 30)));
    c.mark(Shade, 3, oval((56, 54), (12, 21)));
    c.rod(Body, 12, line(&[(140, 84), (126, 178)]));
    c.fill(Body, rounded((124, 24), (38, 62), 8));
    c.rod(Body, 12, line(&[(100, 70), (100, 178)]));
    c.fill(Body, oval((100, 50), (20, 30)));
    for x in [94, 106] {
        c.mark(Dark, 3, line(&[(x, 40), (x, 62)]));
    }
}
