//! The structure of the domain: no standard library, and entities without public fields.

use syn::visit::{self, Visit};
use syn::{ItemStruct, Meta, Visibility};

use super::Violation;
use super::sources::Source;

/// Checks that a crate does not use the standard library. `root` is the path of its `lib.rs`.
///
/// The crate has to say `#![no_std]` without a condition, and must not name `std`: `extern crate std` would bring it back,
/// under another name or behind a feature too.
#[must_use]
pub fn without_std(sources: &[Source], root: &str) -> Vec<Violation> {
    let says_so = |source: &Source| {
        let mut attributes = source.file.attrs.iter();
        attributes.any(|attribute| matches!(&attribute.meta, Meta::Path(path) if path.is_ident("no_std")))
    };
    let mut violations = Vec::new();
    if !sources.iter().any(|source| source.path == root && says_so(source)) {
        violations.push(Violation::new(root, "is not `#![no_std]` without a condition"));
    }
    for source in sources {
        let named = source.find("std").into_iter();
        violations.extend(named.map(|token| Violation::new(source.place(token.line), "names `std`")));
    }
    violations
}

/// Checks that the named structs have no public field. A struct that can't be found is a violation too: nothing would
/// be checked.
#[must_use]
pub fn closed_entities(sources: &[Source], place: &str, entities: &[&str]) -> Vec<Violation> {
    let mut search = Search {
        entities,
        found: Vec::new(),
        violations: Vec::new(),
        path: "",
    };
    for source in sources {
        search.path = &source.path;
        search.visit_file(&source.file);
    }
    let Search {
        found, mut violations, ..
    } = search;
    let missing = entities
        .iter()
        .filter(|entity| !found.iter().any(|name| name == **entity));
    violations.extend(missing.map(|entity| Violation::new(place, format!("has no struct `{entity}`"))));
    violations
}

struct Search<'a> {
    entities: &'a [&'a str],
    found: Vec<String>,
    violations: Vec<Violation>,
    path: &'a str,
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        let name = item.ident.to_string();
        if self.entities.contains(&name.as_str()) {
            for (at, field) in item.fields.iter().enumerate() {
                if matches!(field.vis, Visibility::Public(_)) {
                    let field = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
                    let fault = format!("the entity `{name}` has the public field `{field}`");
                    self.violations.push(Violation::new(self.path, fault));
                }
            }
            self.found.push(name);
        }
        visit::visit_item_struct(self, item);
    }
}
