//! Declared dependencies: which packages a crate may name in its manifest, and with which features.
//!
//! What counts is the declaration, not what a build happens to use: an edge is found whatever its platform, its purpose,
//! its name in the manifest, and the feature that turns it on.

use std::collections::BTreeSet;

use super::Violation;
use super::workspace::{Dependency, Kind, Package};

/// What a crate may declare.
#[derive(Debug, Clone, Copy)]
pub struct CrateRule {
    /// Crates of the workspace, for any purpose.
    pub members: &'static [&'static str],
    /// Published crates, for the crate itself.
    pub normal: External,
    /// Published crates, for its tests.
    pub dev: External,
    /// Published crates, for its build script.
    pub build: External,
}

/// The published crates that are permitted.
#[derive(Debug, Clone, Copy)]
pub enum External {
    /// Only these.
    Only(&'static [PermittedCrate]),
    /// Any but these.
    AllBut(&'static [&'static str]),
}

/// No published crate.
pub const NONE: External = External::Only(&[]);

/// A published crate and the features it may be used with.
#[derive(Debug, Clone, Copy)]
pub struct PermittedCrate {
    /// Its name.
    pub name: &'static str,
    /// The features it may be declared with (its default features off); `None` for any.
    pub features: Option<&'static [&'static str]>,
}

impl PermittedCrate {
    /// A crate with any features.
    #[must_use]
    pub const fn any(name: &'static str) -> Self {
        Self { name, features: None }
    }

    /// A crate without its default features, and with only these.
    #[must_use]
    pub const fn with(name: &'static str, features: &'static [&'static str]) -> Self {
        Self {
            name,
            features: Some(features),
        }
    }
}

/// Checks a package's declared dependencies. `members` are the names of the workspace's own packages.
#[must_use]
pub fn check(package: &Package, members: &BTreeSet<&str>, rule: &CrateRule) -> Vec<Violation> {
    package
        .dependencies
        .iter()
        .flat_map(|dependency| {
            if members.contains(dependency.name.as_str()) {
                member_faults(dependency, rule)
            } else {
                external_faults(package, dependency, rule)
            }
        })
        .map(|fault| Violation::new(&package.name, fault))
        .collect()
}

fn member_faults(dependency: &Dependency, rule: &CrateRule) -> Vec<String> {
    if rule.members.contains(&dependency.name.as_str()) {
        Vec::new()
    } else {
        vec![format!("must not depend on {}", describe(dependency))]
    }
}

fn external_faults(package: &Package, dependency: &Dependency, rule: &CrateRule) -> Vec<String> {
    let external = match dependency.kind() {
        Kind::Normal => rule.normal,
        Kind::Dev => rule.dev,
        Kind::Build => rule.build,
    };
    let refused = || vec![format!("must not depend on {}", describe(dependency))];
    match external {
        External::AllBut(banned) if banned.contains(&dependency.name.as_str()) => refused(),
        External::AllBut(_) => Vec::new(),
        External::Only(crates) => match crates.iter().find(|permitted| permitted.name == dependency.name) {
            None => refused(),
            Some(permitted) => permitted
                .features
                .map_or_else(Vec::new, |permitted| feature_faults(package, dependency, permitted)),
        },
    }
}

/// Features are turned on by the declaration itself, and by features of the package.
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

/// A dependency's name, with what is special about its declaration.
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
