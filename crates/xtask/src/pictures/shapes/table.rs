//! What is eaten and drunk from.

use super::Shape;
use crate::pictures::canvas::Tone::{Body, Dark, Paper, Shade};
use crate::pictures::canvas::{Canvas, area, blob, curve, line, oval, rounded};

pub(super) const KINDS: &[(&str, Shape)] = &[
    ("mug", mug),
    ("enamel mug", enamel_mug),
    ("cup and saucer", cup_and_saucer),
    ("tumbler", tumbler),
    ("plate", plate),
    ("bowl", bowl),
    ("cutlery", cutlery),
];

fn cup(c: &mut Canvas) {
    c.rod(Body, 13, curve(&[(136, 78), (168, 78), (172, 126), (134, 136)]));
    c.fill(Body, area(&[(46, 58), (140, 58), (138, 152), (128, 162), (58, 162), (48, 152)]));
}

fn mug(c: &mut Canvas) {
    cup(c);
    c.fill(Shade, oval((93, 58), (47, 12)));
    for (x, y) in [(66, 92), (84, 126), (118, 90), (70, 144), (112, 138), (124, 116), (88, 82), (62, 114)] {
        c.mark(Shade, 4, line(&[(x, y), (x + 1, y)]));
    }
}

fn enamel_mug(c: &mut Canvas) {
    cup(c);
    c.fill(Paper, oval((93, 58), (47, 12)));
    c.mark(Dark, 5, oval((93, 58), (47, 12)));
    c.mark(Shade, 4, line(&[(60, 80), (61, 144)]));
    c.mark(Dark, 4, line(&[(52, 160), (134, 160)]));
}

fn cup_and_saucer(c: &mut Canvas) {
    c.fill(Shade, oval((100, 146), (80, 18)));
    c.fill(Body, oval((100, 142), (80, 16)));
    c.rod(Body, 9, curve(&[(136, 84), (162, 82), (160, 112), (130, 118)]));
    c.fill(Body, area(&[(52, 70), (144, 70), (138, 110), (122, 136), (76, 136), (58, 110)]));
    c.fill(Shade, oval((98, 70), (46, 12)));
    c.fill(Dark, oval((98, 72), (38, 8)));
}

fn tumbler(c: &mut Canvas) {
    c.fill(Body, area(&[(50, 48), (150, 48), (138, 168), (62, 168)]));
    c.fill(Shade, oval((100, 48), (50, 12)));
    c.mark(Paper, 5, line(&[(64, 76), (70, 148)]));
    c.mark(Shade, 4, line(&[(66, 156), (134, 156)]));
    for (x, y) in [(116, 84), (126, 120), (88, 132), (112, 142)] {
        c.mark(Shade, 2, oval((x, y), (3, 3)));
    }
}

fn plate(c: &mut Canvas) {
    c.fill(Shade, oval((100, 100), (78, 78)));
    c.fill(Body, oval((100, 100), (70, 70)));
    c.mark(Shade, 3, oval((100, 100), (48, 48)));
    c.mark(Paper, 4, curve(&[(50, 78), (62, 60), (80, 48)]));
}

fn bowl(c: &mut Canvas) {
    c.fill(Body, blob(&[(22, 84), (100, 88), (178, 84), (152, 134), (100, 152), (48, 134)]));
    c.fill(Shade, rounded((74, 148), (52, 14), 5));
    c.fill(Shade, oval((100, 74), (78, 18)));
    c.mark(Shade, 3, curve(&[(42, 112), (70, 124), (110, 122), (156, 110)]));
    c.mark(Shade, 3, curve(&[(66, 138), (100, 136), (134, 134)]));
}

fn cutlery(c: &mut Canvas) {
    c.rod(Body, 10, line(&[(52, 84), (52, 172)]));
    c.fill(Body, area(&[(38, 28), (66, 28), (66, 70), (58, 86), (46, 86), (38, 70)]));
    for x in [47, 57] {
        c.mark(Dark, 3, line(&[(x, 30), (x, 58)]));
    }
    c.fill(Body, area(&[(92, 106), (92, 34), (104, 26), (112, 44), (112, 106)]));
    c.fill(Body, rounded((94, 92), (14, 84), 6));
    c.rod(Body, 10, line(&[(148, 84), (148, 172)]));
    c.fill(Body, oval((148, 56), (17, 30)));
    c.mark(Shade, 3, oval((148, 56), (10, 21)));
}
