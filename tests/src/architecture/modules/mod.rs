//! The modules of a crate as a graph: which file needs which.
//!
//! A file needs another when its code names something that the other defines, by whatever path: `crate::`, `super::`,
//! a glob, or a name that a third file re-exports. A pure re-export of a child's item (`pub use child::Item`) is not a
//! need: it says where callers find the item. Test modules don't count.

mod declarations;
mod layers;
mod names;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Violation;
use super::sources::Source;
use declarations::Module;
use names::{Names, Target};

pub use layers::Layers;

/// A module that has a file of its own, as a path below the crate's root: `engine::lane`; the root itself is empty.
type File = String;

/// Which file of a crate needs which, and the line that says so first.
pub struct ModuleGraph {
    /// Each file's module with the path of its source.
    files: BTreeMap<File, String>,
    needs: BTreeMap<File, BTreeMap<File, usize>>,
}

impl ModuleGraph {
    /// The graph of the sources of one crate, whose root is in `folder`.
    #[must_use]
    pub fn of(sources: &[Source], folder: &str) -> Self {
        let modules = declarations::read(sources, folder);
        let names = Names::of(&modules);
        let mut graph = Self {
            files: BTreeMap::new(),
            needs: BTreeMap::new(),
        };
        for (path, module) in &modules {
            graph.files.insert(module.file.clone(), module.source.clone());
            graph.add_imports(&modules, &names, path);
            for named in &module.paths {
                if let Some(Target::Item(target)) = names.resolve_in_code(path, named) {
                    graph.add(&module.file, &modules[&target].file, named.line);
                }
            }
        }
        graph
    }

    fn add_imports(&mut self, modules: &BTreeMap<String, Module>, names: &Names<'_>, path: &str) {
        let module = &modules[path];
        for import in &module.imports {
            let target = match names.resolve(path, &import.path) {
                Some(Target::Item(target)) => target,
                // Of a module that is imported by name, the paths through it count; of a glob, at least the module.
                Some(Target::Module(target)) if import.name.is_none() => target,
                _ => continue,
            };
            if !(import.is_public && is_below(&target, path)) {
                self.add(&module.file, &modules[&target].file, import.line);
            }
        }
    }

    fn add(&mut self, from: &str, to: &str, line: usize) {
        if from != to {
            let first = self.needs.entry(from.to_owned()).or_default();
            let first = first.entry(to.to_owned()).or_insert(line);
            *first = line.min(*first);
        }
    }

    fn needs_of(&self, file: &str) -> impl Iterator<Item = (&File, usize)> {
        let needs = self.needs.get(file).into_iter().flatten();
        needs.map(|(to, line)| (to, *line))
    }

    fn place(&self, file: &str, line: usize) -> String {
        format!("{}:{line}", self.files[file])
    }

    /// Files that need each other, directly or through others: one violation for each knot of files.
    #[must_use]
    pub fn cycles(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for knot in self.knots().into_iter().filter(|knot| knot.len() > 1) {
            let first = knot.first().expect("a knot has files");
            let way = self.way_back(first).expect("the files of a knot need each other");
            let line = self.needs[*first][&way[1]];
            let way: Vec<_> = way.iter().map(|file| called(file)).collect();
            let mut fault = format!("files need each other: {}", way.join(" -> "));
            if knot.len() >= way.len() {
                let all: Vec<_> = knot.iter().map(|file| called(file)).collect();
                fault.push_str(&format!("; entangled with them: {}", all.join(", ")));
            }
            violations.push(Violation::new(self.place(first, line), fault));
        }
        violations
    }

    /// The strongly connected components: sets of files that all need each other, or single files.
    fn knots(&self) -> BTreeSet<BTreeSet<&File>> {
        let reach: BTreeMap<&File, BTreeSet<&File>> =
            self.files.keys().map(|file| (file, self.reachable(file))).collect();
        let knot = |file| {
            let mutual = reach[file].iter().filter(|other| reach[*other].contains(file));
            mutual.copied().chain([file]).collect()
        };
        self.files.keys().map(knot).collect()
    }

    fn reachable<'a>(&'a self, file: &'a File) -> BTreeSet<&'a File> {
        let mut found = BTreeSet::new();
        let mut open = vec![file];
        while let Some(next) = open.pop() {
            for (to, _) in self.needs_of(next) {
                if found.insert(to) {
                    open.push(to);
                }
            }
        }
        found
    }

    /// The shortest way from a file back to itself, both ends included.
    fn way_back(&self, start: &File) -> Option<Vec<File>> {
        let mut open = VecDeque::from([vec![start.clone()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = open.pop_front() {
            let last = way.last().expect("a way has an end");
            for (to, _) in self.needs_of(last) {
                let mut longer = way.clone();
                longer.push(to.clone());
                if to == start {
                    return Some(longer);
                }
                if seen.insert(to.clone()) {
                    open.push_back(longer);
                }
            }
        }
        None
    }
}

/// Whether a module is below another, at whatever depth.
fn is_below(module: &str, above: &str) -> bool {
    module != above && (above.is_empty() || module.starts_with(&format!("{above}::")))
}

/// A module as a message names it.
fn called(file: &str) -> &str {
    if file.is_empty() { "crate" } else { file }
}
