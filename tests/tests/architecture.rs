//! The architecture rules, checked on this workspace. `architecture_bites` checks that each of them finds forged violations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use earmark_tests::architecture::closure::{self, Features};
use earmark_tests::architecture::modules::ModuleGraph;
use earmark_tests::architecture::sources::{self, Source};
use earmark_tests::architecture::workspace::{self, Workspace};
use earmark_tests::architecture::{
    Violation, edges, forbidden_words, licences, lints, living_beside, migrations, module_layers, rules, structure,
};

#[track_caller]
fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let found: Vec<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert!(found.is_empty(), "rules are broken:\n{}", found.join("\n"));
}

fn members() -> Workspace {
    Workspace::members_of(&workspace::root()).expect("Cargo reads the workspace")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace::root().join(path)).expect("the file can be read")
}

fn sources_in(folder: &str) -> Vec<Source> {
    sources::below(&workspace::root(), folder).expect("the sources can be read")
}

#[test]
fn every_crate_has_a_rule() {
    let workspace = members();
    let with_a_rule: BTreeSet<&str> = rules::CRATE_RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(workspace.names(), with_a_rule);
}

#[test]
fn every_crate_depends_only_on_what_its_rule_permits() {
    let workspace = members();
    let members = workspace.names();
    assert_none(rules::CRATE_RULES.iter().flat_map(|(name, rule)| {
        let package = workspace.package(name).expect("the crate is in the workspace");
        edges::check(package, &members, rule)
    }));
}

#[test]
fn the_domain_depends_on_dates_and_errors_only() {
    let closure = closure::of(&workspace::root(), "earmark-domain", Features::All).expect("Cargo resolves it");
    assert_none(closure::check("earmark-domain", &closure, &rules::DOMAIN_CLOSURE));
}

#[test]
fn the_application_depends_on_nothing_that_does_io() {
    let closure = closure::of(&workspace::root(), "earmark-application", Features::All).expect("Cargo resolves it");
    assert_none(closure::check(
        "earmark-application",
        &closure,
        &rules::APPLICATION_CLOSURE,
    ));
}

#[test]
fn an_adapter_depends_on_its_own_driver_and_no_other() {
    let adapters = members()
        .package("earmark-adapters")
        .expect("the adapters are a crate")
        .clone();
    let features: BTreeSet<&str> = adapters
        .features
        .keys()
        .map(String::as_str)
        .filter(|name| !rules::NOT_ADAPTERS.contains(name))
        .collect();
    let with_a_rule: BTreeSet<&str> = rules::ADAPTER_CLOSURES.iter().map(|(feature, _)| *feature).collect();
    assert_eq!(features, with_a_rule, "every adapter has a rule");

    assert_none(rules::ADAPTER_CLOSURES.iter().flat_map(|(feature, rule)| {
        let alone = closure::of(&workspace::root(), "earmark-adapters", Features::Alone(feature));
        closure::check(feature, &alone.expect("Cargo resolves it"), rule)
    }));
}

#[test]
fn xtask_compiles_quickly() {
    let closure = closure::of(&workspace::root(), "xtask", Features::Default).expect("Cargo resolves it");
    assert_none(closure::check("xtask", &closure, &rules::XTASK_CLOSURE));
}

#[test]
fn the_domain_does_not_use_the_standard_library() {
    assert_none(structure::without_std(
        &sources_in("crates/domain/src"),
        "crates/domain/src/lib.rs",
    ));
}

fn graph_of(folder: &str) -> ModuleGraph {
    ModuleGraph::of(&sources_in(folder), folder)
}

#[test]
fn every_crate_and_every_adapter_has_layers() {
    let folders_in = |folder: &str| {
        let entries = std::fs::read_dir(workspace::root().join(folder)).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let names = paths.filter(|path| path.is_dir()).map(|path| {
            let name = path.file_name().expect("a folder has a name");
            name.to_string_lossy().into_owned()
        });
        names.collect::<BTreeSet<String>>()
    };
    let of_crates = module_layers::LAYERS.iter().filter(|layers| layers.module.is_empty());
    let crates: BTreeSet<String> = of_crates
        .map(|layers| layers.folder.replace("crates/", "").replace("/src", ""))
        .collect();
    assert_eq!(crates, folders_in("crates"));
    let of_adapters = module_layers::LAYERS.iter().filter(|layers| !layers.module.is_empty());
    let adapters: BTreeSet<String> = of_adapters.map(|layers| layers.module.to_owned()).collect();
    assert_eq!(adapters, folders_in("crates/adapters/src"));
}

#[test]
fn no_two_files_of_a_crate_need_each_other() {
    let folders: BTreeSet<&str> = module_layers::LAYERS.iter().map(|layers| layers.folder).collect();
    assert_none(folders.into_iter().flat_map(|folder| graph_of(folder).cycles()));
}

#[test]
fn the_modules_of_a_crate_stand_in_layers() {
    // A graph is dear, and each adapter stands in the folder of all.
    let mut graphs = BTreeMap::new();
    for layers in module_layers::LAYERS {
        let graph = graphs.entry(layers.folder).or_insert_with(|| graph_of(layers.folder));
        let violations = graph.check(layers);
        let found: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(
            found.is_empty(),
            "modules need others of higher layers:\n{}\n\nthe code of `{}` suggests the layers\n{}",
            found.join("\n"),
            layers.folder,
            graph.proposal(layers.module)
        );
    }
}

#[test]
fn no_entity_has_a_public_field() {
    assert_none(structure::closed_entities(
        &sources_in("crates/domain/src"),
        "earmark-domain",
        rules::ENTITIES,
    ));
}

#[test]
fn no_crate_or_adapter_contains_forbidden_words() {
    assert_none(rules::FORBIDDEN_WORDS.iter().flat_map(|forbidden| {
        let sources = sources_in(forbidden.folder);
        sources
            .into_iter()
            .flat_map(|source| forbidden_words::check(&source, forbidden))
    }));
}

#[test]
fn every_crate_inherits_the_lints() {
    let workspace = members();
    assert_none(workspace.packages.iter().flat_map(|package| {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest can be read");
        lints::inherited(&package.name, &manifest).expect("the manifest is TOML")
    }));
}

#[test]
fn the_workspace_forbids_unsafe_code_and_switches_no_lint_off() {
    assert_none(lints::strict("Cargo.toml", &read("Cargo.toml")).expect("the manifest is TOML"));
}

#[test]
fn no_source_weakens_a_lint_or_ignores_a_test() {
    let folders = ["crates", "tests/src", "tests/tests", "xtask"];
    let sources = folders.into_iter().flat_map(sources_in);
    assert_none(sources.flat_map(|source| lints::unweakened(&source)));
}

#[test]
fn the_two_databases_have_the_same_migrations() {
    let tree = |engine: &str| {
        let folder = workspace::root()
            .join(Path::new("crates/adapters/migrations"))
            .join(engine);
        migrations::read(&folder).expect("the migrations can be read")
    };
    assert_none(migrations::check(&tree("sqlite"), &tree("postgres")));
}

#[test]
fn the_version_before_lives_beside_every_migration_of_postgres() {
    let folder = workspace::root().join("crates/adapters/migrations/postgres");
    let tree = migrations::read(&folder).expect("the migrations can be read");
    // Nobody was there before the first.
    for name in tree.keys().skip(1) {
        let sql = std::fs::read_to_string(folder.join(name).join("up.sql")).expect("it can be read");
        assert_none(living_beside::check(name, &sql));
    }
}

#[test]
fn every_dependency_has_a_permitted_licence() {
    let permitted = licences::permitted(&read("deny.toml")).expect("deny.toml can be read");
    let all = Workspace::all_of(&workspace::root()).expect("Cargo resolves the workspace");
    assert_none(
        all.packages
            .iter()
            .flat_map(|package| licences::check(package, &permitted)),
    );
}
