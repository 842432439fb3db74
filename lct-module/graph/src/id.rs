//! What an id of a visitor or a space may be.

use std::fmt;

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a byte string is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// Empty, or longer than [`MAX_ID_BYTES`].
    Length,
    /// Not UTF-8.
    NotUtf8,
    /// Holds a control character: U+0000 to U+001F or U+007F to U+009F.
    Control,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "must be 1 to 128 bytes long",
            Self::NotUtf8 => "must be UTF-8",
            Self::Control => "must not hold control characters",
        })
    }
}

impl std::error::Error for IdError {}

/// Checks that `id` is UTF-8, 1 to 128 bytes long and free of control characters.
///
/// # Errors
/// The first rule broken, in the order of [`IdError`].
pub fn check_id(id: &[u8]) -> Result<(), IdError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(IdError::Length);
    }
    // Nearly every id is printable ASCII, where each byte speaks for itself.
    let printable = id
        .iter()
        .fold(true, |all, byte| all & (0x20..0x7f).contains(byte));
    if printable {
        return Ok(());
    }
    let text = std::str::from_utf8(id).map_err(|_| IdError::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_contract_takes() {
        for id in [
            "a",
            "plus+code",
            " ",
            "café",
            "\u{a0}",
            "\u{10ffff}",
            &"x".repeat(128),
        ] {
            assert_eq!(check_id(id.as_bytes()), Ok(()), "{id:?}");
        }
    }

    #[test]
    fn names_the_rule_broken() {
        assert_eq!(check_id(b""), Err(IdError::Length));
        assert_eq!(check_id(&[b'x'; 129]), Err(IdError::Length));
        assert_eq!(check_id(b"\xff"), Err(IdError::NotUtf8));
        assert_eq!(check_id(b"\xc3"), Err(IdError::NotUtf8));
        for control in ["a\0", "\n", "\u{1f}", "\u{7f}", "\u{80}", "\u{9f}x"] {
            assert_eq!(
                check_id(control.as_bytes()),
                Err(IdError::Control),
                "{control:?}"
            );
        }
    }
}
