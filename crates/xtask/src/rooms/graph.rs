//! Circles, order and floors of things that need each other.

use std::collections::{BTreeMap, BTreeSet};

/// From what needs to what is needed, by number.
pub(super) type Arrows = BTreeSet<(usize, usize)>;

/// So many things that need each other have all their orders compared; of more, orders are improved step by step.
const FEW: usize = 18;

/// Those that need each other in a circle, directly or through others; what a group needs comes before it. A thing in no circle
/// is a group by itself.
pub(super) fn groups(count: usize, arrows: &Arrows) -> Vec<Vec<usize>> {
    let (index, low) = (vec![None; count], vec![0; count]);
    let mut search = Search { arrows, index, low, next: 0, open: Vec::new(), groups: Vec::new() };
    for thing in 0..count {
        if search.index[thing].is_none() {
            search.enter(thing);
        }
    }
    search.groups
}

/// Tarjan's search for strongly connected components.
struct Search<'a> {
    arrows: &'a Arrows,
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    next: usize,
    open: Vec<usize>,
    groups: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn enter(&mut self, thing: usize) {
        (self.index[thing], self.low[thing]) = (Some(self.next), self.next);
        self.next += 1;
        self.open.push(thing);
        let arrows = self.arrows;
        for (_, needed) in arrows.range((thing, 0)..=(thing, usize::MAX)) {
            match self.index[*needed] {
                None => {
                    self.enter(*needed);
                    self.low[thing] = self.low[thing].min(self.low[*needed]);
                }
                Some(index) if self.open.contains(needed) => self.low[thing] = self.low[thing].min(index),
                Some(_) => {}
            }
        }
        if self.index[thing] == Some(self.low[thing])
            && let Some(first) = self.open.iter().position(|open| *open == thing)
        {
            let mut group = self.open.split_off(first);
            group.sort_unstable();
            self.groups.push(group);
        }
    }
}

/// An order from the ground up in which as few arrows as possible point up.
pub(super) fn order(count: usize, arrows: &Arrows) -> Vec<usize> {
    groups(count, arrows).into_iter().flat_map(|group| ordered(&group, arrows)).collect()
}

fn ordered(group: &[usize], arrows: &Arrows) -> Vec<usize> {
    if group.len() <= FEW { best(group, arrows) } else { improved(group, arrows) }
}

/// The best of all orders, built up from the ground: of two orders of the same things only the better one can be the
/// beginning of the best.
fn best(group: &[usize], arrows: &Arrows) -> Vec<usize> {
    let needed_by = |thing: usize| {
        let below = |(at, other): (usize, &usize)| usize::from(arrows.contains(&(*other, thing))) << at;
        group.iter().enumerate().map(below).sum::<usize>()
    };
    let needed_by: Vec<usize> = group.iter().map(|thing| needed_by(*thing)).collect();
    // For each set of things at the bottom: how many arrows point up at least, and which thing is then the highest.
    let mut least = vec![(u32::MAX, 0); 1 << group.len()];
    least[0].0 = 0;
    for set in 0..least.len() {
        for (at, needed_by) in needed_by.iter().enumerate().filter(|(at, _)| set & (1 << at) == 0) {
            let up = least[set].0 + (needed_by & set).count_ones();
            let with = &mut least[set | (1 << at)];
            if up < with.0 {
                *with = (up, at);
            }
        }
    }
    let mut set = least.len() - 1;
    let mut order = Vec::new();
    while set != 0 {
        let highest = least[set].1;
        order.push(group[highest]);
        set &= !(1 << highest);
    }
    order.reverse();
    order
}

/// A good order: what needs much and is needed little stands high; then each thing is moved to its best place, as long as
/// that helps.
fn improved(group: &[usize], arrows: &Arrows) -> Vec<usize> {
    let among: Vec<(usize, usize)> =
        arrows.iter().copied().filter(|(from, to)| group.contains(from) && group.contains(to)).collect();
    let height = |thing: usize| {
        let needs = among.iter().filter(|(from, _)| *from == thing).count();
        needs.cast_signed() - among.iter().filter(|(_, to)| *to == thing).count().cast_signed()
    };
    let mut order = group.to_vec();
    order.sort_by_key(|thing| height(*thing));
    let up = |order: &[usize]| up_arrows(order, arrows).len();
    let mut fewest = up(&order);
    loop {
        let before = fewest;
        for thing in group {
            for place in 0..order.len() {
                let mut other: Vec<usize> = order.iter().copied().filter(|other| other != thing).collect();
                other.insert(place, *thing);
                let count = up(&other);
                if count < fewest {
                    (order, fewest) = (other, count);
                }
            }
        }
        if fewest == before {
            return order;
        }
    }
}

/// The arrows from something lower to something higher in this order.
pub(super) fn up_arrows(order: &[usize], arrows: &Arrows) -> Vec<(usize, usize)> {
    let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, thing)| (*thing, at)).collect();
    let is_up = |(from, to): &(usize, usize)| place.get(from).zip(place.get(to)).is_some_and(|(from, to)| from < to);
    arrows.iter().copied().filter(is_up).collect()
}

/// How many floors things have in this order: a thing stands one above the highest that it needs, arrows that point up aside.
pub(super) fn floors(order: &[usize], arrows: &Arrows) -> usize {
    let up: BTreeSet<(usize, usize)> = up_arrows(order, arrows).into_iter().collect();
    let mut floor: BTreeMap<usize, usize> = BTreeMap::new();
    for thing in order {
        let needed = arrows.range((*thing, 0)..=(*thing, usize::MAX)).filter(|arrow| !up.contains(arrow));
        let below = needed.filter_map(|(_, needed)| floor.get(needed)).max().copied().unwrap_or_default();
        floor.insert(*thing, below + 1);
    }
    floor.values().max().copied().unwrap_or_default()
}
