//! Numbers as they are written: a floating-point number keeps about sixteen digits, and rounds what has more.

/// The position, among all numbers of a JSON text, of the first that is not whole and becomes whole when it is rounded.
/// The text must be valid JSON.
pub(super) fn first_rounded(json: &[u8]) -> Option<usize> {
    let mut position = 0;
    let mut rest = json;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match byte {
            b'"' => behind_string(behind),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
                let (number, behind) = rest.split_at(end);
                if is_rounded(number) {
                    return Some(position);
                }
                position += 1;
                behind
            }
            _ => behind,
        };
    }
    None
}

/// What follows a string, of which the opening quote has been read.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'"', behind @ ..] => return behind,
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
        };
    }
}

const fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Whether a number is not whole, and becomes whole when it is rounded.
fn is_rounded(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else {
        return false;
    };
    !is_whole(text) && text.parse::<f64>().is_ok_and(|rounded| rounded.fract() == 0.0)
}

/// Whether a decimal number is whole, by its digits.
fn is_whole(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('-');
    let exponent = exponent
        .parse()
        .unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    // Where the point is once the exponent has moved it, counted in digits.
    let length = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let point = usize::try_from(length.saturating_add(exponent).max(0)).unwrap_or(usize::MAX);
    whole
        .bytes()
        .chain(fraction.bytes())
        .skip(point)
        .all(|digit| digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_by_its_digits() {
        for whole in [
            "0",
            "-1",
            "1.0",
            "1.50e1",
            "100e-2",
            "1e99999999999999999999",
            "0e-99999999999999999999",
            "0.00",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for fraction in [
            "0.1",
            "1.5",
            "-1.05e1",
            "1e-1",
            "101e-2",
            "0.99999999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert!(!is_whole(fraction), "{fraction}");
        }
    }

    #[test]
    fn numbers_within_strings_do_not_count() {
        assert_eq!(
            first_rounded(br#"{"1.00000000000000000001": "\\\"1e-400", "a": [2, 1e-400]}"#),
            Some(1)
        );
        assert_eq!(first_rounded(br#"["1e-400", 1.5, 2]"#), None);
    }
}
