//! Who may act on the operators' listener: names, each proved by a secret of `--ops-token`.

use hyper::header::{AUTHORIZATION, HeaderMap};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The name of a token that has none.
const NAMELESS: &str = "operator";

/// The longest name.
const LONGEST_NAME: usize = 32;

/// The shortest secret, in bytes.
const SHORTEST_SECRET: usize = 16;

/// The operators. Of each secret only the hash is kept, so that comparing takes the same time whatever is guessed.
#[derive(Clone)]
pub struct Operators(Vec<Operator>);

#[derive(Clone)]
struct Operator {
    name: String,
    hash: [u8; 32],
}

impl Operators {
    /// Reads `--ops-token`: one token or several, by commas, each `name:secret` or a secret alone.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let mut operators: Vec<Operator> = Vec::new();
        for token in text.split(',') {
            let (name, secret) = token.split_once(':').unwrap_or((NAMELESS, token));
            let operator = Operator {
                name: name.to_owned(),
                hash: Sha256::digest(secret).into(),
            };
            if !is_name(name) {
                return Err("the name before the colon must be 1 to 32 of a to z, 0 to 9 and -");
            }
            if secret.len() < SHORTEST_SECRET {
                return Err(
                    "must be at least 16 bytes long, and random; several: name:secret,name:secret",
                );
            }
            if !secret.bytes().all(is_of_a_secret) {
                return Err("must be letters, digits and any of - . _ ~ only");
            }
            if operators.iter().any(|known| known.hash == operator.hash) {
                return Err("must not give two operators one secret");
            }
            operators.push(operator);
        }
        Ok(Self(operators))
    }

    /// Whose secret a request carries, as `Authorization: Bearer …`.
    pub fn who(&self, headers: &HeaderMap) -> Option<&str> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(given), None) = (all.next(), all.next()) else {
            return None;
        };
        let given: [u8; 32] = Sha256::digest(given.as_bytes().strip_prefix(b"Bearer ")?).into();
        // All are compared, whichever it is.
        let right = |operator: &&Operator| bool::from(operator.hash.ct_eq(&given));
        let found: Vec<&Operator> = self.0.iter().filter(right).collect();
        found.first().map(|operator| operator.name.as_str())
    }
}

fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits)
}

const fn is_of_a_secret(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn who(operators: &Operators, value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        operators.who(&headers).map(str::to_owned)
    }

    #[test]
    fn only_the_very_secret_is_taken() {
        let operators = Operators::new("0123456789abcdef").unwrap();
        for (value, good) in [
            ("Bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer operator:0123456789abcdef", false),
            ("Bearer ", false),
            ("bearer0123456789abcdef", false),
            ("Basic 0123456789abcdef", false),
        ] {
            let name = good.then(|| "operator".to_owned());
            assert_eq!(who(&operators, value), name, "{value}");
        }
        assert_eq!(operators.who(&HeaderMap::new()), None);
        let mut twice = HeaderMap::new();
        for value in ["Bearer 0123456789abcdef", "Bearer x"] {
            twice.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        assert_eq!(operators.who(&twice), None);
    }

    #[test]
    fn a_secret_tells_the_name() {
        let operators =
            Operators::new("ana:aaaaaaaaaaaaaaaa,ben-2:bbbbbbbbbbbbbbbb,cccccccccccccccc");
        let operators = operators.unwrap();
        for (value, name) in [
            ("Bearer aaaaaaaaaaaaaaaa", "ana"),
            ("Bearer bbbbbbbbbbbbbbbb", "ben-2"),
            ("Bearer cccccccccccccccc", "operator"),
        ] {
            assert_eq!(who(&operators, value).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_its_rule() {
        let long = format!("{}:0123456789abcdef", "a".repeat(33));
        for (text, part) in [
            ("", "at least 16"),
            ("short", "at least 16"),
            ("ana:short", "at least 16"),
            ("ana:0123456789abcdef,", "at least 16"),
            (":0123456789abcdef", "the name before the colon"),
            ("Ana:0123456789abcdef", "the name before the colon"),
            (&long, "the name before the colon"),
            ("ana:0123456789abcdef:x", "letters, digits"),
            ("0123456789 abcdef", "letters, digits"),
            ("ana:0123456789abcdef,ben:0123456789abcdef", "one secret"),
        ] {
            let rule = Operators::new(text).err().expect(text);
            assert!(rule.contains(part), "{text}: {rule}");
        }
    }
}
