//! `cargo xtask openid`: people who are signed in by a certified provider, on its own pages.
//!
//! The provider is installed into `target/openid`, in the version that `xtask/openid` names. It runs on Node 18, the oldest
//! that a supported Debian or Ubuntu has. It listens on loopback and ends with the story.

use xtask::{Failure, Interruptions, say};

use crate::workshop::Workshop;

/// What the provider is installed from and used with: the files of `xtask/openid`.
const FILES: [(&str, &str); 4] = [
    (PACKAGES, include_str!("../openid/package.json")),
    ("provider.mjs", include_str!("../openid/provider.mjs")),
    ("browser.mjs", include_str!("../openid/browser.mjs")),
    (STORY, include_str!("../openid/story.mjs")),
];

/// The provider.
const PACKAGES: &str = "package.json";

/// A program that runs the provider and a service, and goes from page to page.
const STORY: &str = "story.mjs";

/// Has people signed in. The provider warns of what it is not meant for, so only a failure is one.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let workshop = Workshop::open("openid", &FILES, interruptions)?;
    workshop.need(&["node", "npm"])?;
    workshop.node_packages(PACKAGES)?;
    let earmark = workshop.earmark()?;
    interruptions.step(workshop.command("node").arg(STORY).arg(earmark))?;
    say("\nPeople are signed in by oidc-provider, and out again.");
    Ok(())
}
