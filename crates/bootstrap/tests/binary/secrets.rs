//! Passwords: wherever one may be given, nothing that the binary prints has it.

use std::process::Command;

use crate::sandbox::Sandbox;

/// A password that occurs in nothing else.
const SECRET: &str = "s3cr-PLANTED-et";

/// Runs a command to its end, and asserts that it printed something without the secret.
#[track_caller]
fn keeps_the_secret(command: &mut Command) -> String {
    let output = command.output().expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let printed = text(output.stdout) + &text(output.stderr);
    assert!(!printed.is_empty(), "{command:?} printed nothing");
    // Nor the part of it before or behind a character that may end it.
    for part in ["PLANTED", "s3cr", "-et"] {
        assert!(!printed.contains(part), "{command:?} printed\n{printed}");
    }
    printed
}

/// URLs of a store, some that work and some that don't, with the secret as a password in every place that may have one.
fn urls() -> Vec<String> {
    let passwords = [
        SECRET.to_owned(),
        SECRET.replace('-', "?"),
        SECRET.replace('-', "@"),
        SECRET.replace('-', "/"),
        SECRET.replace('-', ":"),
        SECRET.replace('-', "#"),
        SECRET.replace('-', "&"),
        SECRET.replace('-', "%3f"),
        SECRET.replace('-', " "),
        SECRET.replace('-', "'"),
    ];
    let shapes = [
        "postgres://shop:SECRET@127.0.0.1:1/shop",
        "postgresql://shop:SECRET@127.0.0.1:1/shop?application_name=x",
        "postgres://shop:SECRET@127.0.0.1:1,127.0.0.2:1/shop",
        "postgres://shop@127.0.0.1:1/shop?password=SECRET",
        "postgres://shop@127.0.0.1:1/shop?sslmode=disable&password=SECRET&connect_timeout=1",
        "postgres://shop:SECRET@127.0.0.1:port/shop",
        "postgres://shop:SECRET@127.0.0.1:1/shop?nonsense=1",
        "postgres://shop:SECRET",
        "postgress://shop:SECRET@127.0.0.1/shop",
        "postgres:/shop:SECRET@127.0.0.1/shop",
        "POSTGRES://shop:SECRET@127.0.0.1/shop",
        "shop:SECRET@127.0.0.1/shop",
        "host=127.0.0.1 password=SECRET",
        "mysql://shop:SECRET@127.0.0.1/shop",
    ];
    let of = |shape: &str| -> Vec<String> {
        passwords
            .iter()
            .map(|password| shape.replace("SECRET", password))
            .collect()
    };
    shapes.into_iter().flat_map(of).collect()
}

#[test]
fn no_password_of_a_store_is_printed_from_a_flag_the_environment_or_a_file() {
    for url in urls() {
        let sandbox = Sandbox::empty();
        keeps_the_secret(sandbox.command(["settings", "--store", &url]).env("TERM", "dumb"));
        keeps_the_secret(sandbox.command(["settings"]).env("EARMARK__STORE__URL", &url));
        sandbox.file("earmark.toml", &format!("[store]\nurl = \"{url}\"\n"));
        keeps_the_secret(&mut sandbox.command(["settings"]));
    }
}

#[test]
fn no_password_is_printed_when_a_store_can_not_be_reached() {
    let sandbox = Sandbox::empty();
    for url in urls().iter().step_by(10) {
        for command in [
            ["verify"].as_slice(),
            &["serve", "--listen", "127.0.0.1:0"],
            &["migrate", "--check"],
        ] {
            let mut command = sandbox.command(command);
            let printed = keeps_the_secret(
                command
                    .env("EARMARK__STORE__URL", url)
                    .env("EARMARK__LOG__LEVEL", "trace"),
            );
            assert!(printed.contains("earmark: "), "{printed}");
        }
    }
}

#[test]
fn no_password_is_printed_when_the_command_line_or_the_file_can_not_be_read() {
    let url = format!("postgres://shop:{SECRET}@127.0.0.1:1/shop");
    let sandbox = Sandbox::empty();
    for arguments in [
        vec!["serve".to_owned(), url.clone()],
        vec![url.clone()],
        vec![format!("--stor={url}")],
        vec!["--stor".to_owned(), url.clone()],
        vec!["settings".to_owned(), format!("--listen={url}")],
        vec!["export".to_owned(), url.clone()],
        ["import", "orders", "-", "--to", &url].map(str::to_owned).to_vec(),
        ["import", "orders", "-", "--to", &url.replace("postgres", "http")]
            .map(str::to_owned)
            .to_vec(),
        ["import", "orders", &url].map(str::to_owned).to_vec(),
    ] {
        keeps_the_secret(&mut sandbox.command(arguments));
    }
    for file in [
        format!("[store]\nurl = \"{url}\n"),
        format!("[store]\nurl = {url}\n"),
        format!("[store\nurl = \"{url}\"\n"),
        format!("[store]\nurl = [\"{url}\"]\n"),
        format!("[store]\nurl = \"memory:\"\nurl = \"{url}\"\n"),
        format!("[store.url]\nurl = \"{url}\"\n"),
        format!("[http]\nlisten = \"{url}\"\n"),
        format!("[http]\nhosts = [\"{url}\"]\n"),
    ] {
        sandbox.file("earmark.toml", &file);
        keeps_the_secret(&mut sandbox.command(["settings"]));
    }
}
