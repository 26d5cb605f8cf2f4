//! stub
/// x
#[derive(Debug)]
pub struct Product {}
