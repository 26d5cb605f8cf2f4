//! The file of the database: backed up, restored, copied without its log, and deleted while it is in use.

use std::fs;

use crate::sandbox::Sandbox;
use crate::service::Service;

/// Allocates a line of its own; returns the head of the answer.
fn allocate(service: &Service, order: &str) -> String {
    let body = format!("{{\"order_id\":\"{order}\",\"sku\":\"SMALL-TABLE\",\"quantity\":1}}");
    let answer = service.post("/v1/allocations", &body);
    answer.lines().next().unwrap_or_default().to_owned()
}

fn stocked_service(sandbox: &Sandbox) -> Service {
    let service = Service::start(sandbox, &[]);
    let batch = "{\"reference\":\"own\",\"sku\":\"SMALL-TABLE\",\"quantity\":1000}";
    assert!(service.post("/v1/batches", batch).starts_with("HTTP/1.1 201 "));
    service
}

#[test]
fn a_service_whose_database_is_deleted_acknowledges_nothing_more_and_is_not_ready() {
    let sandbox = Sandbox::empty();
    let service = stocked_service(&sandbox);
    assert!(allocate(&service, "before").contains(" 201 "));
    fs::remove_file(sandbox.database()).expect("deleted");
    for order in ["after", "later", "before"] {
        assert!(allocate(&service, order).contains(" 503 "), "{order}");
    }
    assert!(service.get("/health/ready").starts_with("HTTP/1.1 503 "));
    assert!(service.get("/health/live").starts_with("HTTP/1.1 200 "));
    let log = String::from_utf8(service.end().stderr).expect("text");
    assert!(log.contains("earmark.db was removed while it was in use"), "{log}");
    assert!(log.contains("stop the service"), "{log}");
}

#[test]
fn a_database_copied_without_its_log_is_refused_by_verify_and_by_the_service() {
    let sandbox = Sandbox::empty();
    let service = stocked_service(&sandbox);
    assert!(allocate(&service, "o-1").contains(" 201 "));
    let copy = sandbox.folder().join("copy.db");
    fs::copy(sandbox.database(), &copy).expect("copied");
    drop(service.end());
    let store = format!("sqlite:{}", copy.display());
    for command in ["verify", "serve"] {
        let run = sandbox.run([command, "--store", &store]).fails_with(1);
        assert!(
            run.err.contains("is incomplete: the log that it was used with"),
            "{}",
            run.err
        );
        assert!(run.err.contains("earmark backup"), "{}", run.err);
        assert!(!run.out.contains("all is sound"), "{}", run.out);
    }
    let run = sandbox.run(["migrate", "--without-log", "--store", &store]).succeeds();
    assert!(run.out.contains("the commits in it are lost"), "{}", run.out);
}

#[test]
fn a_backup_of_a_running_service_has_everything_and_is_restored_when_the_service_is_stopped() {
    let sandbox = Sandbox::empty();
    let service = stocked_service(&sandbox);
    for order in 0..20 {
        assert!(allocate(&service, &format!("o-{order}")).contains(" 201 "));
    }
    // One that was killed has left what it had.
    fs::write(sandbox.folder().join("copy.db.unfinished"), "half a copy").expect("written");
    let run = sandbox.run(["backup", "copy.db"]).succeeds().reports("lines", 20);
    assert!(
        run.out.contains("all is sound") && run.out.contains("copied to copy.db"),
        "{}",
        run.out
    );
    let run = sandbox.run(["backup", "copy.db"]).fails_with(1);
    assert!(run.err.contains("--replace"), "{}", run.err);
    assert!(allocate(&service, "after the backup").contains(" 201 "));
    let run = sandbox.run(["restore", "copy.db"]).fails_with(1);
    assert!(run.err.contains("is in use; stop the service first"), "{}", run.err);
    assert!(allocate(&service, "still served").contains(" 201 "));
    let newest = service.get("/v1/events?after=now");
    let (_, seen) = newest.split_once("\"next\":\"").expect("a cursor");
    let seen = seen.trim_end().trim_end_matches("\"}").to_owned();
    drop(service.end());

    let run = sandbox.run(["restore", "copy.db"]).succeeds();
    assert!(run.out.contains("the database before is"), "{}", run.out);
    sandbox.run(["verify"]).succeeds().reports("lines", 20);
    let service = Service::start(&sandbox, &[]);
    // A reader of events that has seen more than was backed up.
    let refused = service.get(&format!("/v1/events?after={seen}"));
    assert!(
        refused.starts_with("HTTP/1.1 410 ") && refused.contains("cursor_gone"),
        "{refused}"
    );
    assert!(allocate(&service, "after the restore").contains(" 201 "));
    let again = service.get("/v1/events?limit=1&type=Allocated&order_id=after%20the%20restore");
    assert!(
        !again.contains("-1-22\""),
        "the id of an event is not given again: {again}"
    );
    assert!(again.contains("\"sequence\":22,"), "{again}");
    drop(service.end());
    let before = "sqlite:earmark.db.before-restore-1";
    sandbox
        .run(["verify", "--store", before])
        .succeeds()
        .reports("lines", 22);
    sandbox.run(["backup", "--replace", "copy.db"]).succeeds();
    let names = fs::read_dir(sandbox.folder()).expect("a folder");
    let unfinished = names.filter(|name| {
        let name = name.as_ref().expect("a name").file_name();
        name.to_string_lossy().ends_with(".unfinished")
    });
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn a_backup_of_postgres_is_refused_with_the_programs_for_it() {
    let run = Sandbox::empty().run(["backup", "copy.db", "--store", "postgres://nobody@127.0.0.1:9/none"]);
    assert!(run.fails_with(2).err.contains("pg_dump"));
}
