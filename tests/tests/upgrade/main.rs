//! Upgrades: the books of each version are opened by this one ([`books`]), and instances of two versions work side by side
//! while they are replaced ([`beside`]).

#[cfg(feature = "servers")]
mod beside;
mod books;
