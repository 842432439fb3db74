//! Who a client is, and what it may do.
//!
//! `--auth key`: a visitor is two Ed25519 keys. The device's key never leaves it and may do all; the code key comes
//! from the key code that the person keeps on paper ([`crate::key_code`]) and may read alerts, erase and revoke. The
//! visitor id follows from both public keys, so nothing is stored about anyone. The gateway sends a nonce and the
//! client signs it together with the graph and the page's origin, so that a signature is good for one connection.
//!
//! `--auth open` believes the `userID` of the hello: for development and for clients that know nothing else. Whatever
//! the way, the visitor is fixed by the hello and comes from the session ever after, never from a later message.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use prometheus_client::encoding::EncodeLabelValue;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::address::Network;
use crate::ids::VisitorId;
use crate::protocol::{Code, Fault, Hello};

/// How long a nonce is good, in milliseconds.
pub const NONCE_LIFE: u64 = 30_000;

/// How clients say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// By a signature.
    Key,
    /// By a userID, which is believed.
    Open,
}

/// With what a client showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, EncodeLabelValue)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The device's key.
    Device,
    /// The key from the key code.
    Code,
    /// A userID, believed.
    #[serde(skip)]
    Open,
}

/// What a client may want to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Log, change and delete visits.
    Visits,
    /// Warn and retract.
    Warn,
    /// Take alerts out of the inbox.
    Ack,
    /// Read the own visits.
    Export,
    /// Forget and revoke.
    Erase,
    /// Write to the operator.
    Feedback,
}

impl Role {
    /// Whether this role has that right. Alerts are read by whoever has a session.
    ///
    /// The code key may not take alerts out of the inbox: whoever photographed a card could otherwise keep alerts from
    /// the phone they are meant for. It never exports: a photographed card must not give away a diary. Without a key
    /// nobody exports or erases, since anyone may claim any userID.
    pub const fn may(self, right: Right) -> bool {
        match self {
            Self::Device => true,
            Self::Code => matches!(right, Right::Erase),
            Self::Open => !matches!(right, Right::Export | Right::Erase),
        }
    }

    /// The refusal of a right this role lacks.
    pub const fn refusal(self) -> Fault {
        Fault::new(
            Code::NotAllowed,
            match self {
                Self::Code => {
                    "message: the key code may read alerts, forgetMe and revokeMe, nothing else"
                }
                _ => {
                    "message: is only for clients with a key, which this gateway does not use (--auth open)"
                }
            },
        )
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// The visitor; all that is done is done for them.
    pub visitor: VisitorId,
    /// What they may do.
    pub role: Role,
    /// From where; counted for caps, in salted form, and never kept or logged.
    pub network: Network,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What a client's signature must cover beside the graph.
#[derive(Clone)]
pub struct Challenge {
    /// 32 random bytes in base64url, never used before.
    pub nonce: String,
    /// The page's origin; empty for a program.
    pub origin: String,
    /// Until when it may be answered, in epoch milliseconds.
    pub until: u64,
}

impl Challenge {
    /// A new challenge for a client of this origin.
    pub fn new(origin: String, now: u64) -> Self {
        Self {
            nonce: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
            origin,
            until: now.saturating_add(NONCE_LIFE),
        }
    }

    /// The bytes to sign for a session in this graph.
    pub fn text(&self, graph: &str) -> String {
        hello_text(graph, &self.nonce, &self.origin)
    }
}

/// The bytes that a hello's signature covers.
pub fn hello_text(graph: &str, nonce: &str, origin: &str) -> String {
    format!("lct-hello-v1\n{graph}\n{nonce}\n{origin}")
}

/// The visitor of these keys: a UUID of version 8 whose bits are the first 16 bytes of
/// SHA-256(devicePublicKey || codePublicKey), in the usual text form.
pub fn visitor_id(device: &VerifyingKey, code: &VerifyingKey) -> VisitorId {
    let hash = Sha256::new()
        .chain_update(device.as_bytes())
        .chain_update(code.as_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    VisitorId::new(&Uuid::hyphenated(uuid).to_string()).expect("36 plain characters")
}

/// The keys a client names and the signature it gives, read.
pub struct Signed {
    device: VerifyingKey,
    code: VerifyingKey,
    role: Role,
    signature: Signature,
}

impl Signed {
    /// Reads keys and signature from their base64url forms.
    ///
    /// # Errors
    /// Which field breaks which rule.
    pub fn read(device: &str, code: &str, role: Role, signature: &str) -> Result<Self, Fault> {
        let device = public_key("devicePublicKey", device)?;
        let code = public_key("codePublicKey", code)?;
        if device == code {
            return Err(Fault::bad_value(
                "codePublicKey",
                "must not be the device's key",
            ));
        }
        let signature: [u8; 64] = bytes(signature)
            .ok_or_else(|| Fault::bad_value("signature", "must be 64 bytes in base64url"))?;
        Ok(Self {
            device,
            code,
            role,
            signature: Signature::from_bytes(&signature),
        })
    }

    /// The visitor and role, if the signature over `text` is good.
    ///
    /// # Errors
    /// That it is not.
    pub fn verify(&self, text: &str) -> Result<(VisitorId, Role), Fault> {
        let key = match self.role {
            Role::Code => &self.code,
            _ => &self.device,
        };
        key.verify_strict(text.as_bytes(), &self.signature)
            .map_err(|_| {
                Fault::new(
                    Code::BadSignature,
                    "signature: does not fit key, graph, nonce and origin",
                )
            })?;
        Ok((visitor_id(&self.device, &self.code), self.role))
    }
}

/// What a hello brings in key mode, not yet verified.
///
/// # Errors
/// A fault that says what is missing or wrong.
pub fn signed(hello: &Hello) -> Result<Signed, Fault> {
    let (Some(device), Some(code), Some(role), Some(signature)) = (
        &hello.device_public_key,
        &hello.code_public_key,
        hello.key,
        &hello.signature,
    ) else {
        return Err(Fault::bad_value(
            "hello",
            "must have devicePublicKey, codePublicKey, key (device or code) and signature",
        ));
    };
    Signed::read(device, code, role, signature)
}

/// The visitor a hello names in open mode.
///
/// # Errors
/// A fault that says what is missing or wrong.
pub fn open(hello: &Hello) -> Result<(VisitorId, Role), Fault> {
    let Some(user_id) = &hello.user_id else {
        return Err(Fault::bad_value(
            "userID",
            "is needed by this gateway (--auth open)",
        ));
    };
    VisitorId::new(user_id)
        .map(|visitor| (visitor, Role::Open))
        .map_err(|rule| Fault::bad_value("userID", rule))
}

/// Reads a public key. Weak keys are refused: for them signatures exist that fit every text.
fn public_key(field: &str, text: &str) -> Result<VerifyingKey, Fault> {
    bytes(text)
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .filter(|key| !key.is_weak())
        .ok_or_else(|| {
            Fault::bad_value(
                field,
                "must be an Ed25519 public key, 32 bytes in base64url",
            )
        })
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn text_of(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn keys() -> (SigningKey, SigningKey) {
        (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        )
    }

    fn hello(key: Role, signer: &SigningKey, text: &str) -> Hello {
        let (device, code) = keys();
        Hello {
            user_id: Some("somebody-else".into()),
            graph_name: None,
            device_public_key: Some(text_of(device.verifying_key().as_bytes())),
            code_public_key: Some(text_of(code.verifying_key().as_bytes())),
            key: Some(key),
            signature: Some(text_of(&signer.sign(text.as_bytes()).to_bytes())),
        }
    }

    #[test]
    fn both_keys_prove_the_same_visitor_each_in_its_role() {
        let (device, code) = keys();
        let text = Challenge::new("https://lct.example".into(), 0).text("lct");
        let (visitor, role) = signed(&hello(Role::Device, &device, &text))
            .unwrap()
            .verify(&text)
            .unwrap();
        assert_eq!(role, Role::Device);
        let uuid: Uuid = visitor.as_str().parse().unwrap();
        assert_eq!(
            (uuid.get_version_num(), uuid.get_variant()),
            (8, uuid::Variant::RFC4122)
        );
        let (same, role) = signed(&hello(Role::Code, &code, &text))
            .unwrap()
            .verify(&text)
            .unwrap();
        assert!(same == visitor && role == Role::Code);
    }

    #[test]
    fn a_signature_is_good_for_its_key_graph_nonce_and_origin_only() {
        let (device, code) = keys();
        let challenge = Challenge::new("https://lct.example".into(), 0);
        let text = challenge.text("lct");
        let other_nonce = Challenge::new("https://lct.example".into(), 0).text("lct");
        for (key, signer, signed_text) in [
            (Role::Code, &device, text.clone()),
            (Role::Device, &code, text.clone()),
            (Role::Device, &device, challenge.text("Sandbox")),
            (Role::Device, &device, other_nonce),
            (
                Role::Device,
                &device,
                hello_text("lct", &challenge.nonce, "https://evil.example"),
            ),
            (
                Role::Device,
                &device,
                hello_text("lct", &challenge.nonce, ""),
            ),
        ] {
            let signed = signed(&hello(key, signer, &signed_text)).unwrap();
            let fault = signed.verify(&text).unwrap_err();
            assert_eq!(fault.code, Code::BadSignature);
        }
    }

    #[test]
    fn malformed_and_weak_keys_are_refused() {
        let (device, _) = keys();
        let good = text_of(device.verifying_key().as_bytes());
        let signature = text_of(&[0; 64]);
        let mut identity_point = [0; 32];
        identity_point[0] = 1;
        for bad in [
            String::new(),
            "no base64!".into(),
            text_of(&[1; 31]),
            text_of(&[0; 32]),
            text_of(&identity_point),
            text_of(&[2; 32]), // on no point of the curve
            format!("{good}="),
        ] {
            for (device, code, field) in [
                (&bad, &good, "devicePublicKey"),
                (&good, &bad, "codePublicKey"),
            ] {
                let Err(fault) = Signed::read(device, code, Role::Device, &signature) else {
                    panic!("{bad} was taken");
                };
                assert!(fault.message.starts_with(field), "{}", fault.message);
            }
        }
        let Err(fault) = Signed::read(&good, &good, Role::Device, &signature) else {
            panic!("one key for both");
        };
        assert!(fault.message.contains("must not be the device's key"));
    }

    #[test]
    fn rights_are_those_of_the_documents() {
        use Right::*;
        for right in [Visits, Warn, Ack, Export, Erase, Feedback] {
            assert!(Role::Device.may(right));
            assert_eq!(Role::Code.may(right), right == Erase);
            assert_eq!(Role::Open.may(right), right != Export && right != Erase);
        }
    }
}
