//! The modules of a package: the names that each defines, what it imports, and the paths that its code writes.
//!
//! Left out is what only tests have: items with `#[cfg(test)]`, and with them the files of such modules. Targets that are tests
//! are not read at all, see [`super::workspace`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use syn::{Attribute, Item, ItemMod};

use super::mentions::{self, Mention};

/// A file of source.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Below the repository.
    pub(super) path: PathBuf,
    pub(super) lines: usize,
    /// Functions, and how many lines each has from `fn` to its closing brace.
    pub(super) functions: Vec<(String, usize)>,
}

/// A module: a file, or a part of one in braces.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// As in paths, without the crate: empty at the root.
    pub(super) path: Vec<String>,
    /// Which file of the package it is in.
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    /// The module at the root of its target.
    pub(super) root: usize,
    pub(super) children: BTreeMap<String, usize>,
    /// Functions, types and the like.
    pub(super) items: BTreeSet<String>,
    /// Names of `use`, with the paths that they stand for.
    pub(super) imports: BTreeMap<String, Vec<String>>,
    /// The paths before `::*`.
    pub(super) globs: Vec<Vec<String>>,
    pub(super) mentions: Vec<Mention>,
}

/// What the workspace builds of a package: its library, a program, a benchmark or an example.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// As code writes it, where other targets of the package name it.
    pub(super) library: Option<String>,
    pub(super) file: PathBuf,
}

/// All modules of a package.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) files: Vec<SourceFile>,
    pub(super) modules: Vec<Module>,
    /// The name and the root of the library.
    pub(super) library: Option<(String, usize)>,
}

/// Where a module's own modules are looked for.
struct Place<'a> {
    /// The file that is read.
    file: &'a Path,
    folder: PathBuf,
}

impl Package {
    /// Reads all modules of these targets. `repository` is what paths of files are written below.
    pub(super) fn read(name: &str, repository: &Path, targets: &[Target]) -> Result<Self> {
        let mut package = Self { name: name.to_owned(), ..Self::default() };
        for target in targets {
            let root = package.modules.len();
            let module = Module { root, ..Module::default() };
            package.read_file(module, repository, &target.file, true)?;
            if let Some(library) = &target.library {
                package.library = Some((library.clone(), root));
            }
        }
        Ok(package)
    }

    /// Reads a file as this module, and answers which module of the package it became.
    fn read_file(&mut self, module: Module, repository: &Path, path: &Path, is_root: bool) -> Result<usize> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("parsing {}", path.display()))?;
        let (file, index) = (self.files.len(), self.modules.len());
        let shown = path.strip_prefix(repository).unwrap_or(path).to_path_buf();
        self.files.push(SourceFile { path: shown, lines: text.lines().count(), functions: Vec::new() });
        self.modules.push(Module { file, ..module });
        let has_own_folder = is_root || path.file_name().is_some_and(|name| name == "mod.rs");
        let folder = if has_own_folder { path.parent().unwrap_or(path).to_path_buf() } else { path.with_extension("") };
        self.read_items(index, repository, &parsed.items, &Place { file: path, folder })?;
        Ok(index)
    }

    fn read_items(&mut self, module: usize, repository: &Path, items: &[Item], place: &Place<'_>) -> Result<()> {
        for item in items.iter().filter(|item| !mentions::is_test(mentions::attributes(item))) {
            match item {
                Item::Mod(inner) => self.read_module(module, repository, inner, place)?,
                item => {
                    let found = mentions::of_item(item);
                    let here = &mut self.modules[module];
                    here.items.extend(mentions::name(item));
                    here.imports.extend(found.imports);
                    here.globs.extend(found.globs);
                    here.mentions.extend(found.mentions);
                    let file = here.file;
                    self.files[file].functions.extend(found.functions);
                }
            }
        }
        Ok(())
    }

    fn read_module(&mut self, parent: usize, repository: &Path, inner: &ItemMod, place: &Place<'_>) -> Result<()> {
        let name = inner.ident.to_string();
        let (file, root) = (self.modules[parent].file, self.modules[parent].root);
        let path = self.modules[parent].path.iter().chain([&name]).cloned().collect();
        let module = Module { path, file, parent: Some(parent), root, ..Module::default() };
        let index = match &inner.content {
            Some((_, items)) => {
                let index = self.modules.len();
                self.modules.push(module);
                let place = Place { file: place.file, folder: place.folder.join(&name) };
                self.read_items(index, repository, items, &place)?;
                index
            }
            None => self.read_file(module, repository, &find(&name, &inner.attrs, place)?, false)?,
        };
        self.modules[parent].children.insert(name, index);
        Ok(())
    }
}

/// The file of `mod name;`.
fn find(name: &str, attributes: &[Attribute], place: &Place<'_>) -> Result<PathBuf> {
    let beside = place.folder.join(format!("{name}.rs"));
    let below = place.folder.join(name).join("mod.rs");
    let named = mentions::path_attribute(attributes).map(|path| place.file.with_file_name("").join(path));
    let found = named.into_iter().chain([beside, below]).find(|file| file.is_file());
    let Some(found) = found else { bail!("{}: there is no file of `mod {name};`", place.file.display()) };
    Ok(found)
}
