//! The declared order of a crate's modules, and the order that the code itself suggests.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, ModuleGraph, called, is_below};
use crate::architecture::Violation;

/// The layers of a crate, or of one module in it.
#[derive(Debug, Clone, Copy)]
pub struct Layers {
    /// The folder with the crate's root.
    pub folder: &'static str,
    /// The module whose files are ordered; empty for the whole crate.
    pub module: &'static str,
    /// The layers, the lowest first. Each names modules, relative to `module`; an entry covers the modules below it that
    /// have no entry of their own. `self` is `module` itself, which is above all others when it has no entry.
    ///
    /// A module may need those of its own layer and of lower ones.
    pub order: &'static [&'static [&'static str]],
}

impl Layers {
    /// The module that an entry of the table names.
    fn full_path(&self, entry: &str) -> String {
        match (self.module, entry) {
            (module, "self") => module.to_owned(),
            ("", entry) => entry.to_owned(),
            (module, entry) => format!("{module}::{entry}"),
        }
    }

    fn contains(&self, module: &str) -> bool {
        module == self.module || is_below(module, self.module)
    }

    /// The layer of a module: that of the longest entry it belongs to.
    fn layer_of(&self, module: &str) -> Option<usize> {
        let entries = self.order.iter().enumerate();
        let entries = entries.flat_map(|(layer, entries)| entries.iter().map(move |entry| (layer, *entry)));
        let named = entries
            .filter(|(_, entry)| {
                let entry_module = self.full_path(entry);
                module == entry_module || (*entry != "self" && is_below(module, &entry_module))
            })
            .max_by_key(|(_, entry)| entry.len());
        match named {
            Some((layer, _)) => Some(layer),
            None => (module == self.module).then_some(self.order.len()),
        }
    }
}

impl ModuleGraph {
    /// Holds the graph against declared layers: every file has a layer, none needs a higher one, and the table names no
    /// module that does not exist.
    #[must_use]
    pub fn check(&self, layers: &Layers) -> Vec<Violation> {
        let mut violations = Vec::new();
        for entry in layers.order.iter().copied().flatten() {
            let module = layers.full_path(entry);
            if !self.files.keys().any(|file| *file == module || is_below(file, &module)) {
                violations.push(Violation::new(
                    layers.folder,
                    format!("has no module `{module}` for its layer"),
                ));
            }
        }
        for (file, source) in self.files.iter().filter(|(file, _)| layers.contains(file)) {
            let Some(own) = layers.layer_of(file) else {
                violations.push(Violation::new(source, "belongs to no layer"));
                continue;
            };
            for (to, line) in self.needs_of(file) {
                if layers.contains(to) && layers.layer_of(to).is_some_and(|other| other > own) {
                    let fault = format!("`{}` needs `{}` of a higher layer", called(file), called(to));
                    violations.push(Violation::new(self.place(file, line), fault));
                }
            }
        }
        violations
    }

    /// The layers that the code of a module suggests, as entries of a table: each file as low as its needs permit.
    /// Files that need each other share a layer.
    #[must_use]
    pub fn proposal(&self, module: &str) -> String {
        let within = |file: &File| is_below(file, module);
        let knots: Vec<BTreeSet<&File>> = self.knots().into_iter().collect();
        let mut levels: BTreeMap<&File, usize> = BTreeMap::new();
        // Each round settles at least one more knot.
        for _ in 0..knots.len() {
            for knot in &knots {
                let needs = knot.iter().flat_map(|file| self.needs_of(file).map(|(to, _)| to));
                let below = needs.filter(|to| within(to) && !knot.contains(to));
                let level = below.map(|to| levels.get(to).map_or(1, |level| level + 1)).max();
                levels.extend(knot.iter().map(|file| (*file, level.unwrap_or_default())));
            }
        }
        let mut order: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (file, level) in levels.into_iter().filter(|(file, _)| within(file)) {
            let relative = file.strip_prefix(module).unwrap_or(file);
            order.entry(level).or_default().push(relative.trim_start_matches("::"));
        }
        order.values().map(|layer| format!("&{layer:?},\n")).collect()
    }
}
