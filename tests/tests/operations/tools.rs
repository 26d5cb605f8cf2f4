//! What the tools say that these files are for: Prometheus's own, systemd's, the shells, the readers of manuals.
//! `cargo xtask test` installs them.

use std::path::Path;
use std::process::Command;

use earmark_tests::service::earmark;
use tempfile::TempDir;

use crate::files::path;

/// How exposed the service may be, of 100: tenths of what `systemd-analyze` says.
const EXPOSURE: &str = "--threshold=15";

/// Runs a tool, which has nothing to say against it.
fn accepts(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| unreachable!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}:\n{said}");
    said
}

fn promtool(arguments: &[&str]) -> String {
    accepts(
        Command::new("promtool")
            .args(arguments)
            .current_dir(path("examples/operations/prometheus")),
    )
}

#[test]
fn prometheus_takes_its_configuration_and_the_alerts() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"]);
}

#[test]
fn every_alert_fires_when_it_should_and_not_otherwise() {
    promtool(&["test", "rules", "alerts_test.yml"]);
}

#[test]
fn the_unit_gives_the_service_few_rights() {
    let unit = path("examples/operations/systemd/earmark.service");
    accepts(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", EXPOSURE])
            .arg(unit),
    );
}

/// A directive that systemd does not know is passed over when the unit is loaded, so a slip gives rights.
#[test]
fn systemd_knows_every_directive_of_the_unit() {
    let folder = TempDir::new().expect("a folder");
    let unit = std::fs::read_to_string(path("examples/operations/systemd/earmark.service")).expect("the unit");
    let verified = |unit: &str| {
        let file = folder.path().join("earmark.service");
        std::fs::write(&file, unit).expect("it is written");
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no", "--recursive-errors=no"]).arg(file);
        let output = verify.output().expect("systemd-analyze");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Any program that is there: ours is not where the unit says.
    let unit = unit.replace("/usr/local/bin/earmark", "/bin/true");
    let said = verified(&unit);
    assert!(!said.contains("earmark.service:"), "{said}");
    let said = verified(&unit.replace("PrivateTmp", "PrivateTemp"));
    assert!(said.contains("PrivateTemp"), "{said}");
}

/// A file with the completions for a shell.
async fn completions(folder: &Path, shell: &str) -> std::path::PathBuf {
    let script = earmark("memory:", &["completions", shell]).await.out;
    let file = folder.join(shell);
    std::fs::write(&file, script).expect("it is written");
    file
}

#[tokio::test]
async fn shells_can_read_their_completions() {
    let folder = TempDir::new().expect("a folder");
    for (shell, arguments) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-f", "-n"]),
        ("fish", &["--no-config", "-n"]),
    ] {
        let file = completions(folder.path(), shell).await;
        accepts(
            Command::new(shell)
                .args(arguments)
                .arg(&file)
                .env("HOME", folder.path()),
        );
    }
}

#[tokio::test]
async fn the_manual_can_be_read_without_an_error() {
    let folder = TempDir::new().expect("a folder");
    let pages = folder.path().join("man1");
    let made = earmark("memory:", &["man", pages.to_str().expect("text")]).await;
    assert_eq!(made.code, Some(0), "{}", made.err);
    let mut checked = 0;
    for page in std::fs::read_dir(&pages).expect("a folder") {
        let page = page.expect("a file").path();
        let said = accepts(Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(&page));
        assert_eq!(said, "", "{}", page.display());
        let shown = accepts(Command::new("mandoc").args(["-T", "ascii"]).arg(&page));
        assert!(shown.contains("Earmark Manual"), "{shown}");
        checked += 1;
    }
    assert!(checked > 25, "{checked}");
}
