//! The status of an answer, from the number that every transport shows.

use actix_web::http::StatusCode;

/// The status. A number that is none is a defect.
pub(crate) fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::answers::kinds;

    #[test]
    fn every_kind_of_problem_has_a_status_of_http() {
        for kind in kinds::ALL {
            assert_eq!(status(kind.status).as_u16(), kind.status, "{}", kind.code);
        }
    }
}
