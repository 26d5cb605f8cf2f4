//! Manual pages and completions, for those who make packages.

use std::fs;
use std::process::Command;

use crate::sandbox::{Run, Sandbox};

#[test]
fn the_manual_is_written_into_a_folder_and_its_first_page_to_standard_output() {
    let sandbox = Sandbox::empty();
    let folder = sandbox.folder().join("share/man1");
    let folder = folder.to_str().expect("text");
    sandbox.run(["man", folder]).succeeds();
    // Twice: a package is built again.
    sandbox.run(["man", folder]).succeeds();
    let page = |name: &str| fs::read_to_string(format!("{folder}/{name}")).expect("a page");
    assert!(page("earmark-keys-create.1").contains("\\-\\-role"));
    assert!(page("earmark-health.1").contains(".SH \"EXIT STATUS\"\n"));
    assert_eq!(sandbox.run(["man"]).succeeds().out.trim(), page("earmark.1").trim());
    let file = sandbox.file("taken", "");
    let run = sandbox.run(["man", &file]).fails_with(1);
    assert!(run.err.contains("the manual can't be written"), "{}", run.err);
}

#[test]
fn bash_completes_commands_and_flags() {
    let sandbox = Sandbox::empty();
    let script = sandbox.run(["completions", "bash"]).succeeds().out;
    let script = sandbox.file("earmark.bash", &script);
    let completed = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let line = format!(
            "set -u; . {script}; COMP_WORDS=({}); COMP_CWORD={}; _earmark earmark {last:?} {before:?}; echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words.len() - 1
        );
        Run::of(Command::new("bash").args(["--norc", "-c", &line]))
            .succeeds()
            .out
    };
    assert_eq!(completed("earmark exp").trim(), "export");
    assert_eq!(completed("earmark keys rev").trim(), "revoke");
    assert_eq!(completed("earmark health --u").trim(), "--url");
}

#[test]
fn every_shell_gets_its_completions_and_an_unknown_one_is_refused() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(["completions", shell]).succeeds().out;
        for command in ["serve", "import", "put-aside-is-none", "health"] {
            let is_there = script.contains(command);
            assert_eq!(is_there, command != "put-aside-is-none", "{shell}: {command}");
        }
    }
    let run = sandbox.run(["completions", "tcsh"]).fails_with(2);
    assert!(run.err.contains("bash") && run.err.contains("fish"), "{}", run.err);
}
