//! The order of the modules within each crate: the table that the architecture tests enforce.
//!
//! A module may need those of its own layer and of lower ones, and no two files need each other.

use super::modules::Layers;

/// The crates whose modules are held to a declared order.
pub const LAYERS: &[Layers] = &[APPLICATION];

/// What commands, answers and failures are; then the ports; then what runs on them.
const APPLICATION: Layers = Layers {
    folder: "crates/application/src",
    module: "",
    order: &[
        &["answer", "decision", "envelope"],
        &["store_error"],
        &["read_models"],
        &["ports"],
        &["engine::hints", "engine::job"],
        &["engine::holds"],
        &["engine::shared"],
        &["engine::queue"],
        &["engine::decide"],
        &["engine::transaction"],
        &["engine::group"],
        &["engine::lane"],
        &["engine"],
        &["background"],
        &["verify::ports", "verify::report"],
        &["verify::order_projection"],
        &["verify"],
    ],
};
