//! That the boundary rules bite: each is held against a forged violation and must find exactly what is forged.
//!
//! The forged crates are in `fixtures/forged`; they are held against the real rules of the house.

use std::collections::{BTreeMap, BTreeSet};

use earmark_tests::architecture::closure::{self, Features};
use earmark_tests::architecture::edges::Room;
use earmark_tests::architecture::house::{self, Package, Workspace};
use earmark_tests::architecture::migrations::Tree;
use earmark_tests::architecture::sources::{self, Source};
use earmark_tests::architecture::words::Silence;
use earmark_tests::architecture::{Violation, edges, licences, lints, migrations, rooms, structure, words};

#[track_caller]
fn assert_found<const N: usize>(violations: impl IntoIterator<Item = Violation>, forged: [&str; N]) {
    let told: Vec<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert_eq!(told, forged);
}

fn forged(name: &str) -> (Workspace, Package) {
    let workspace = Workspace::members_of(&house::forged()).expect("Cargo reads the forged workspace");
    let package = workspace.package(name).expect("the forged crate is there").clone();
    (workspace, package)
}

fn edges_of(name: &str, room: &Room) -> Vec<Violation> {
    let (workspace, package) = forged(name);
    edges::check(&package, &workspace.names(), room)
}

fn company_of(name: &str) -> Vec<Violation> {
    let closure = closure::of(&house::forged(), name, Features::All).expect("Cargo resolves the forged crate");
    let others = closure.into_iter().filter(|(package, _)| package != name).collect();
    closure::check(name, &others, &rooms::APPLICATION_COMPANY)
}

fn sources_of(name: &str) -> Vec<Source> {
    sources::below(&house::forged(), name).expect("the forged sources can be read")
}

fn said_in(folder: &str, text: &str) -> Vec<Violation> {
    let silence: &Silence = rooms::SILENCES
        .iter()
        .find(|silence| silence.folder == folder)
        .expect("the folder has a rule");
    words::check(&Source::parse("forged.rs", text).expect("the forgery is Rust"), silence)
}

#[test]
fn an_honest_crate_is_left_alone() {
    assert_found(edges_of("honest", &rooms::APPLICATION), []);
    assert_found(lints_of("honest"), []);
    assert_found(sources_of("honest").iter().flat_map(lints::unweakened), []);
}

#[test]
fn a_dependency_on_adapters_is_caught() {
    assert_found(
        edges_of("normal-edge", &rooms::APPLICATION),
        ["normal-edge: must not depend on earmark-adapters"],
    );
}

#[test]
fn a_dependency_on_adapters_in_tests_is_caught() {
    assert_found(
        edges_of("dev-edge", &rooms::APPLICATION),
        ["dev-edge: must not depend on earmark-adapters, in its tests"],
    );
}

#[test]
fn a_dependency_on_adapters_in_a_build_script_is_caught() {
    assert_found(
        edges_of("build-edge", &rooms::APPLICATION),
        ["build-edge: must not depend on earmark-adapters, in its build script"],
    );
}

#[test]
fn a_renamed_dependency_on_adapters_is_caught() {
    assert_found(
        edges_of("renamed-edge", &rooms::APPLICATION),
        ["renamed-edge: must not depend on earmark-adapters, renamed to `helpers`"],
    );
}

#[test]
fn a_dependency_on_adapters_on_one_platform_is_caught() {
    assert_found(
        edges_of("target-edge", &rooms::APPLICATION),
        ["target-edge: must not depend on earmark-adapters, on `cfg(windows)`"],
    );
}

#[test]
fn an_optional_dependency_on_a_database_is_caught() {
    assert_found(
        edges_of("optional-edge", &rooms::APPLICATION),
        ["optional-edge: must not depend on diesel"],
    );
    assert_found(
        edges_of("optional-edge", &rooms::BOOTSTRAP),
        ["optional-edge: must not depend on diesel"],
    );
}

#[test]
fn a_feature_that_makes_a_permitted_library_a_forbidden_one_is_caught() {
    assert_found(
        edges_of("feature-edge", &rooms::APPLICATION),
        ["feature-edge: must not use the feature `net` of tokio"],
    );
    assert_found(
        company_of("feature-edge"),
        ["feature-edge: must not bring tokio along with its feature `net`"],
    );
}

#[test]
fn a_database_that_a_permitted_library_brings_along_is_caught() {
    assert_found(edges_of("transitive-edge", &rooms::APPLICATION), []);
    assert_found(
        company_of("transitive-edge"),
        ["transitive-edge: must not bring diesel along"],
    );
}

#[test]
fn a_database_that_comes_along_behind_a_feature_is_caught() {
    assert_found(
        company_of("gated-transitive-edge"),
        ["gated-transitive-edge: must not bring diesel along"],
    );
}

#[test]
fn the_standard_library_is_found_behind_a_feature_and_under_another_name() {
    assert_found(
        structure::without_std(&sources_of("std-smuggled"), "std-smuggled/src/lib.rs"),
        [
            "std-smuggled/src/clock.rs:3: names `std`",
            "std-smuggled/src/lib.rs:6: names `std`",
        ],
    );
}

#[test]
fn a_crate_that_is_no_std_on_a_condition_is_caught() {
    let violations = structure::without_std(&sources_of("std-by-default"), "std-by-default/src/lib.rs");
    assert_found(
        violations,
        ["std-by-default/src/lib.rs: is not `#![no_std]` without a condition"],
    );
}

#[test]
fn an_entity_with_a_public_field_is_caught() {
    assert_found(
        structure::closed_entities(&sources_of("open-entity"), "open-entity", rooms::ENTITIES),
        [
            "open-entity/src/lib.rs: the entity `Batch` has the public field `allocated`",
            "open-entity/src/lib.rs: the entity `Line` has the public field `0`",
        ],
    );
}

#[test]
fn an_entity_that_went_missing_is_told() {
    assert_found(
        structure::closed_entities(&sources_of("honest"), "honest", &["Batch"]),
        ["honest: has no struct `Batch`"],
    );
}

fn lints_of(name: &str) -> Vec<Violation> {
    let manifest = std::fs::read_to_string(forged(name).1.manifest_path).expect("the manifest can be read");
    lints::inherited(name, &manifest).expect("the manifest is TOML")
}

#[test]
fn a_crate_that_does_not_inherit_the_lints_is_caught() {
    assert_found(
        lints_of("lints-forgotten"),
        ["lints-forgotten: does not inherit the workspace's lints"],
    );
}

#[test]
fn a_lint_that_is_allowed_and_a_test_that_never_runs_are_caught() {
    assert_found(
        sources_of("lints-weakened").iter().flat_map(lints::unweakened),
        [
            "lints-weakened/src/lib.rs:2: allows what the lints refuse",
            "lints-weakened/src/lib.rs:4: allows what the lints refuse",
            "lints-weakened/src/lib.rs:7: expects a lint without a reason",
            "lints-weakened/src/lib.rs:14: is a test that never runs",
        ],
    );
}

#[test]
fn a_module_from_elsewhere_and_an_example_that_never_runs_are_caught() {
    let text = format!(
        "#[path = \"../elsewhere.rs\"]\nmod elsewhere;\n\n{}ignore\n/// ```\nfn a() {{}}\n",
        "/// ```"
    );
    assert_found(
        lints::unweakened(&Source::parse("forged.rs", &text).expect("the forgery is Rust")),
        [
            "forged.rs:1: is a module from elsewhere, which the checks would not see",
            "forged.rs:4: is an example that never runs",
        ],
    );
}

#[test]
fn lints_that_are_switched_off_for_everybody_are_caught() {
    let manifest =
        "[workspace.lints.rust]\nunsafe_code = \"warn\"\n[workspace.lints.clippy]\nall = { level = \"allow\" }";
    assert_found(
        lints::strict("Cargo.toml", manifest).expect("the forgery is TOML"),
        [
            "Cargo.toml: switches the lint `all` off for every crate",
            "Cargo.toml: does not forbid unsafe code",
        ],
    );
}

#[test]
fn a_domain_that_waits_prints_or_asks_the_time_is_caught() {
    let text = "async fn a() {\n    println!(\"sent\");\n    b(Timestamp\n::now());\n}";
    assert_found(
        said_in("crates/domain/src", text),
        [
            "forged.rs:1: says `async`",
            "forged.rs:2: says `println`",
            "forged.rs:3: says `Timestamp :: now`",
        ],
    );
}

#[test]
fn an_application_that_speaks_json_sql_or_anyhow_is_caught() {
    let text = "//! No JSON here.\nfn a() -> anyhow::Result<()> {\n    serde_json::b(\"SELECT 1\")\n}";
    assert_found(
        said_in("crates/application/src", text),
        [
            "forged.rs:2: says `anyhow`, in `anyhow`",
            "forged.rs:3: says `json`, in `serde_json`",
            "forged.rs:3: contains SQL: `SELECT 1`",
        ],
    );
}

#[test]
fn an_adapter_that_speaks_of_another_is_caught() {
    let sqlite = "use crate::sqlite::SqliteStore;\n";
    for folder in ["http", "files", "memory", "postgres", "wire"] {
        assert_found(
            said_in(&format!("crates/adapters/src/{folder}"), sqlite),
            [
                "forged.rs:1: says `sqlite`, in `sqlite`",
                "forged.rs:1: says `sqlite`, in `SqliteStore`",
            ],
        );
    }
    let postgres = "use crate::postgres::B;\n";
    for folder in ["http", "files", "memory", "sqlite", "wire"] {
        let found = said_in(&format!("crates/adapters/src/{folder}"), postgres);
        assert_found(found, ["forged.rs:1: says `postgres`, in `postgres`"]);
    }
    let memory = "use crate::{memory::A, wire};\n";
    for folder in ["http", "files", "sqlite", "postgres"] {
        assert_found(
            said_in(&format!("crates/adapters/src/{folder}"), memory),
            ["forged.rs:1: says `memory`"],
        );
    }
    let actix = "use actix_web::web;\n";
    for folder in ["files", "memory", "sqlite", "postgres"] {
        let found = said_in(&format!("crates/adapters/src/{folder}"), actix);
        assert_found(found, ["forged.rs:1: says `actix`, in `actix_web`"]);
    }
}

#[test]
fn a_handler_with_a_transaction_is_caught() {
    assert_found(
        said_in(
            "crates/adapters/src/http",
            "fn a() {\n    log(\"the transaction failed\");\n    store.transact(scope);\n}",
        ),
        ["forged.rs:3: says `transact`, in `transact`"],
    );
}

#[test]
fn a_binary_with_sql_or_a_route_body_is_caught() {
    let text = "fn a() {\n    run(\"insert into batches values (1)\");\n    HttpResponse::Ok()\n}";
    assert_found(
        said_in("crates/bootstrap/src", text),
        [
            "forged.rs:2: contains SQL: `insert into batches values (1)`",
            "forged.rs:3: says `HttpResponse`",
        ],
    );
}

fn tree(migrations: &[(&str, &str, u64)]) -> Tree {
    let files =
        |(name, file, size): &(&str, &str, u64)| (String::from(*name), BTreeMap::from([(String::from(*file), *size)]));
    migrations.iter().map(files).collect()
}

#[test]
fn a_migration_without_a_twin_is_caught() {
    let sqlite = tree(&[("0001_books", "up.sql", 9), ("0002_names", "up.sql", 9)]);
    let postgres = tree(&[("0001_ledger", "up.sql", 9), ("0003_names", "up.sql", 9)]);
    assert_found(
        migrations::check(&sqlite, &postgres),
        [
            "sqlite/0002_names: has no twin in postgres",
            "postgres/0003_names: has no twin in sqlite",
        ],
    );
}

#[test]
fn an_empty_migration_and_a_number_given_twice_are_caught() {
    let sqlite = tree(&[("0001_a", "up.sql", 0), ("0001_b", "down.sql", 9)]);
    let postgres = tree(&[("0001_a", "up.sql", 9)]);
    assert_found(
        migrations::check(&sqlite, &postgres),
        [
            "sqlite: has two migrations under one number",
            "sqlite/0001_a: has no up.sql",
            "sqlite/0001_b: has no up.sql",
        ],
    );
}

#[test]
fn a_licence_that_is_not_permitted_is_caught() {
    let permitted = BTreeSet::from(["MIT".to_owned()]);
    let package = |license: Option<&str>, source: &str| Package {
        name: "forged".to_owned(),
        license: license.map(str::to_owned),
        source: Some(source.to_owned()),
        manifest_path: "Cargo.toml".into(),
        dependencies: Vec::new(),
        features: BTreeMap::new(),
    };
    assert_found(
        licences::check(&package(Some("MIT OR GPL-3.0"), "registry+x"), &permitted),
        [],
    );
    assert_found(
        licences::check(&package(Some("GPL-3.0"), "registry+x"), &permitted),
        ["forged: may not be used under `GPL-3.0`"],
    );
    assert_found(
        licences::check(&package(None, "git+x"), &permitted),
        [
            "forged: does not say its licence",
            "forged: comes from a repository, not from a release",
        ],
    );
}
