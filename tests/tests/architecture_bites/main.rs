//! The architecture rules bite: each is run on a forged violation and must find exactly that.
//!
//! The forged crates are in `fixtures/forged`; they are checked by the rules of this workspace.

mod modules;

use std::collections::{BTreeMap, BTreeSet};

use earmark_tests::architecture::closure::{self, Features};
use earmark_tests::architecture::edges::CrateRule;
use earmark_tests::architecture::forbidden_words::ForbiddenWords;
use earmark_tests::architecture::migrations::Tree;
use earmark_tests::architecture::sources::{self, Source};
use earmark_tests::architecture::workspace::{self, Package, Workspace};
use earmark_tests::architecture::{
    Violation, edges, forbidden_words, licences, lints, living_beside, migrations, rules, structure,
};

#[track_caller]
fn assert_found<const N: usize>(violations: impl IntoIterator<Item = Violation>, forged: [&str; N]) {
    let found: Vec<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert_eq!(found, forged);
}

fn forged(name: &str) -> (Workspace, Package) {
    let workspace = Workspace::members_of(&workspace::forged()).expect("Cargo reads the forged workspace");
    let package = workspace.package(name).expect("the forged crate is there").clone();
    (workspace, package)
}

fn edges_of(name: &str, rule: &CrateRule) -> Vec<Violation> {
    let (workspace, package) = forged(name);
    edges::check(&package, &workspace.names(), rule)
}

fn closure_of(name: &str) -> Vec<Violation> {
    let closure = closure::of(&workspace::forged(), name, Features::All).expect("Cargo resolves the forged crate");
    let others = closure.into_iter().filter(|(package, _)| package != name).collect();
    closure::check(name, &others, &rules::APPLICATION_CLOSURE)
}

fn sources_of(name: &str) -> Vec<Source> {
    sources::below(&workspace::forged(), name).expect("the forged sources can be read")
}

fn found_in(folder: &str, text: &str) -> Vec<Violation> {
    let forbidden: &ForbiddenWords = rules::FORBIDDEN_WORDS
        .iter()
        .find(|forbidden| forbidden.folder == folder)
        .expect("the folder has a rule");
    forbidden_words::check(
        &Source::parse("forged.rs", text).expect("the forgery is Rust"),
        forbidden,
    )
}

#[test]
fn a_crate_that_breaks_no_rule_is_accepted() {
    assert_found(edges_of("honest", &rules::APPLICATION), []);
    assert_found(lints_of("honest"), []);
    assert_found(sources_of("honest").iter().flat_map(lints::unweakened), []);
}

#[test]
fn a_dependency_on_adapters_is_caught() {
    assert_found(
        edges_of("normal-edge", &rules::APPLICATION),
        ["normal-edge: must not depend on earmark-adapters"],
    );
}

#[test]
fn a_dependency_on_adapters_in_tests_is_caught() {
    assert_found(
        edges_of("dev-edge", &rules::APPLICATION),
        ["dev-edge: must not depend on earmark-adapters, in its tests"],
    );
}

#[test]
fn a_dependency_on_adapters_in_a_build_script_is_caught() {
    assert_found(
        edges_of("build-edge", &rules::APPLICATION),
        ["build-edge: must not depend on earmark-adapters, in its build script"],
    );
}

#[test]
fn a_renamed_dependency_on_adapters_is_caught() {
    assert_found(
        edges_of("renamed-edge", &rules::APPLICATION),
        ["renamed-edge: must not depend on earmark-adapters, renamed to `helpers`"],
    );
}

#[test]
fn a_dependency_on_adapters_on_one_platform_is_caught() {
    assert_found(
        edges_of("target-edge", &rules::APPLICATION),
        ["target-edge: must not depend on earmark-adapters, on `cfg(windows)`"],
    );
}

#[test]
fn an_optional_dependency_on_a_database_is_caught() {
    assert_found(
        edges_of("optional-edge", &rules::APPLICATION),
        ["optional-edge: must not depend on diesel"],
    );
    assert_found(
        edges_of("optional-edge", &rules::BOOTSTRAP),
        ["optional-edge: must not depend on diesel"],
    );
}

#[test]
fn a_forbidden_feature_of_a_permitted_library_is_caught() {
    assert_found(
        edges_of("feature-edge", &rules::APPLICATION),
        ["feature-edge: must not use the feature `net` of tokio"],
    );
    assert_found(
        closure_of("feature-edge"),
        ["feature-edge: must not depend on tokio with its feature `net` transitively"],
    );
}

#[test]
fn a_database_behind_a_permitted_library_is_caught() {
    assert_found(edges_of("transitive-edge", &rules::APPLICATION), []);
    assert_found(
        closure_of("transitive-edge"),
        ["transitive-edge: must not depend on diesel transitively"],
    );
}

#[test]
fn a_transitive_database_behind_a_feature_is_caught() {
    assert_found(
        closure_of("gated-transitive-edge"),
        ["gated-transitive-edge: must not depend on diesel transitively"],
    );
}

#[test]
fn the_standard_library_is_caught_behind_a_feature_and_under_another_name() {
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
        structure::closed_entities(&sources_of("open-entity"), "open-entity", rules::ENTITIES),
        [
            "open-entity/src/lib.rs: the entity `Batch` has the public field `allocated`",
            "open-entity/src/lib.rs: the entity `Line` has the public field `0`",
        ],
    );
}

#[test]
fn an_entity_that_is_missing_is_reported() {
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
fn an_allowed_lint_and_an_ignored_test_are_caught() {
    assert_found(
        sources_of("lints-weakened").iter().flat_map(lints::unweakened),
        [
            "lints-weakened/src/lib.rs:2: allows a lint",
            "lints-weakened/src/lib.rs:4: allows a lint",
            "lints-weakened/src/lib.rs:7: expects a lint without a reason",
            "lints-weakened/src/lib.rs:14: is an ignored test",
        ],
    );
}

#[test]
fn a_module_with_a_path_of_its_own_and_an_ignored_example_are_caught() {
    let text = format!(
        "#[path = \"../elsewhere.rs\"]\nmod elsewhere;\n\n{}ignore\n/// ```\nfn a() {{}}\n",
        "/// ```"
    );
    assert_found(
        lints::unweakened(&Source::parse("forged.rs", &text).expect("the forgery is Rust")),
        [
            "forged.rs:1: is a module with a path of its own, which the checks would not see",
            "forged.rs:4: is an ignored example",
        ],
    );
}

#[test]
fn a_test_may_include_a_source_of_its_own_crate_and_no_other() {
    let faults_of = |path: &str, included: &str| {
        let text = format!("#[path = \"{included}\"]\nmod schema;\n");
        let source = Source::parse(path, &text).expect("the forgery is Rust");
        lints::unweakened(&source).len()
    };
    assert_eq!(faults_of("crates/a/tests/store/main.rs", "../../src/schema.rs"), 0);
    assert_eq!(faults_of("crates/a/tests/store/main.rs", "../../../b/src/schema.rs"), 1);
    assert_eq!(faults_of("crates/a/src/store/mod.rs", "../schema.rs"), 1);
    // The servers are shared with every test, and with nothing else.
    let servers = "../../../tests/src/servers/brokers/mod.rs";
    assert_eq!(faults_of("crates/a/tests/main.rs", servers), 0);
    assert_eq!(
        faults_of("crates/a/tests/main.rs", "../../../tests/src/servers/smtp.rs"),
        0
    );
    assert_eq!(faults_of("crates/a/tests/main.rs", "../../../tests/src/shop.rs"), 1);
    assert_eq!(faults_of("crates/a/benches/main.rs", servers), 0);
    assert_eq!(faults_of("crates/a/src/main.rs", servers), 1);
    assert_eq!(faults_of("crates/a/tests/main.rs", "../../../tests/src/shop.rs"), 1);
}

#[test]
fn lints_that_are_switched_off_for_every_crate_are_caught() {
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
fn a_domain_that_waits_prints_or_reads_the_time_is_caught() {
    let text = "async fn a() {\n    println!(\"sent\");\n    b(Timestamp\n::now());\n}";
    assert_found(
        found_in("crates/domain/src", text),
        [
            "forged.rs:1: contains `async`",
            "forged.rs:2: contains `println`",
            "forged.rs:3: contains `Timestamp :: now`",
        ],
    );
}

#[test]
fn an_application_that_contains_json_sql_or_anyhow_is_caught() {
    let text = "//! No JSON here.\nfn a() -> anyhow::Result<()> {\n    serde_json::b(\"SELECT 1\")\n}";
    assert_found(
        found_in("crates/application/src", text),
        [
            "forged.rs:2: contains `anyhow`, in `anyhow`",
            "forged.rs:3: contains `json`, in `serde_json`",
            "forged.rs:3: contains SQL: `SELECT 1`",
        ],
    );
}

#[test]
fn an_adapter_that_names_another_is_caught() {
    let sqlite = "use crate::sqlite::SqliteStore;\n";
    for folder in ["http", "files", "memory", "postgres", "wire"] {
        assert_found(
            found_in(&format!("crates/adapters/src/{folder}"), sqlite),
            [
                "forged.rs:1: contains `sqlite`, in `sqlite`",
                "forged.rs:1: contains `sqlite`, in `SqliteStore`",
            ],
        );
    }
    let postgres = "use crate::postgres::B;\n";
    for folder in ["http", "files", "memory", "sqlite", "wire"] {
        let found = found_in(&format!("crates/adapters/src/{folder}"), postgres);
        assert_found(found, ["forged.rs:1: contains `postgres`, in `postgres`"]);
    }
    let memory = "use crate::{memory::A, wire};\n";
    for folder in ["http", "files", "sqlite", "postgres"] {
        assert_found(
            found_in(&format!("crates/adapters/src/{folder}"), memory),
            ["forged.rs:1: contains `memory`"],
        );
    }
    let actix = "use actix_web::web;\n";
    for folder in ["files", "memory", "sqlite", "postgres"] {
        let found = found_in(&format!("crates/adapters/src/{folder}"), actix);
        assert_found(found, ["forged.rs:1: contains `actix`, in `actix_web`"]);
    }
}

#[test]
fn a_handler_with_a_transaction_is_caught() {
    assert_found(
        found_in(
            "crates/adapters/src/http",
            "fn a() {\n    log(\"the transaction failed\");\n    store.transact(scope);\n}",
        ),
        ["forged.rs:3: contains `transact`, in `transact`"],
    );
}

#[test]
fn a_binary_with_sql_or_a_route_body_is_caught() {
    let text = "fn a() {\n    run(\"insert into batches values (1)\");\n    HttpResponse::Ok()\n}";
    assert_found(
        found_in("crates/bootstrap/src", text),
        [
            "forged.rs:2: contains SQL: `insert into batches values (1)`",
            "forged.rs:3: contains `HttpResponse`",
        ],
    );
}

fn tree(migrations: &[(&str, &str, u64)]) -> Tree {
    let files =
        |(name, file, size): &(&str, &str, u64)| (String::from(*name), BTreeMap::from([(String::from(*file), *size)]));
    migrations.iter().map(files).collect()
}

#[test]
fn a_migration_without_a_counterpart_is_caught() {
    let sqlite = tree(&[("0001_tables", "up.sql", 9), ("0002_names", "up.sql", 9)]);
    let postgres = tree(&[("0001_baseline", "up.sql", 9), ("0003_names", "up.sql", 9)]);
    assert_found(
        migrations::check(&sqlite, &postgres),
        [
            "sqlite/0002_names: has no counterpart in postgres",
            "postgres/0003_names: has no counterpart in sqlite",
        ],
    );
}

#[test]
fn an_empty_migration_and_a_repeated_number_are_caught() {
    let sqlite = tree(&[("0001_a", "up.sql", 0), ("0001_b", "down.sql", 9)]);
    let postgres = tree(&[("0001_a", "up.sql", 9)]);
    assert_found(
        migrations::check(&sqlite, &postgres),
        [
            "sqlite: has two migrations of the same number",
            "sqlite/0001_a: has no up.sql",
            "sqlite/0001_b: has no up.sql",
        ],
    );
}

#[test]
fn a_migration_that_the_version_before_cannot_live_beside_is_caught() {
    let taken = "takes away what the version before uses";
    for (sql, fault) in [
        ("DROP TABLE lines; -- and more", format!("{taken}: DROP TABLE LINES")),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ DROP VIEW v; $$; DROP FUNCTION\n place_lines",
            format!("{taken}: DROP FUNCTION PLACE_LINES"),
        ),
        (
            "ALTER TABLE lines ADD COLUMN a int, DROP COLUMN b;",
            format!("{taken}: DROP COLUMN B"),
        ),
        (
            "ALTER TABLE lines RENAME COLUMN a TO b",
            "gives another name to what the version before uses: ALTER TABLE LINES RENAME COLUMN A TO B".to_owned(),
        ),
        (
            "ALTER TABLE lines ALTER COLUMN a SET NOT NULL",
            "wants another value than the version before stores: ALTER TABLE LINES ALTER COLUMN A SET NOT NULL".to_owned(),
        ),
        (
            "ALTER TABLE lines ADD COLUMN a text CHECK (f(a, 1)) NOT NULL",
            "wants a value that the version before does not store: ALTER TABLE LINES ADD COLUMN A TEXT CHECK (F(A, 1)) NOT NULL"
                .to_owned(),
        ),
        (
            "ALTER TABLE lines DROP CONSTRAINT c, ADD CONSTRAINT d CHECK (a > 0)",
            "takes a constraint away, and puts none in its place: ALTER TABLE LINES DROP CONSTRAINT C".to_owned(),
        ),
        (
            "CREATE UNIQUE INDEX i ON lines (a)",
            "may refuse what the version before stores: CREATE UNIQUE INDEX I ON LINES (A)".to_owned(),
        ),
    ] {
        assert_found(living_beside::check("0002", sql), [&*format!("0002: {fault}")]);
    }
}

#[test]
fn a_migration_that_only_adds_is_let_through() {
    let sql = "-- DROP TABLE lines;\n\
        CREATE TABLE new (a int NOT NULL); CREATE UNIQUE INDEX i ON new (a); CREATE INDEX j ON lines (a);\
        ALTER TABLE lines ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b int CHECK (b > 0);\
        ALTER TABLE lines DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a IN ('x', 'y'));\
        CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $$ DELETE FROM lines; SELECT 1 $$; DROP INDEX k";
    assert_found(living_beside::check("0002", sql), []);
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
        ["forged: has the licence `GPL-3.0`, which is not permitted"],
    );
    assert_found(
        licences::check(&package(None, "git+x"), &permitted),
        [
            "forged: declares no licence",
            "forged: comes from a repository, not from a published release",
        ],
    );
}
