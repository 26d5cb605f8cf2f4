//! The rules for the modules of a crate bite: forged crates, as source texts.

use earmark_tests::architecture::modules::{Layers, ModuleGraph};
use earmark_tests::architecture::sources::Source;

use crate::assert_found;

fn graph(files: &[(&str, &str)]) -> ModuleGraph {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source::parse(format!("src/{path}"), text).expect("the forgery is Rust"))
        .collect();
    ModuleGraph::of(&sources, "src")
}

const fn layers(order: &'static [&'static [&'static str]]) -> Layers {
    Layers {
        folder: "src",
        module: "",
        order,
    }
}

/// A crate in order: each file needs lower ones only, and the root and `engine` re-export what is in their children.
const SOUND: &[(&str, &str)] = &[
    (
        "lib.rs",
        "mod answer;\nmod engine;\npub use answer::Answer;\npub use engine::{Engine, Lane};",
    ),
    ("answer.rs", "pub struct Answer;"),
    (
        "engine/mod.rs",
        "mod lane;\nmod job;\npub use lane::Lane;\npub struct Engine(job::Job);",
    ),
    ("engine/job.rs", "pub struct Job(crate::answer::Answer);"),
    ("engine/lane.rs", "use super::job::Job;\npub struct Lane(Job);"),
];

#[test]
fn a_crate_in_order_is_accepted() {
    let graph = graph(SOUND);
    assert_found(graph.cycles(), []);
    assert_found(
        graph.check(&layers(&[
            &["answer"],
            &["engine::job"],
            &["engine::lane"],
            &["engine"],
        ])),
        [],
    );
}

#[test]
fn the_code_suggests_its_layers() {
    let expected = "&[\"answer\"],\n&[\"engine::job\"],\n&[\"engine\", \"engine::lane\"],\n";
    assert_eq!(graph(SOUND).proposal(""), expected);
    assert_eq!(graph(SOUND).proposal("engine"), "&[\"job\"],\n&[\"lane\"],\n");
}

#[test]
fn two_files_that_need_each_other_are_caught() {
    let graph = graph(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;\nfn make() -> crate::a::A {\n    todo!()\n}"),
    ]);
    assert_found(graph.cycles(), ["src/a.rs:1: files need each other: a -> b -> a"]);
}

#[test]
fn three_files_that_need_each_other_through_super_are_caught() {
    let graph = graph(&[
        ("lib.rs", "mod engine;"),
        (
            "engine/mod.rs",
            "mod job;\nmod lane;\npub struct Engine;\nfn start() {\n    lane::run();\n}",
        ),
        ("engine/lane.rs", "use super::job::Job;\npub fn run() { Job::new(); }"),
        ("engine/job.rs", "use super::Engine;\npub struct Job(Engine);"),
    ]);
    assert_found(
        graph.cycles(),
        ["src/engine/mod.rs:5: files need each other: engine -> engine::lane -> engine::job -> engine"],
    );
}

#[test]
fn a_need_behind_a_re_export_is_caught() {
    let graph = graph(&[
        ("lib.rs", "mod a;\nmod inner;\npub use inner::Deep;"),
        ("a.rs", "pub struct A(crate::Deep);"),
        ("inner/mod.rs", "mod deep;\npub use deep::Deep;"),
        ("inner/deep.rs", "pub struct Deep;\nfn a(_: &crate::a::A) {}"),
    ]);
    assert_found(
        graph.cycles(),
        ["src/a.rs:1: files need each other: a -> inner::deep -> a"],
    );
}

#[test]
fn a_parent_that_uses_what_it_re_exports_is_caught() {
    let graph = graph(&[
        ("lib.rs", "mod shop;"),
        (
            "shop/mod.rs",
            "mod shelf;\npub use shelf::Shelf;\npub struct Shop(Shelf);",
        ),
        ("shop/shelf.rs", "pub struct Shelf;\nfn shop(_: &super::Shop) {}"),
    ]);
    assert_found(
        graph.cycles(),
        ["src/shop/mod.rs:3: files need each other: shop -> shop::shelf -> shop"],
    );
}

#[test]
fn needs_in_globs_macros_and_attributes_are_caught() {
    for text in [
        "use crate::b::*;",
        "use crate::b::{self as other};\nfn a() -> other::B { todo!() }",
        "fn a() {\n    println!(\"{:?}\", crate::b::B);\n}",
        "#[derived(table = crate::b::table)]\npub struct Row;",
        "macro_rules! make {\n    () => { $crate::b::B };\n}",
    ] {
        let graph = graph(&[
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", &format!("{text}\npub struct A;")),
            ("b.rs", "use super::a::A;\npub struct B(A);"),
        ]);
        assert_eq!(graph.cycles().len(), 1, "{text}");
    }
}

#[test]
fn a_macro_is_found_where_it_is_defined() {
    let graph = graph(&[
        ("lib.rs", "#[macro_use]\nmod a;\nmod b;"),
        (
            "a.rs",
            "use crate::b::B;\nmacro_rules! columns { () => {} }\nfn a(_: B) {}",
        ),
        ("b.rs", "pub struct B;\ncolumns!();"),
    ]);
    assert_found(graph.cycles(), ["src/a.rs:1: files need each other: a -> b -> a"]);
}

#[test]
fn test_modules_do_not_count() {
    let graph = graph(&[
        ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod fixtures;"),
        (
            "a.rs",
            "pub struct A;\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}",
        ),
        ("b.rs", "use crate::a::A;\npub struct B(A);"),
        ("fixtures.rs", "use crate::b::B;"),
    ]);
    assert_found(graph.cycles(), []);
    assert_found(graph.check(&layers(&[&["a"], &["b"]])), []);
}

#[test]
fn a_module_that_needs_a_higher_layer_is_caught() {
    let order: &[&[&str]] = &[&["answer"], &["engine::lane"], &["engine::job"], &["engine"]];
    let upward = ["src/engine/lane.rs:1: `engine::lane` needs `engine::job` of a higher layer"];
    assert_found(graph(SOUND).check(&layers(order)), upward);
    // Nor may anything need the root, which is above all.
    let with_root_item = graph(&[
        ("lib.rs", "mod a;\npub struct Root;"),
        ("a.rs", "struct A(crate::Root);"),
    ]);
    assert_found(
        with_root_item.check(&layers(&[&["a"]])),
        ["src/a.rs:1: `a` needs `crate` of a higher layer"],
    );
    assert_found(with_root_item.check(&layers(&[&["self"], &["a"]])), []);
}

#[test]
fn the_layers_of_a_module_below_the_root_are_checked() {
    let layers = |order| Layers {
        module: "engine",
        ..layers(order)
    };
    assert_found(graph(SOUND).check(&layers(&[&["job"], &["lane"]])), []);
    assert_found(
        graph(SOUND).check(&layers(&[&["lane"], &["job"]])),
        ["src/engine/lane.rs:1: `engine::lane` needs `engine::job` of a higher layer"],
    );
}

#[test]
fn a_module_without_a_layer_and_a_layer_without_a_module_are_caught() {
    assert_found(
        graph(SOUND).check(&layers(&[&["envelope"], &["engine"]])),
        [
            "src: has no module `envelope` for its layer",
            "src/answer.rs: belongs to no layer",
        ],
    );
}
