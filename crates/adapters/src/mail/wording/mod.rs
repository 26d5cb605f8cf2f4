//! How a digest is put into words, as plain text and as HTML.

mod html;
mod names;
mod render;
mod text;
mod words;

pub use render::digest_mail;
