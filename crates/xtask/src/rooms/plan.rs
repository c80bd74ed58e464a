//! How the files of a package, and its rooms, need each other.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{self, Arrows};
use super::modules::Package;

/// A room: a first-level module with all below it, or the file at the root of a target.
type Room = (usize, String);

/// Names that one file imports from another.
pub(super) type Imports = BTreeMap<(usize, usize), BTreeSet<String>>;

/// The plan of a package.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// From file to file, with the names.
    pub(super) imports: Imports,
    /// The same of files that hold the importing module: they are one room, and no circle is made of them.
    pub(super) inner: Arrows,
    /// Paths into other crates, by the file that writes them.
    pub(super) foreign: BTreeSet<(usize, Vec<String>)>,
    /// The names of the rooms.
    pub(super) rooms: Vec<String>,
    /// The room of each file.
    pub(super) room_of: Vec<usize>,
}

impl Plan {
    pub(super) fn of(package: &Package) -> Self {
        let mut plan = Self::default();
        for (index, module) in package.modules.iter().enumerate() {
            for mention in &module.mentions {
                let Some((file, name)) = package.named(index, mention) else {
                    plan.foreign.insert((module.file, mention.path.clone()));
                    continue;
                };
                if file == module.file {
                    continue;
                }
                if package.holds(file, index) {
                    plan.inner.insert((module.file, file));
                } else {
                    plan.imports.entry((module.file, file)).or_default().insert(name);
                }
            }
        }
        plan.find_rooms(package);
        plan
    }

    fn find_rooms(&mut self, package: &Package) {
        let mut known: BTreeMap<Room, usize> = BTreeMap::new();
        self.room_of = vec![0; package.files.len()];
        for module in &package.modules {
            let root = &package.modules[module.root];
            let name = module.path.first().cloned().unwrap_or_default();
            // A module in braces is in the room of its file.
            if package.modules.iter().any(|other| other.file == module.file && other.path.len() < module.path.len()) {
                continue;
            }
            let number = *known.entry((module.root, name.clone())).or_insert_with(|| {
                let file = package.files[root.file].path.display();
                let is_main = package.library.as_ref().map_or(module.root == 0, |(_, library)| *library == module.root);
                self.rooms.push(match (name.is_empty(), is_main) {
                    (true, _) => file.to_string(),
                    (false, true) => name,
                    (false, false) => format!("{name} ({file})"),
                });
                self.rooms.len() - 1
            });
            self.room_of[module.file] = number;
        }
    }

    /// Imports, from file to file.
    pub(super) fn files(&self) -> Arrows {
        self.imports.keys().copied().collect()
    }

    /// Files that import each other in a circle.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let groups = graph::groups(self.room_of.len(), &self.files());
        groups.into_iter().filter(|group| group.len() > 1).collect()
    }

    /// From room to room: one arrow, however many files import.
    pub(super) fn rooms_arrows(&self) -> Arrows {
        let rooms = self.imports.keys().map(|(from, to)| (self.room_of[*from], self.room_of[*to]));
        rooms.filter(|(from, to)| from != to).collect()
    }
}
