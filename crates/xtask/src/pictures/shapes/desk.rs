//! What is written with and on.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Brass, Dark, Metal, Paper, Shade};
use crate::pictures::canvas::{Canvas, area, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("notebook", notebook),
    ("fountain pen", fountain_pen),
    ("ink bottle", ink_bottle),
    ("pencils", pencils),
    ("letter set", letter_set),
    ("planner", planner),
];

fn notebook(c: &mut Canvas) {
    c.fill(Paper, rounded((54, 34), (102, 140), 4));
    c.fill(Body, rounded((46, 28), (104, 140), 6));
    c.fill(Shade, area(&[(46, 30), (60, 28), (60, 168), (46, 166)]));
    for y in [44, 68, 92, 116, 140] {
        c.mark(Paper, 2, line(&[(53, y), (53, y + 12)]));
    }
    c.fill(Paper, rounded((78, 50), (54, 32), 3));
    c.mark(Dark, 2, line(&[(86, 62), (124, 62)]));
    c.mark(Dark, 2, line(&[(86, 71), (110, 71)]));
}

fn fountain_pen(c: &mut Canvas) {
    c.fill(Metal, area(&[(22, 178), (34, 148), (52, 166)]));
    c.mark(Dark, 2, line(&[(26, 174), (38, 162)]));
    c.fill(Dark, area(&[(34, 148), (44, 138), (62, 156), (52, 166)]));
    c.fill(Body, area(&[(42, 136), (94, 84), (116, 106), (64, 158)]));
    c.fill(Body, area(&[(90, 82), (152, 20), (164, 18), (180, 34), (180, 48), (118, 110)]));
    c.mark(Shade, 4, line(&[(112, 74), (156, 30)]));
    c.rod(Metal, 6, line(&[(172, 40), (126, 86)]));
}

fn ink_bottle(c: &mut Canvas) {
    c.fill(Dark, rounded((74, 30), (52, 30), 6));
    c.fill(Metal, area(&[(80, 58), (120, 58), (120, 72), (80, 72)]));
    c.fill(Body, area(&[(62, 70), (138, 70), (162, 96), (162, 158), (152, 168), (48, 168), (38, 158), (38, 96)]));
    c.fill(Paper, rounded((62, 114), (76, 40), 4));
    c.fill(Body, oval((100, 136), (10, 12)));
    c.mark(Paper, 4, line(&[(50, 102), (62, 86)]));
}

fn pencils(c: &mut Canvas) {
    for x in [36, 62, 114, 140] {
        pencil(c, x);
    }
    pencil(c, 88);
    c.fill(Shade, rounded((26, 136), (148, 40), 5));
    c.fill(Paper, rounded((70, 146), (60, 20), 3));
}

fn pencil(c: &mut Canvas, x: i16) {
    c.fill(Body, area(&[(x, 60), (x + 24, 60), (x + 24, 150), (x, 150)]));
    c.mark(Shade, 2, line(&[(x + 6, 64), (x + 6, 136)]));
    c.mark(Shade, 2, line(&[(x + 18, 64), (x + 18, 136)]));
    c.fill(Paper, area(&[(x, 60), (x + 12, 26), (x + 24, 60)]));
    c.fill(Dark, area(&[(x + 9, 35), (x + 12, 26), (x + 15, 35)]));
}

fn letter_set(c: &mut Canvas) {
    c.fill(Body, rounded((52, 26), (96, 110), 3));
    for y in [42, 54] {
        c.mark(Shade, 3, line(&[(66, y), (134, y)]));
    }
    c.fill(Body, rounded((24, 70), (152, 100), 4));
    c.mark(Shade, 3, line(&[(28, 166), (78, 122)]));
    c.mark(Shade, 3, line(&[(172, 166), (122, 122)]));
    c.fill(Body, area(&[(26, 72), (174, 72), (100, 136)]));
    c.fill(Brass, oval((100, 134), (11, 11)));
}

fn planner(c: &mut Canvas) {
    c.fill(Paper, rounded((22, 46), (156, 122), 5));
    c.fill(Body, rounded((22, 38), (156, 26), 5));
    for x in [44, 72, 100, 128, 156] {
        c.fill(Metal, rounded((x - 3, 28), (6, 18), 3));
    }
    for x in [48, 74, 126, 152] {
        c.mark(Body, 2, line(&[(x, 68), (x, 162)]));
    }
    c.fill(Body, area(&[(78, 76), (122, 76), (122, 124), (78, 124)]));
    c.mark(Body, 2, line(&[(26, 128), (174, 128)]));
}
