//! The `Authorization` header: who asks.
//!
//! | scheme | who |
//! |---|---|
//! | `LCT-Ed25519 device="…",code="…",key="device\|code",time="…",nonce="…",signature="…"` | a person, where `--auth key` |
//! | `LCT-Open <userID>` | a person, believed, where `--auth open` |
//! | `Bearer lct_<id>_<secret>` | a service, by its token |
//!
//! There is no session: each request is signed, over graph, method, path, time, nonce, body and origin, so that a
//! signature is good for this request alone. That it is good only once is for [`crate::nonces`].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use hyper::header::{AUTHORIZATION, HeaderMap};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use crate::identity::{Auth, Role, Signed};
use crate::ids::VisitorId;
use crate::nonces::SKEW;
use crate::rest::refusal::{Refusal, Word};
use crate::tokens::Bearer;

/// The fewest bytes of a nonce.
const NONCE: usize = 16;

/// The most characters of a nonce.
const LONGEST_NONCE: usize = 64;

const SIGNED: &str = "LCT-Ed25519";
const OPEN: &str = "LCT-Open";
const BEARER: &str = "Bearer";

/// Who says to be asking; nothing of it is proven.
pub enum Claim {
    /// A person.
    Person(Proof),
    /// A service, by its token.
    Service(Bearer),
}

/// By what a person says so.
pub enum Proof {
    /// A signature.
    Signed(Box<SignedRequest>),
    /// A userID, to be believed.
    Open(VisitorId),
}

/// A signature and what it says of itself.
pub struct SignedRequest {
    signed: Signed,
    /// When the request was made, in epoch milliseconds.
    pub time: u64,
    /// Random, and used once.
    pub nonce: String,
}

/// What of a request a signature covers beside time and nonce.
#[derive(Clone, Copy)]
pub struct Covered<'a> {
    /// The graph's name.
    pub graph: &'a str,
    /// The method, in capitals.
    pub method: &'a str,
    /// The path with the query, as it was sent.
    pub target: &'a str,
    /// The body; empty where there is none.
    pub body: &'a [u8],
    /// The page's origin as the browser names it; empty where it names none.
    pub origin: &'a str,
}

impl Covered<'_> {
    /// The bytes to sign.
    pub fn text(&self, time: u64, nonce: &str) -> String {
        let Self {
            graph,
            method,
            target,
            body,
            origin,
        } = self;
        let hash = HEXLOWER.encode(&Sha256::digest(body));
        format!("lct-request-v1\n{graph}\n{method}\n{target}\n{time}\n{nonce}\n{hash}\n{origin}")
    }
}

impl SignedRequest {
    /// The visitor and role, if the request is of now and the signature covers it.
    ///
    /// # Errors
    /// Which of the two is not so.
    pub fn verify(&self, covered: Covered<'_>, now: u64) -> Result<(VisitorId, Role), Refusal> {
        if now.abs_diff(self.time) > SKEW {
            return Err(Refusal::new(
                Word::BadSignature,
                "time: must be within two minutes of the gateway's clock, which GET /v1/info tells",
            ));
        }
        let text = covered.text(self.time, &self.nonce);
        self.signed.verify(&text).map_err(|_| {
            Refusal::new(
                Word::BadSignature,
                "signature: does not fit key, graph, method, path, time, nonce, body and origin",
            )
        })
    }
}

/// What an operation of persons asks for where nobody, or nobody known here, says who asks.
pub const fn challenge(auth: Auth, services: bool) -> &'static str {
    match (auth, services) {
        (Auth::Key, false) => SIGNED,
        (Auth::Key, true) => "LCT-Ed25519, Bearer",
        (Auth::Open, false) => OPEN,
        (Auth::Open, true) => "LCT-Open, Bearer",
    }
}

/// Reads the header.
///
/// # Errors
/// What is missing or wrong.
pub fn read(headers: &HeaderMap, auth: Auth) -> Result<Claim, Refusal> {
    let rule = match auth {
        Auth::Key => {
            "Authorization: must be LCT-Ed25519 and device, code, key, time, nonce and signature, or Bearer and a \
             service's token"
        }
        Auth::Open => {
            "Authorization: must be LCT-Open and the userID, or Bearer and a service's token"
        }
    };
    let refusal = || Refusal::new(Word::Unauthorized, rule);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refusal());
    };
    let (scheme, rest) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(refusal)?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    match auth {
        _ if is(BEARER) => Bearer::read(rest).map(Claim::Service).ok_or_else(refusal),
        Auth::Key if is(SIGNED) => {
            signed(rest).map(|signed| Claim::Person(Proof::Signed(Box::new(signed))))
        }
        Auth::Open if is(OPEN) => user_id(rest).map(|visitor| Claim::Person(Proof::Open(visitor))),
        _ => Err(refusal()),
    }
}

fn signed(text: &str) -> Result<SignedRequest, Refusal> {
    const RULE: &str = "Authorization: LCT-Ed25519 must have device, code, key (device or code), time, nonce and \
                        signature, each once, as name=\"value\" with commas between";
    let refusal = |line| Refusal::new(Word::Unauthorized, line);
    let [device, code, key, time, nonce, signature] = parameters(
        text,
        ["device", "code", "key", "time", "nonce", "signature"],
    )
    .ok_or_else(|| refusal(RULE))?;
    let role = match key {
        "device" => Role::Device,
        "code" => Role::Code,
        _ => return Err(refusal(RULE)),
    };
    if time.is_empty() || !time.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refusal("time: must be epoch milliseconds, in plain digits"));
    }
    let time = time.parse().unwrap_or(u64::MAX); // never now
    let random = URL_SAFE_NO_PAD.decode(nonce).unwrap_or_default();
    if random.len() < NONCE || nonce.len() > LONGEST_NONCE {
        return Err(refusal(
            "nonce: must be 16 or more random bytes in base64url, at most 64 characters",
        ));
    }
    let signed = Signed::read(device, code, role, signature).map_err(|_| {
        refusal(
            "Authorization: device and code must be two Ed25519 public keys, and signature 64 bytes, in base64url",
        )
    })?;
    Ok(SignedRequest {
        signed,
        time,
        nonce: nonce.to_owned(),
    })
}

/// The values of exactly these parameters, in this order; `None` if one is missing, doubled or unknown.
fn parameters<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut values = [None; N];
    for parameter in text.split(',') {
        let (name, value) = parameter.trim_matches([' ', '\t']).split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let place = names.iter().position(|known| *known == name)?;
        if value.contains('"') || values[place].replace(value).is_some() {
            return None;
        }
    }
    let mut found = [""; N];
    for (found, value) in found.iter_mut().zip(values) {
        *found = value?;
    }
    Some(found)
}

/// A userID: letters, digits and `-._~` as they are, every other byte of its UTF-8 as `%` and two hexadecimal digits.
fn user_id(text: &str) -> Result<VisitorId, Refusal> {
    let refusal = |line: String| Refusal::new(Word::Unauthorized, line);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hexadecimal = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
        if !(plain(byte) || byte == b'%' && hexadecimal(bytes.next()) && hexadecimal(bytes.next()))
        {
            return Err(refusal(
                "userID: all but letters, digits and -._~ must be percent-encoded".into(),
            ));
        }
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| refusal("userID: must be UTF-8".into()))?;
    VisitorId::new(&decoded).map_err(|rule| refusal(format!("userID: {rule}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use hyper::header::HeaderValue;

    const NOW: u64 = 1_621_018_800_000;
    const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw";

    fn headers(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).expect("a header");
        [(AUTHORIZATION, value)].into_iter().collect()
    }

    fn covered(body: &[u8]) -> Covered<'_> {
        Covered {
            graph: "lct",
            method: "POST",
            target: "/v1/visits",
            body,
            origin: "",
        }
    }

    fn request(text: &str) -> String {
        let (device, code) = (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        );
        let text_of = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!(
            r#"LCT-Ed25519 device="{}",code="{}",key="device",time="{NOW}",nonce="{NONCE}",signature="{}""#,
            text_of(device.verifying_key().as_bytes()),
            text_of(code.verifying_key().as_bytes()),
            text_of(&device.sign(text.as_bytes()).to_bytes()),
        )
    }

    fn verify(value: &str, covered: Covered<'_>, now: u64) -> Result<Role, Word> {
        match read(&headers(value), Auth::Key) {
            Ok(Claim::Person(Proof::Signed(request))) => request
                .verify(covered, now)
                .map(|(_, role)| role)
                .map_err(|refusal| refusal.problem.code),
            Ok(_) => panic!("another claim"),
            Err(refusal) => Err(refusal.problem.code),
        }
    }

    #[test]
    fn a_signature_is_good_for_its_request_and_hour_only() {
        let body: &[u8] = b"{}";
        // The text as docs/rest.md states it.
        let text = format!(
            "lct-request-v1\nlct\nPOST\n/v1/visits\n{NOW}\n{NONCE}\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"
        );
        let value = request(&text);
        let good = covered(body);
        assert_eq!(verify(&value, good, NOW), Ok(Role::Device));
        for now in [NOW - SKEW, NOW + SKEW] {
            assert_eq!(verify(&value, good, now), Ok(Role::Device));
        }
        let bad = Err(Word::BadSignature);
        for now in [0, NOW - SKEW - 1, NOW + SKEW + 1, u64::MAX] {
            assert_eq!(verify(&value, good, now), bad);
        }
        for other in [
            Covered {
                graph: "Sandbox",
                ..good
            },
            Covered {
                method: "PUT",
                ..good
            },
            Covered {
                target: "/v1/visits?graphName=lct",
                ..good
            },
            Covered {
                body: b"{ }",
                ..good
            },
            Covered {
                origin: "https://lct.example",
                ..good
            },
        ] {
            assert_eq!(verify(&value, other, NOW), bad);
        }
        let later = value.replace(&NOW.to_string(), &(NOW + 1).to_string());
        assert_eq!(verify(&later, good, NOW), bad);
        let other_key = value.replace("key=\"device\"", "key=\"code\"");
        assert_eq!(verify(&other_key, good, NOW), bad);
        let spaced = value.replace(",", " ,\t ");
        assert_eq!(verify(&spaced, good, NOW), Ok(Role::Device));
    }

    #[test]
    fn what_is_no_signature_is_said_so() {
        let value = request("x");
        for bad in [
            "".into(),
            "LCT-Ed25519".into(),
            "LCT-Ed25519 ".into(),
            "LCT-Open alice".into(),
            "Basic YTpi".into(),
            "Bearer lct_x".into(),
            value.replace("key=\"device\"", "key=\"open\""),
            value.replace(
                "nonce=\"AAECAwQFBgcICQoLDA0ODw\"",
                "nonce=\"AAECAwQFBgcICQoLDA0O\"",
            ),
            value.replace(NONCE, &"A".repeat(68)),
            value.replace("time=\"", "time=\"+"),
            value.replace("device=\"", "device=\"A"),
            value.replace("signature=", "sig="),
            format!("{value},key=\"device\""),
            format!("{value},x=\"y\""),
            value.replace('"', ""),
        ] {
            assert_eq!(
                verify(&bad, covered(b""), NOW),
                Err(Word::Unauthorized),
                "{bad}"
            );
        }
        let mut twice = headers(&value);
        twice.append(AUTHORIZATION, HeaderValue::from_static("x"));
        assert!(read(&twice, Auth::Key).is_err());
        assert!(read(&HeaderMap::new(), Auth::Key).is_err());
    }

    #[test]
    fn a_user_id_is_percent_encoded() {
        let open = |text: &str| match read(&headers(&format!("LCT-Open {text}")), Auth::Open) {
            Ok(Claim::Person(Proof::Open(visitor))) => Some(visitor.as_str().to_owned()),
            _ => None,
        };
        assert_eq!(open("a-b_c.~9").as_deref(), Some("a-b_c.~9"));
        assert_eq!(open("%C3%A9%20%22%25").as_deref(), Some("\u{e9} \"%"));
        for bad in [
            "", "a b", "a/b", "a\"", "%", "%4", "%zz", "%0a", "%ff", " a", "a%20 ",
        ] {
            assert_eq!(open(bad), None, "{bad}");
        }
        assert!(read(&headers(&request("x")), Auth::Open).is_err());
    }
}
