//! Name resolution, as far as it takes to say in which module something is defined.

use std::collections::{BTreeMap, BTreeSet};

use super::declarations::{Module, Named};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A module.
    Module(String),
    /// Something that this module defines, perhaps by a macro.
    Item(String),
    /// Something of another crate.
    Elsewhere,
}

/// Steps of a resolution that are under way: a name that leads back to itself leads nowhere.
type Seen<'a> = BTreeSet<(String, &'a str, usize)>;

/// The names of a crate.
pub(super) struct Names<'a> {
    modules: &'a BTreeMap<String, Module>,
}

impl<'a> Names<'a> {
    pub(super) const fn of(modules: &'a BTreeMap<String, Module>) -> Self {
        Self { modules }
    }

    /// What a path in the code of a module leads to.
    pub(super) fn resolve_in_code(&self, module: &str, named: &'a Named) -> Option<Target> {
        let target = self.resolve(module, &named.path);
        match named.path.as_slice() {
            [name] if named.is_macro && target.is_none() => {
                let mut defining = self.modules.iter().filter(|(_, module)| module.macros.contains(name));
                defining.next().map(|(module, _)| Target::Item(module.clone()))
            }
            _ => target,
        }
    }

    /// What a path in a module leads to. `None`: its first name is not of this crate (or is a local variable).
    pub(super) fn resolve(&self, module: &str, path: &'a [String]) -> Option<Target> {
        self.follow(module, path, &mut Seen::new())
    }

    fn follow(&self, module: &str, path: &'a [String], seen: &mut Seen<'a>) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => "",
            "self" => module,
            "super" => parent(module),
            _ => return self.named(module, path, seen),
        };
        while let Some((_, behind)) = rest.split_first().filter(|(name, _)| *name == "super") {
            (at, rest) = (parent(at), behind);
        }
        Some(self.inside(at, rest, seen))
    }

    /// What a path leads to that is known to begin in a module.
    fn inside(&self, module: &str, path: &'a [String], seen: &mut Seen<'a>) -> Target {
        if path.is_empty() {
            return Target::Module(module.to_owned());
        }
        // What can't be found there is made there by a macro.
        let made = || Target::Item(module.to_owned());
        self.named(module, path, seen).unwrap_or_else(made)
    }

    /// What a path leads to whose first name is in scope of a module: defined, imported, or found through a glob.
    fn named(&self, module: &str, path: &'a [String], seen: &mut Seen<'a>) -> Option<Target> {
        let (name, rest) = path.split_first()?;
        let declared = self.modules.get(module)?;
        if !seen.insert((module.to_owned(), name, rest.len())) {
            return None;
        }
        let child = declared.children.contains(name).then(|| below(module, name));
        // A module and a function may share a name: what goes on is a module's.
        if let Some(child) = child.as_ref().filter(|_| !rest.is_empty()) {
            return Some(self.inside(child, rest, seen));
        }
        if declared.items.contains(name) {
            return Some(Target::Item(module.to_owned()));
        }
        let mut imports = declared.imports.iter();
        if let Some(import) = imports.find(|import| import.name.as_ref() == Some(name)) {
            return Some(match self.follow(module, &import.path, seen) {
                Some(Target::Module(imported)) => self.inside(&imported, rest, seen),
                Some(target) => target,
                None => Target::Elsewhere,
            });
        }
        if let Some(child) = child {
            return Some(Target::Module(child));
        }
        let mut globs = declared.imports.iter().filter(|import| import.name.is_none());
        globs.find_map(|glob| match self.follow(module, &glob.path, seen) {
            Some(Target::Module(opened)) => self.named(&opened, path, seen),
            _ => None,
        })
    }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn below(module: &str, name: &str) -> String {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}
