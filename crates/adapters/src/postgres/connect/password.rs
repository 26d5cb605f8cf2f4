//! Passwords that are not in the URL: `PGPASSWORD`, and the password file that PostgreSQL's own clients read
//! (`PGPASSFILE`, or `.pgpass` in the home folder).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the password for a connection comes from, if the URL has none.
#[derive(Clone, Default)]
pub(super) struct Passwords {
    /// For every connection.
    always: Option<String>,
    /// Lines of the password file.
    file: Vec<Entry>,
}

/// A line of the password file: `host:port:database:user:password`. `*` stands for anything.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    matches: [String; 4],
    password: String,
}

impl Passwords {
    /// Those of the environment. A file that others may read is passed over, as PostgreSQL's own clients do, and the
    /// log says so.
    pub(super) fn of_environment() -> Self {
        if let Some(always) = env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()) {
            return Self {
                always: Some(always),
                file: Vec::new(),
            };
        }
        let named = env::var_os("PGPASSFILE").map(PathBuf::from);
        let path = named.clone().or_else(|| Some(env::home_dir()?.join(".pgpass")));
        let Some(path) = path.filter(|path| named.is_some() || path.exists()) else {
            return Self::default();
        };
        match read(&path) {
            Ok(text) => Self {
                always: None,
                file: entries(&text),
            },
            Err(why) => {
                tracing::warn!(file = %path.display(), %why, "the password file is passed over");
                Self::default()
            }
        }
    }

    /// The password for a connection.
    pub(super) fn find(&self, host: &str, port: u16, database: &str, user: &str) -> Option<&str> {
        let port = port.to_string();
        let wanted = [host, &port, database, user];
        let found = self.file.iter().find(|entry| {
            let fields = entry.matches.iter().zip(wanted);
            fields
                .into_iter()
                .all(|(field, wanted)| field == "*" || field == wanted)
        });
        self.always
            .as_deref()
            .or_else(|| found.map(|entry| entry.password.as_str()))
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        const OTHERS: u32 = 0o077;
        if fs::metadata(path)?.permissions().mode() & OTHERS != 0 {
            return Err(std::io::Error::other("others may read it; its mode should be 0600"));
        }
    }
    fs::read_to_string(path)
}

fn entries(text: &str) -> Vec<Entry> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(entry)
        .collect()
}

/// Reads a line. A backslash takes the colon or backslash behind it as it stands.
fn entry(line: &str) -> Option<Entry> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(characters.next()),
            other => fields.last_mut()?.push(other),
        }
    }
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
    Some(Entry {
        matches: [host, port, database, user],
        password,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let passwords = Passwords {
            always: None,
            file: entries("# ours\nhere:5432:shop:me:one\nnonsense\n*:*:*:me:t\\:w\\\\o:\n"),
        };
        assert_eq!(passwords.find("here", 5432, "shop", "me"), Some("one"));
        assert_eq!(passwords.find("there", 5432, "shop", "me"), Some("t:w\\o:"));
        assert_eq!(passwords.find("here", 5432, "shop", "you"), None);
        let always = Passwords {
            always: Some("three".to_owned()),
            file: Vec::new(),
        };
        assert_eq!(always.find("here", 5432, "shop", "you"), Some("three"));
    }
}
