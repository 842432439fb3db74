//! The value of a module type inside a DUMP payload: its framing taken apart and put together again, with any lie in it.
//!
//! A payload is the type byte, the module's id, values behind opcodes, an end opcode, two bytes of RDB version and eight of CRC64. Lengths
//! are RDB lengths: 6, 14, 32 or 64 bits, told by the first byte.

/// RDB's type byte for a module value.
const MODULE_2: u8 = 7;
/// Opcodes in front of each value of a module.
pub mod opcode {
    /// No more values.
    pub const END: u64 = 0;
    /// A signed integer.
    pub const SINT: u64 = 1;
    /// An unsigned integer.
    pub const UINT: u64 = 2;
    /// Four bytes.
    pub const FLOAT: u64 = 3;
    /// Eight bytes.
    pub const DOUBLE: u64 = 4;
    /// A string.
    pub const STRING: u64 = 5;
}

/// One value that the module saved.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Signed or unsigned, by the opcode.
    Int(u64, u64),
    /// A string, here always a part of a graph.
    Bytes(Vec<u8>),
    /// Bytes that are written as they are, opcode included: the forger's tool.
    Raw(Vec<u8>),
}

/// A payload taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Dump {
    /// Nine characters of type name and the encoding version, packed by Redis.
    pub module_id: u64,
    /// What the module saved, in order.
    pub fields: Vec<Field>,
    /// RDB version and CRC64.
    pub footer: [u8; 10],
}

impl Dump {
    /// Takes a payload apart. The server must run with `rdbcompression no`. `None` where it is not of the form above.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (body, footer) = payload.split_at_checked(payload.len().checked_sub(10)?)?;
        let mut bytes = body.strip_prefix(&[MODULE_2])?;
        let module_id = length(&mut bytes)?;
        let mut fields = Vec::new();
        loop {
            match length(&mut bytes)? {
                opcode::END => break,
                opcode @ (opcode::SINT | opcode::UINT) => {
                    fields.push(Field::Int(opcode, length(&mut bytes)?))
                }
                opcode::STRING => {
                    let len = usize::try_from(length(&mut bytes)?).ok()?;
                    fields.push(Field::Bytes(bytes.get(..len)?.to_vec()));
                    bytes = &bytes[len..];
                }
                _ => return None,
            }
        }
        bytes.is_empty().then(|| Dump {
            module_id,
            fields,
            footer: footer.try_into().expect("ten bytes"),
        })
    }

    /// Puts the payload together again. The CRC64 stays what it was: the server must not look at it.
    pub fn to_payload(&self) -> Vec<u8> {
        let mut out = vec![MODULE_2];
        put_length(self.module_id, &mut out);
        for field in &self.fields {
            match field {
                Field::Int(opcode, value) => {
                    put_length(*opcode, &mut out);
                    put_length(*value, &mut out);
                }
                Field::Bytes(bytes) => {
                    put_length(opcode::STRING, &mut out);
                    put_length(bytes.len() as u64, &mut out);
                    out.extend_from_slice(bytes);
                }
                Field::Raw(bytes) => out.extend_from_slice(bytes),
            }
        }
        put_length(opcode::END, &mut out);
        out.extend_from_slice(&self.footer);
        out
    }

    /// The parts of the graph with their places among the fields; the module ends them with an empty string. `None` where anything
    /// else was saved.
    pub fn parts(&self) -> Option<Vec<(usize, &[u8])>> {
        let strings: Option<Vec<&[u8]>> = self
            .fields
            .iter()
            .map(|field| {
                if let Field::Bytes(bytes) = field {
                    Some(&bytes[..])
                } else {
                    None
                }
            })
            .collect();
        let strings = strings?;
        let end = strings.iter().position(|string| string.is_empty())?;
        (end + 1 == strings.len()).then(|| strings[..end].iter().copied().enumerate().collect())
    }
}

/// Reads an RDB length.
fn length(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    let (value, rest) = match (first >> 6, first) {
        (0, _) => (u64::from(first & 0x3f), rest),
        (1, _) => (
            u64::from(first & 0x3f) << 8 | u64::from(*rest.first()?),
            &rest[1..],
        ),
        (_, 0x80) => (
            u64::from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)),
            &rest[4..],
        ),
        (_, 0x81) => (
            u64::from_be_bytes(rest.get(..8)?.try_into().ok()?),
            &rest[8..],
        ),
        _ => return None,
    };
    *bytes = rest;
    Some(value)
}

/// Writes an RDB length in its shortest form.
pub fn put_length(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x3f => out.push(value as u8),
        0x40..=0x3fff => out.extend_from_slice(&(0x4000 | value as u16).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_back_in_every_width() {
        for value in [
            0,
            63,
            64,
            16_383,
            16_384,
            u64::from(u32::MAX),
            1 << 32,
            u64::MAX,
        ] {
            let mut bytes = Vec::new();
            put_length(value, &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!((length(&mut rest), rest.len()), (Some(value), 0));
        }
    }

    #[test]
    fn a_payload_survives_being_taken_apart() {
        let part = vec![7; 300];
        let dump = Dump {
            module_id: 0x95cb_7e82_b6a9_8400,
            fields: vec![Field::Bytes(part.clone()), Field::Bytes(Vec::new())],
            footer: [9; 10],
        };
        let payload = dump.to_payload();
        assert_eq!(Dump::parse(&payload), Some(dump.clone()));
        assert_eq!(dump.parts(), Some(vec![(0, &part[..])]));
        assert_eq!(Dump::parse(&payload[1..]), None);
        assert_eq!(Dump::parse(&payload[..9]), None);
    }
}
