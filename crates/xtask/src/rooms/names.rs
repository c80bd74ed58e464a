//! Which file a path names.
//!
//! A path is followed from the module that writes it, name by name, as the compiler does: modules, what `use` brought in (under
//! its new name where it has one), and what lies behind `::*`. A name that a module hands on (`pub use`) leads to the file
//! that defines it, so that it does not matter through which door a name is fetched. A name that a module seems not to have is
//! one that a macro of that module made, or a type's own (`Price::ZERO`): the file is the last one that was reached.

use super::mentions::Mention;
use super::modules::Package;

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// To a module.
    Module(usize),
    /// To something that a module defines.
    Item(usize),
}

/// The lookups that are under way: where two modules import from each other they would have no end.
type Asked = Vec<(usize, String)>;

impl Package {
    /// The file that a module's path names, and what it names there; `None` where it is another crate's.
    pub(super) fn named(&self, module: usize, mention: &Mention) -> Option<(usize, String)> {
        let path = &mention.path[..];
        let end = match path {
            // What a module has by its own name is in its own file, or was imported, which is a mention by itself.
            [name] if !mention.is_glob && !self.is_import(module, name) => {
                self.behind_globs(module, name, &mut Vec::new())?
            }
            path => self.follow(module, path, &mut Vec::new())?,
        };
        let (End::Module(found) | End::Item(found)) = end;
        // Of `Price::ZERO` the type is what is imported.
        let is_item =
            |names: &usize| matches!(self.follow(module, &path[..*names], &mut Vec::new()), Some(End::Item(_)));
        let names = (1..path.len()).find(is_item).unwrap_or(path.len());
        Some((self.modules[found].file, path.get(names - 1)?.clone()))
    }

    /// Whether it stands by itself in a `use`: `use products;`.
    fn is_import(&self, module: usize, name: &str) -> bool {
        self.modules[module].imports.get(name).is_some_and(|path| path.len() == 1)
    }

    fn follow(&self, from: usize, path: &[String], asked: &mut Asked) -> Option<End> {
        let (first, rest) = path.split_first()?;
        let mut here = match first.as_str() {
            "crate" => self.modules[from].root,
            "self" => from,
            "super" => self.modules[from].parent?,
            name => match self.find(from, name, asked).or_else(|| self.library(from, name))? {
                End::Module(module) => module,
                end @ End::Item(_) => return Some(end),
            },
        };
        for name in rest {
            here = match name.as_str() {
                "super" => self.modules[here].parent?,
                name => match self.find(here, name, asked) {
                    Some(End::Module(module)) => module,
                    Some(end @ End::Item(_)) => return Some(end),
                    // Where it was imported from another crate it is that crate's.
                    None if self.modules[here].imports.contains_key(name) => return None,
                    None => return Some(End::Item(here)),
                },
            };
        }
        Some(End::Module(here))
    }

    /// The target of this name in a module.
    fn find(&self, module: usize, name: &str, asked: &mut Asked) -> Option<End> {
        let here = &self.modules[module];
        if let Some(child) = here.children.get(name) {
            return Some(End::Module(*child));
        }
        let question = (module, name.to_owned());
        if asked.contains(&question) {
            return None;
        }
        asked.push(question);
        let imported = here.imports.get(name).and_then(|path| self.follow(module, path, asked));
        // A macro is defined and then handed on under the same name.
        let own = || here.items.contains(name).then_some(End::Item(module));
        let found = imported.or_else(own).or_else(|| self.behind_globs(module, name, asked));
        asked.pop();
        found
    }

    /// The target of this name that a module has by a `::*`.
    fn behind_globs(&self, module: usize, name: &str, asked: &mut Asked) -> Option<End> {
        let here = &self.modules[module];
        if here.items.contains(name) || here.imports.contains_key(name) {
            return None;
        }
        here.globs.iter().find_map(|path| match self.follow(module, path, asked)? {
            End::Module(other) if other != module => self.find(other, name, asked),
            _ => None,
        })
    }

    /// The package's own library, as its programs and benchmarks name it.
    fn library(&self, from: usize, name: &str) -> Option<End> {
        let (library, root) = self.library.as_ref()?;
        (library == name && self.modules[from].root != *root).then_some(End::Module(*root))
    }

    /// Whether a file holds a module: it is the file of a module around it, other than the root of its target. Such a file is one
    /// room with the files below it, which may use what it has.
    pub(super) fn holds(&self, file: usize, module: usize) -> bool {
        let mut around = self.modules[module].parent;
        while let Some(holder) = around {
            let holder = &self.modules[holder];
            if holder.file == file && holder.parent.is_some() {
                return true;
            }
            around = holder.parent;
        }
        false
    }
}
