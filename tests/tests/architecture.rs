//! The boundaries of the house, held against the house itself. That each of these rules bites is shown next door, in
//! `architecture_bites`, against forged violations.

use std::collections::BTreeSet;
use std::path::Path;

use earmark_tests::architecture::closure::{self, Features};
use earmark_tests::architecture::house::{self, Workspace};
use earmark_tests::architecture::sources::{self, Source};
use earmark_tests::architecture::{Violation, edges, licences, lints, migrations, rooms, structure, words};

#[track_caller]
fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let told: Vec<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert!(told.is_empty(), "boundaries are crossed:\n{}", told.join("\n"));
}

fn members() -> Workspace {
    Workspace::members_of(&house::root()).expect("Cargo reads the workspace")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(house::root().join(path)).expect("the file can be read")
}

fn sources_in(folder: &str) -> Vec<Source> {
    sources::below(&house::root(), folder).expect("the sources can be read")
}

#[test]
fn every_crate_has_a_room() {
    let workspace = members();
    let with_a_room: BTreeSet<&str> = rooms::ROOMS.iter().map(|(name, _)| *name).collect();
    assert_eq!(workspace.names(), with_a_room);
}

#[test]
fn every_crate_depends_only_on_what_its_room_permits() {
    let workspace = members();
    let members = workspace.names();
    assert_none(rooms::ROOMS.iter().flat_map(|(name, room)| {
        let package = workspace.package(name).expect("the crate is in the workspace");
        edges::check(package, &members, room)
    }));
}

#[test]
fn nothing_comes_along_with_the_domain_but_dates_and_errors() {
    let closure = closure::of(&house::root(), "earmark-domain", Features::All).expect("Cargo resolves it");
    assert_none(closure::check("earmark-domain", &closure, &rooms::DOMAIN_COMPANY));
}

#[test]
fn nothing_comes_along_with_the_application_that_reaches_outside() {
    let closure = closure::of(&house::root(), "earmark-application", Features::All).expect("Cargo resolves it");
    assert_none(closure::check(
        "earmark-application",
        &closure,
        &rooms::APPLICATION_COMPANY,
    ));
}

#[test]
fn an_adapter_brings_along_its_own_driver_and_no_other() {
    let adapters = members()
        .package("earmark-adapters")
        .expect("the adapters are a crate")
        .clone();
    let features: BTreeSet<&str> = adapters
        .features
        .keys()
        .map(String::as_str)
        .filter(|name| !rooms::NOT_ADAPTERS.contains(name))
        .collect();
    let with_a_rule: BTreeSet<&str> = rooms::ADAPTER_COMPANY.iter().map(|(feature, _)| *feature).collect();
    assert_eq!(features, with_a_rule, "every adapter has a rule");

    assert_none(rooms::ADAPTER_COMPANY.iter().flat_map(|(feature, company)| {
        let alone = closure::of(&house::root(), "earmark-adapters", Features::Alone(feature));
        closure::check(feature, &alone.expect("Cargo resolves it"), company)
    }));
}

#[test]
fn the_chores_compile_quickly() {
    let closure = closure::of(&house::root(), "xtask", Features::Default).expect("Cargo resolves it");
    assert_none(closure::check("xtask", &closure, &rooms::CHORES_COMPANY));
}

#[test]
fn the_domain_does_without_the_standard_library() {
    assert_none(structure::without_std(
        &sources_in("crates/domain/src"),
        "crates/domain/src/lib.rs",
    ));
}

#[test]
fn no_entity_has_a_public_field() {
    assert_none(structure::closed_entities(
        &sources_in("crates/domain/src"),
        "earmark-domain",
        rooms::ENTITIES,
    ));
}

#[test]
fn no_room_speaks_of_another() {
    assert_none(rooms::SILENCES.iter().flat_map(|silence| {
        let sources = sources_in(silence.folder);
        sources.into_iter().flat_map(|source| words::check(&source, silence))
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
fn no_source_weakens_a_lint_or_skips_a_test() {
    let folders = ["crates", "tests/src", "tests/tests", "xtask"];
    let sources = folders.into_iter().flat_map(sources_in);
    assert_none(sources.flat_map(|source| lints::unweakened(&source)));
}

#[test]
fn the_two_databases_migrate_in_step() {
    let tree = |engine: &str| {
        let folder = house::root().join(Path::new("crates/adapters/migrations")).join(engine);
        migrations::read(&folder).expect("the migrations can be read")
    };
    assert_none(migrations::check(&tree("sqlite"), &tree("postgres")));
}

#[test]
fn everything_the_house_is_built_from_may_be_used() {
    let permitted = licences::permitted(&read("deny.toml")).expect("deny.toml can be read");
    let all = Workspace::all_of(&house::root()).expect("Cargo resolves the workspace");
    assert_none(
        all.packages
            .iter()
            .flat_map(|package| licences::check(package, &permitted)),
    );
}
