//! Crockford's base 32: what people read from paper and type. Letters that look like digits are read as those digits,
//! and spaces and dashes may stand anywhere.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes bytes in groups of `group` characters with dashes between. Five bytes become eight characters, so a whole
/// number of those leaves no bits over.
pub fn encode(bytes: &[u8], group: usize) -> String {
    debug_assert!(bytes.len().is_multiple_of(5));
    let mut text = String::with_capacity(bytes.len() * 2);
    let mut written = 0;
    for five in bytes.chunks_exact(5) {
        let bits = five
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        for place in (0..8).rev() {
            if written > 0 && written % group == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[(bits >> (5 * place)) as usize & 31]));
            written += 1;
        }
    }
    text
}

/// Reads what [`encode`] wrote, in either case and however it was typed; `None` if a character is none of these or
/// their number is not that of `N` bytes, a multiple of five.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut digits = text.bytes().filter(|b| !b" -".contains(b)).map(digit);
    for five in bytes.chunks_exact_mut(5) {
        let mut bits = 0;
        for _ in 0..8 {
            bits = bits << 5 | u64::from(digits.next()??);
        }
        five.copy_from_slice(&u64::to_be_bytes(bits)[3..]);
    }
    digits.next().is_none().then_some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let place = ALPHABET.iter().position(|&known| known == character)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_however_it_is_typed() {
        let bytes = [0x00, 0x44, 0x32, 0x14, 0xc7, 0xff, 0xff, 0xff, 0xff, 0xff];
        let text = encode(&bytes, 4);
        assert_eq!(text, "0123-4567-ZZZZ-ZZZZ");
        for typed in [
            text.as_str(),
            "0123 4567 zzzz zzzz",
            "OI234567zzzzzzzz",
            "-o-l-23 4567ZZZZZZZZ ",
        ] {
            assert_eq!(decode(typed), Some(bytes), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        for bad in [
            "",
            "0123-4567-ZZZZ-ZZZ",
            "0123-4567-ZZZZ-ZZZZ-0",
            "0123-4567-ZZZZ-ZZZU",
            "0123-4567-ZZZZ-ZZZ\u{e9}",
        ] {
            assert_eq!(decode::<10>(bad), None, "{bad}");
        }
    }
}
