//! Ids as the module accepts them: checked once at the edge, never printed.

use std::fmt;
use std::sync::Arc;

/// The longest id, in bytes of UTF-8.
pub const MAX_BYTES: usize = 128;

/// Checks the module's rule for ids; the error is the rule that was broken, without the value.
fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > MAX_BYTES {
        Err("must be 1 to 128 bytes long")
    } else if text.chars().any(char::is_control) {
        Err("must not hold control characters")
    } else {
        Ok(())
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes an id that keeps the rule: 1 to 128 bytes of UTF-8 without control characters.
            ///
            /// # Errors
            /// The rule that was broken, without the value.
            pub fn new(text: &str) -> Result<Self, &'static str> {
                check(text).map(|()| Self(text.into()))
            }

            /// The id itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        // A person or a place must not reach a log, whoever prints a struct that holds one.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

id! {
    /// One installation of an LCT client.
    VisitorId
}
id! {
    /// A place where people gather.
    SpaceId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_the_rule_of_the_module() {
        assert!(VisitorId::new("74fad7d39d1fadf8").is_ok());
        assert!(SpaceId::new(&"x".repeat(128)).is_ok());
        for bad in ["", &"x".repeat(129), &"é".repeat(65)] {
            assert_eq!(SpaceId::new(bad), Err("must be 1 to 128 bytes long"));
        }
        for bad in ["a\n", "\u{0}", "\u{7f}", "\u{9f}"] {
            assert_eq!(VisitorId::new(bad), Err("must not hold control characters"));
        }
    }

    #[test]
    fn ids_are_never_printed() {
        let id = VisitorId::new("weeFox").unwrap();
        assert_eq!(format!("{id:?}"), "VisitorId(..)");
    }
}
