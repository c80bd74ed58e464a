//! How a product of each kind looks, in whatever colour it has. The middle always shows that colour.

mod desk;
mod home;
mod kitchen;
mod larder;
mod outdoor;
mod table;
mod wear;

use super::canvas::Canvas;

/// Draws one kind of product.
pub(super) type Shape = fn(&mut Canvas);

/// The drawing of a kind, by the word that `data/pictures.json` has for it.
pub(super) fn of(kind: &str) -> Option<Shape> {
    let kinds = larder::KINDS.iter().chain(kitchen::KINDS).chain(table::KINDS).chain(home::KINDS);
    let mut kinds = kinds.chain(wear::KINDS).chain(desk::KINDS).chain(outdoor::KINDS);
    kinds.find(|(word, _)| *word == kind).map(|(_, shape)| *shape)
}
