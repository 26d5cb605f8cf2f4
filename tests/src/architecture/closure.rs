//! Resolved dependencies: the transitive closure of what a crate depends on.
//!
//! Cargo resolves one crate alone with its own features, so that features another crate turns on don't count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Violation;
use super::workspace::{Unreadable, cargo};

/// The packages in a crate's closure, itself included, with the features each has.
pub type Closure = BTreeMap<String, BTreeSet<String>>;

/// The features a crate is resolved with.
#[derive(Debug, Clone, Copy)]
pub enum Features<'a> {
    /// All of them at once.
    All,
    /// The default features.
    Default,
    /// One alone, without the defaults.
    Alone(&'a str),
}

/// What a crate's closure may contain.
#[derive(Debug, Clone, Copy)]
pub enum ClosureRule {
    /// Only these packages, with only these features (`None`: any).
    Only(&'static [(&'static str, Option<&'static [&'static str]>)]),
    /// Any package but these.
    AllBut(&'static [&'static str]),
}

/// The closure of `package`, of the workspace at `root`, when it is used (not tested) on this machine's platform.
///
/// # Errors
/// When Cargo can't resolve it.
pub fn of(root: &Path, package: &str, features: Features<'_>) -> Result<Closure, Unreadable> {
    let mut args = vec!["tree", "--locked", "--package", package, "--edges", "normal,build"];
    args.extend(["--prefix", "none", "--format", "{p}|{f}|"]);
    match features {
        Features::All => args.push("--all-features"),
        Features::Default => {}
        Features::Alone(feature) => args.extend(["--no-default-features", "--features", feature]),
    }
    parse(&cargo(root, &args)?)
}

/// Reads lines such as `tokio v1.47.0|rt,sync|`.
fn parse(output: &str) -> Result<Closure, Unreadable> {
    let mut closure = Closure::new();
    for line in output.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.split('|');
        let (Some(package), Some(features)) = (fields.next(), fields.next()) else {
            return Err(format!("can't read `{line}`").into());
        };
        let name = package.split(' ').next().unwrap_or(package);
        let features = features
            .split(',')
            .filter(|feature| !feature.is_empty())
            .map(str::to_owned);
        closure.entry(name.to_owned()).or_default().extend(features);
    }
    Ok(closure)
}

/// Checks a crate's closure against its rule.
#[must_use]
pub fn check(place: &str, closure: &Closure, rule: &ClosureRule) -> Vec<Violation> {
    let faults: Vec<String> = match rule {
        ClosureRule::AllBut(banned) => banned
            .iter()
            .filter(|name| closure.contains_key(**name))
            .map(|name| format!("must not depend on {name} transitively"))
            .collect(),
        ClosureRule::Only(permitted) => closure
            .iter()
            .flat_map(
                |(name, features)| match permitted.iter().find(|(package, _)| package == name) {
                    None => vec![format!("must not depend on {name} transitively")],
                    Some((_, None)) => Vec::new(),
                    Some((_, Some(most))) => features
                        .iter()
                        .filter(|feature| !most.contains(&feature.as_str()))
                        .map(|feature| format!("must not depend on {name} with its feature `{feature}` transitively"))
                        .collect(),
                },
            )
            .collect(),
    };
    faults.into_iter().map(|fault| Violation::new(place, fault)).collect()
}
