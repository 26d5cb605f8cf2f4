//! Gzip: the members of a packed file, one behind the other.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks consecutive gzip members as one text. Zero bytes behind a member are padding, as tapes and block devices add
/// it; anything else there is an error.
pub(super) struct GzipMembers<R> {
    /// `None` once the last member has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    /// The members of these bytes, which begin with one.
    pub(super) fn new(packed: R) -> Self {
        Self {
            member: Some(GzDecoder::new(packed)),
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(mut packed) = self.member.take().map(GzDecoder::into_inner) else {
                break;
            };
            if skip_padding(&mut packed)? {
                self.member = Some(GzDecoder::new(packed));
            }
        }
        Ok(0)
    }
}

/// Skips zero bytes. Returns whether anything follows them.
fn skip_padding(packed: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = packed.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (ends, follows) = (bytes.is_empty(), zeros < bytes.len());
        packed.consume(zeros);
        if ends || follows {
            return Ok(follows);
        }
    }
}
