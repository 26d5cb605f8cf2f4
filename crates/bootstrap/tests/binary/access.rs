//! Access: the keys of the command line, and where the service starts without one.

use crate::sandbox::{Run, Sandbox};
use crate::service::Service;

fn keys(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.run([&["keys"], arguments].concat())
}

/// The key that a command has printed, and nothing else, on standard output.
fn secret(run: &Run) -> String {
    let secret = run.out.trim().to_owned();
    let digits = secret.strip_prefix("earmark_").expect("a key");
    assert_eq!(digits.len(), 72);
    secret
}

/// The status of the answer to a GET with a key.
fn status(service: &Service, key: &str) -> String {
    let answer = service.get_with("/v1/products", &format!("authorization: Bearer {key}\r\n"));
    answer.split(' ').nth(1).expect("a status").to_owned()
}

#[test]
fn the_service_does_not_start_where_others_reach_it_unless_a_key_was_made() {
    let sandbox = Sandbox::empty();
    let refused = sandbox.run(["serve", "--listen", "0.0.0.0:0"]).fails_with(1);
    for advice in [
        "earmark keys create --name admin --role admin",
        "127.0.0.1",
        "--insecure",
    ] {
        assert!(refused.err.contains(advice), "{}", refused.err);
    }
}

#[test]
fn the_first_key_is_made_before_the_service_runs_and_closes_it() {
    let sandbox = Sandbox::empty();
    let made = keys(
        &sandbox,
        &["create", "--name", "admin", "--role", "admin", "--role", "viewer"],
    )
    .succeeds();
    assert!(made.err.contains("can't be shown again"), "{}", made.err);
    let key = secret(&made);
    let service = Service::start(&sandbox, &["serve"]);
    assert_eq!(status(&service, &key), "200");
    assert!(service.get("/v1/products").starts_with("HTTP/1.1 401"));
    assert!(service.get("/health/live").starts_with("HTTP/1.1 200"));
    drop(service.end());
    let again = keys(&sandbox, &["create", "--name", "admin", "--role", "viewer"]).fails_with(1);
    assert!(again.err.contains("there is a key admin already"), "{}", again.err);
}

#[test]
fn keys_are_listed_rotated_and_revoked() {
    let sandbox = Sandbox::empty();
    let none = keys(&sandbox, &["list"]).fails_with(1);
    assert!(none.err.contains("there is no database"), "{}", none.err);
    let made = keys(
        &sandbox,
        &["create", "--name", "web-shop", "--role", "sales", "--expires", "365d"],
    )
    .succeeds();
    let first = secret(&made);
    let second = secret(&keys(&sandbox, &["rotate", "web-shop"]).succeeds());
    let service = Service::start(&sandbox, &["serve"]);
    assert_eq!(
        (status(&service, &first), status(&service, &second)),
        ("401".to_owned(), "200".to_owned())
    );
    drop(service.end());
    let listed = keys(&sandbox, &["list"]).succeeds().out;
    assert!(
        listed.starts_with("web-shop\tsales\tno end\tlast used at 2"),
        "{listed}"
    );
    assert!(!listed.contains(&second));
    keys(&sandbox, &["revoke", "web-shop"]).succeeds();
    let listed = keys(&sandbox, &["list"]).succeeds().out;
    assert!(listed.contains("revoked at"), "{listed}");
    let service = Service::start(&sandbox, &["serve"]);
    assert_eq!(status(&service, &second), "401");
    drop(service.end());
    for gone in [["rotate", "web-shop"], ["revoke", "nobody"], ["rotate", "nobody"]] {
        keys(&sandbox, &gone).fails_with(1);
    }
}

#[test]
fn what_is_wrong_with_a_key_is_said() {
    let sandbox = Sandbox::empty();
    for (wrong, said) in [
        (
            &["create", "--name", "two words", "--role", "sales"][..],
            "a key's name has",
        ),
        (
            &["create", "--name", "earmark", "--role", "sales"],
            "the service goes by the name",
        ),
        (
            &["create", "--name", "shop", "--role", "root"],
            "the roles are viewer, sales",
        ),
        (&["create", "--name", "shop"], "--role"),
        (
            &["create", "--name", "shop", "--role", "sales", "--expires", "soon"],
            "365d",
        ),
        (
            &[
                "create",
                "--name",
                "shop",
                "--role",
                "sales",
                "--expires",
                "2020-01-01T00:00:00Z",
            ],
            "is over",
        ),
    ] {
        let refused = keys(&sandbox, wrong).fails_with(2);
        assert!(refused.err.contains(said), "{}", refused.err);
    }
}

#[test]
fn an_import_into_a_service_shows_the_key_of_the_environment() {
    let sandbox = Sandbox::empty();
    let key = secret(&keys(&sandbox, &["create", "--name", "files", "--role", "planner"]).succeeds());
    let service = Service::start(&sandbox, &["serve"]);
    let file = sandbox.file("batches.csv", "reference,sku,quantity,eta\nB-1,LAMP,10,\n");
    let import = |key: Option<&str>| {
        let mut command = sandbox.command(["import", "batches", &file, "--to", &service.url()]);
        command.envs(key.map(|key| ("EARMARK_KEY", key)));
        Run::of(&mut command)
    };
    let refused = import(None).fails_with(1);
    assert!(refused.err.contains("401"), "{}", refused.err);
    let refused = import(Some("earmark_1")).fails_with(2);
    assert!(
        refused.err.contains("EARMARK_KEY is not an access key"),
        "{}",
        refused.err
    );
    drop(import(Some(&key)).succeeds().reports("created", 1));
    drop(service.end());
}
