//! `loggedNodeId`: what a client keeps to name a visit of its own later.
//!
//! It encodes the space and the start, which together with the session's visitor are what a visit is known by.
//! It is opaque to clients and useless without that visitor's session; logging the same visit again gives the same
//! id, so a client may repeat a message whose answer it missed.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ids::SpaceId;
use crate::protocol::MAX_MILLIS;

/// The first byte of every id, so that another form can follow one day.
const VERSION: u8 = 1;

/// A visit of whoever holds the session.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeId {
    /// Where.
    pub space: SpaceId,
    /// From when, in epoch milliseconds.
    pub start: u64,
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeId(..)")
    }
}

impl NodeId {
    /// The text form: base64url of version, start (8 bytes, big end first) and space.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.start.to_be_bytes());
        bytes.extend(self.space.as_str().as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text form; `None` for anything [`NodeId::encode`] never gave.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (start, space) = rest.split_first_chunk()?;
        let start = u64::from_be_bytes(*start);
        if version != VERSION || start > MAX_MILLIS {
            return None;
        }
        let space = SpaceId::new(std::str::from_utf8(space).ok()?).ok()?;
        Some(Self { space, start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went() {
        for (space, start) in [("ChIJ", 0), ("plaza\u{e9}", MAX_MILLIS), ("x", 1)] {
            let id = NodeId {
                space: SpaceId::new(space).unwrap(),
                start,
            };
            assert_eq!(NodeId::decode(&id.encode()), Some(id));
        }
    }

    #[test]
    fn nothing_else_is_an_id() {
        let good = NodeId {
            space: SpaceId::new("ChIJ").unwrap(),
            start: 5,
        }
        .encode();
        let bad = [
            String::new(),
            "AQ".into(),
            "not base64!".into(),
            format!("{good}="),
            URL_SAFE_NO_PAD.encode([1, 0, 0, 0, 0, 0, 0, 0, 5]), // no space
            URL_SAFE_NO_PAD.encode([2, 0, 0, 0, 0, 0, 0, 0, 5, b'x']), // another version
            URL_SAFE_NO_PAD.encode([1, 255, 0, 0, 0, 0, 0, 0, 5, b'x']), // start past 2^53 - 1
            URL_SAFE_NO_PAD.encode([1, 0, 0, 0, 0, 0, 0, 0, 5, 255]), // not UTF-8
            URL_SAFE_NO_PAD.encode([1, 0, 0, 0, 0, 0, 0, 0, 5, b'\n']), // control character
        ];
        for text in bad {
            assert_eq!(NodeId::decode(&text), None);
        }
    }
}
