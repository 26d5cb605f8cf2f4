//! The service under test: started, asked, stopped, and its store audited.

pub(crate) mod audit;
pub(crate) mod certificate;
pub(crate) mod http;
pub(crate) mod running;
