//! Resolved dependencies: what comes along with a crate, however far down.
//!
//! Cargo resolves one crate alone with its own features, so that what a neighbour turns on does not blur the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Violation;
use super::house::{Unreadable, cargo};

/// The packages a crate brings along, itself included, with the features each has.
pub type Closure = BTreeMap<String, BTreeSet<String>>;

/// Which features of a crate are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Features<'a> {
    /// All of them at once.
    All,
    /// Those that are on unless somebody turns them off.
    Default,
    /// One alone, without the defaults.
    Alone(&'a str),
}

/// What may come along with a crate.
#[derive(Debug, Clone, Copy)]
pub enum Company {
    /// These alone, with the features they may have (`None`: any).
    Only(&'static [(&'static str, Option<&'static [&'static str]>)]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// What `package`, of the workspace at `root`, brings along when it is used (not tested) on this machine's platform.
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
fn parse(told: &str) -> Result<Closure, Unreadable> {
    let mut closure = Closure::new();
    for line in told.lines().filter(|line| !line.is_empty()) {
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

/// Holds what comes along with a crate against what may.
#[must_use]
pub fn check(place: &str, closure: &Closure, company: &Company) -> Vec<Violation> {
    let faults: Vec<String> = match company {
        Company::AllBut(banned) => banned
            .iter()
            .filter(|name| closure.contains_key(**name))
            .map(|name| format!("must not bring {name} along"))
            .collect(),
        Company::Only(permitted) => closure
            .iter()
            .flat_map(
                |(name, features)| match permitted.iter().find(|(guest, _)| guest == name) {
                    None => vec![format!("must not bring {name} along")],
                    Some((_, None)) => Vec::new(),
                    Some((_, Some(most))) => features
                        .iter()
                        .filter(|feature| !most.contains(&feature.as_str()))
                        .map(|feature| format!("must not bring {name} along with its feature `{feature}`"))
                        .collect(),
                },
            )
            .collect(),
    };
    faults.into_iter().map(|fault| Violation::new(place, fault)).collect()
}
