//! Declared dependencies: which packages a crate may name in its manifest, and with which features.
//!
//! Declarations are read, not what a build happens to use: an edge counts on whatever platform, for whatever purpose,
//! under whatever name and behind whatever feature it is declared.

use std::collections::BTreeSet;

use super::Violation;
use super::house::{Dependency, Kind, Package};

/// What a crate may declare.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Crates of the workspace, for any purpose.
    pub members: &'static [&'static str],
    /// Published crates, for the crate itself.
    pub normal: Outside,
    /// Published crates, for its tests.
    pub dev: Outside,
    /// Published crates, for its build script.
    pub build: Outside,
}

/// Which published crates are permitted.
#[derive(Debug, Clone, Copy)]
pub enum Outside {
    /// These alone.
    Only(&'static [Guest]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// No published crate at all.
pub const NONE: Outside = Outside::Only(&[]);

/// A published crate and how it may be used.
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    /// Its name.
    pub name: &'static str,
    /// The features it may be declared with (its default features off); `None` for any.
    pub features: Option<&'static [&'static str]>,
}

impl Guest {
    /// A crate with any features.
    #[must_use]
    pub const fn any(name: &'static str) -> Self {
        Self { name, features: None }
    }

    /// A crate without its default features, and with no others than these.
    #[must_use]
    pub const fn with(name: &'static str, features: &'static [&'static str]) -> Self {
        Self {
            name,
            features: Some(features),
        }
    }
}

/// Holds a package's declared dependencies against its room. `members` are the names of the workspace's own packages.
#[must_use]
pub fn check(package: &Package, members: &BTreeSet<&str>, room: &Room) -> Vec<Violation> {
    package
        .dependencies
        .iter()
        .flat_map(|dependency| {
            if members.contains(dependency.name.as_str()) {
                member_faults(dependency, room)
            } else {
                outsider_faults(package, dependency, room)
            }
        })
        .map(|fault| Violation::new(&package.name, fault))
        .collect()
}

fn member_faults(dependency: &Dependency, room: &Room) -> Vec<String> {
    if room.members.contains(&dependency.name.as_str()) {
        Vec::new()
    } else {
        vec![format!("must not depend on {}", describe(dependency))]
    }
}

fn outsider_faults(package: &Package, dependency: &Dependency, room: &Room) -> Vec<String> {
    let outside = match dependency.kind() {
        Kind::Normal => room.normal,
        Kind::Dev => room.dev,
        Kind::Build => room.build,
    };
    let refused = || vec![format!("must not depend on {}", describe(dependency))];
    match outside {
        Outside::AllBut(banned) if banned.contains(&dependency.name.as_str()) => refused(),
        Outside::AllBut(_) => Vec::new(),
        Outside::Only(guests) => match guests.iter().find(|guest| guest.name == dependency.name) {
            None => refused(),
            Some(guest) => guest
                .features
                .map_or_else(Vec::new, |permitted| feature_faults(package, dependency, permitted)),
        },
    }
}

/// Features come from the declaration itself, and from features of the package that turn them on.
fn feature_faults(package: &Package, dependency: &Dependency, permitted: &[&str]) -> Vec<String> {
    let declared = dependency.features.iter().map(String::as_str);
    let relayed = package.features.values().flatten().filter_map(|what| {
        let (crate_name, feature) = what.split_once('/')?;
        (crate_name.trim_end_matches('?') == dependency.local_name()).then_some(feature)
    });
    let default = dependency.uses_default_features.then_some("default");
    declared
        .chain(relayed)
        .chain(default)
        .filter(|feature| !permitted.contains(feature))
        .map(|feature| format!("must not use the feature `{feature}` of {}", describe(dependency)))
        .collect()
}

/// Names a dependency with all that could hide it.
fn describe(dependency: &Dependency) -> String {
    let mut text = dependency.name.clone();
    match dependency.kind() {
        Kind::Normal => {}
        Kind::Dev => text.push_str(", in its tests"),
        Kind::Build => text.push_str(", in its build script"),
    }
    if let Some(rename) = &dependency.rename {
        text.push_str(&format!(", renamed to `{rename}`"));
    }
    if let Some(target) = &dependency.target {
        text.push_str(&format!(", on `{target}`"));
    }
    text
}
