//! Encrypted connections, as a client sees them: certificates, HTTP/2, and clients that misbehave within the encryption.

mod authority;
mod certificates;
mod client;
mod files;
mod http2;
mod misbehaving;
mod site;
