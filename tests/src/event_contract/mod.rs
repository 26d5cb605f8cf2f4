//! The contract of events: the schemas that others keep, and what may change of them.
//!
//! [`stored`] is what the repository has promised, in `docs/events`; [`current`] is what the code says. [`changes`] tells
//! them apart, and [`page`] is the page that people read.

mod changes;
mod page;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use earmark_adapters::wire::EVENT_FORMAT;
use earmark_adapters::wire::events::event_schema;
use earmark_domain::EVENT_TYPES;
use serde_json::Value;

pub use changes::{Change, changes};
pub use page::page;

/// Schemas by type of event.
pub type Schemas = BTreeMap<String, Value>;

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn folder() -> PathBuf {
    documents().join(format!("events/v{EVENT_FORMAT}"))
}

/// Where the page is.
#[must_use]
pub fn page_path() -> PathBuf {
    documents().join("events.md")
}

/// The schemas of the code.
///
/// # Panics
/// When a type has none.
#[must_use]
pub fn current() -> Schemas {
    let one = |name: &str| (name.to_owned(), event_schema(name).expect("a known type"));
    EVENT_TYPES.into_iter().map(one).collect()
}

/// The schemas of the repository, of the present version. None where there is no such version yet.
///
/// # Errors
/// When a file can't be read, or is not JSON.
pub fn stored() -> io::Result<Schemas> {
    let mut schemas = Schemas::new();
    let files = match fs::read_dir(folder()) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(schemas),
        Err(error) => return Err(error),
    };
    for file in files {
        let path = file?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            let schema = serde_json::from_str(&fs::read_to_string(&path)?).map_err(io::Error::other)?;
            schemas.insert(name.to_owned(), schema);
        }
    }
    Ok(schemas)
}

/// Writes the schemas to the repository.
///
/// # Errors
/// When a file can't be written.
pub fn store(schemas: &Schemas) -> io::Result<()> {
    fs::create_dir_all(folder())?;
    for (name, schema) in schemas {
        fs::write(folder().join(format!("{name}.json")), format!("{schema:#}\n"))?;
    }
    Ok(())
}
