//! The books as they are stored.

use earmark_application::{Books, BooksId, Epoch, StoreError};

/// The books, from the rows of both tables: that of the books, and those of their epochs, by number. Books that were
/// never opened to be written have no epoch yet, and no event either.
pub(crate) fn books(ids: &[String], epochs: &[(i64, i64)]) -> Result<Books, StoreError> {
    let [id] = ids else {
        return Err(StoreError::Corrupt(format!(
            "books: there are {} rows, not one",
            ids.len()
        )));
    };
    let id: BooksId = id
        .parse()
        .map_err(|why| StoreError::Corrupt(format!("books {id}: {why}")))?;
    if epochs.is_empty() {
        return Ok(Books::new(id, [Epoch { number: 1, after: 0 }].into()));
    }
    let epochs = epochs.iter().map(|(number, after)| {
        let read = u64::try_from(*number).ok().zip(u64::try_from(*after).ok());
        let (number, after) =
            read.ok_or_else(|| StoreError::Corrupt(format!("epochs {number}: a number is negative")))?;
        Ok(Epoch { number, after })
    });
    Ok(Books::new(id, epochs.collect::<Result<_, StoreError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_have_one_name_and_the_epochs_that_are_stored() {
        let id = "0123456789abcdef0123456789abcdef".to_owned();
        let read = books(std::slice::from_ref(&id), &[(1, 0), (7, 20)]).expect("books");
        assert_eq!(read.event_id(21).to_string(), format!("{id}-7-21"));
        let unopened = books(std::slice::from_ref(&id), &[]).expect("books");
        assert_eq!(unopened.epoch(), 1);
        for (ids, epochs) in [
            (vec![], vec![(1, 0)]),
            (vec![id.clone(), id.clone()], vec![(1, 0)]),
            (vec!["shop".to_owned()], vec![(1, 0)]),
            (vec![id], vec![(1, -1)]),
        ] {
            assert!(
                matches!(books(&ids, &epochs), Err(StoreError::Corrupt(_))),
                "{ids:?} {epochs:?}"
            );
        }
    }
}
