//! One RESP connection that shows replies exactly as they came.
//!
//! The tests compare whole error lines and both protocol versions, which client libraries interpret; so they read the bytes themselves.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A reply. Its `Display` is the notation of the tests' tables: `3`, `alice`, `[a 1 [b 2]]`, `{key: value}`, `nil`, `-ERR line`; a
/// string that could be mistaken for something else is quoted.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `+line`
    Simple(String),
    /// `-line`, without the minus
    Error(String),
    /// `:n`
    Int(i64),
    /// `$`, any bytes
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or RESP3's `_`
    Nil,
    /// `*`
    Array(Vec<Value>),
    /// RESP3 `%`, in the order of the wire
    Map(Vec<(Value, Value)>),
    /// RESP3 `~`
    Set(Vec<Value>),
    /// RESP3 `>`
    Push(Vec<Value>),
    /// RESP3 `,`, as text
    Double(String),
    /// RESP3 `#`
    Bool(bool),
    /// RESP3 `=`: verbatim text behind its three-letter format
    Verbatim(Vec<u8>),
}

impl Value {
    /// The integer. Panics on anything else, showing it.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(n) => *n,
            other => panic!("no integer: {other}"),
        }
    }

    /// The text of a string, simple or bulk or verbatim. Panics on anything else, showing it.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Value::Simple(s) => s.clone(),
            Value::Bulk(b) => String::from_utf8(b.clone()).expect("UTF-8"),
            Value::Verbatim(b) => String::from_utf8(b[4..].to_vec()).expect("UTF-8"),
            other => panic!("no text: {other}"),
        }
    }

    /// The bytes of a bulk string. Panics on anything else, showing it.
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Bulk(b) => b,
            other => panic!("no bulk string: {other}"),
        }
    }

    /// The elements of an array, a set or a push. Panics on anything else, showing it.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
            other => panic!("no array: {other}"),
        }
    }

    /// Key and value pairs of a map, or of RESP2's flat array. Panics on anything else, showing it.
    #[track_caller]
    pub fn pairs(&self) -> Vec<(String, Value)> {
        match self {
            Value::Map(pairs) => pairs.iter().map(|(k, v)| (k.text(), v.clone())).collect(),
            Value::Array(items) => items
                .chunks(2)
                .map(|kv| (kv[0].text(), kv[1].clone()))
                .collect(),
            other => panic!("no map: {other}"),
        }
    }

    /// The value of `key` in a map or flat array. Panics when it is missing.
    #[track_caller]
    pub fn get(&self, key: &str) -> Value {
        let pair = self.pairs().into_iter().find(|(k, _)| k == key);
        pair.unwrap_or_else(|| panic!("no {key} in {self}")).1
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Value]| {
            f.write_str(open)?;
            for (i, item) in items.iter().enumerate() {
                write!(f, "{}{item}", if i == 0 { "" } else { " " })?;
            }
            f.write_str("]")
        };
        match self {
            Value::Simple(s) => f.write_str(s),
            Value::Error(s) => write!(f, "-{s}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Bulk(b) | Value::Verbatim(b) => match std::str::from_utf8(b) {
                Ok(s)
                    if !s.is_empty()
                        && !s.contains(|c: char| {
                            c.is_control() || c.is_whitespace() || "[]{}\"".contains(c)
                        }) =>
                {
                    f.write_str(s)
                }
                _ => write!(f, "\"{}\"", b.escape_ascii()),
            },
            Value::Nil => f.write_str("nil"),
            Value::Array(items) => list(f, "[", items),
            Value::Set(items) => list(f, "~[", items),
            Value::Push(items) => list(f, ">[", items),
            Value::Map(pairs) => {
                f.write_str("{")?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Value::Double(s) => write!(f, ",{s}"),
            Value::Bool(b) => write!(f, "{b}"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whatever can stand as an argument of a command.
pub trait ToArg {
    /// The bytes that go over the wire.
    fn to_arg(&self) -> Vec<u8>;
}

macro_rules! to_arg {
    ($($kind:ty => $convert:expr),* $(,)?) => {
        $(impl ToArg for $kind { fn to_arg(&self) -> Vec<u8> { let f: fn(&$kind) -> Vec<u8> = $convert; f(self) } })*
    };
}
to_arg! {
    str => |s| s.as_bytes().to_vec(),
    String => |s| s.as_bytes().to_vec(),
    [u8] => |b| b.to_vec(),
    Vec<u8> => |b| b.clone(),
    u64 => |n| n.to_string().into_bytes(),
    i32 => |n| n.to_string().into_bytes(),
    usize => |n| n.to_string().into_bytes(),
}
impl<const N: usize> ToArg for [u8; N] {
    fn to_arg(&self) -> Vec<u8> {
        self.to_vec()
    }
}
impl<T: ToArg + ?Sized> ToArg for &T {
    fn to_arg(&self) -> Vec<u8> {
        (**self).to_arg()
    }
}

/// A command as a vector of arguments: `args!["LCT.VISIT", graph, b"\xff", start]`.
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => { Vec::from([$($crate::ToArg::to_arg(&$arg)),*]) };
}

/// One connection to a server.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects, speaking RESP2. A reply that takes longer than half a minute is an error.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Client {
            reader: BufReader::new(stream),
        })
    }

    /// How long to wait for the next byte of a reply.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.reader
            .get_ref()
            .set_read_timeout(Some(timeout))
            .expect("a timeout");
    }

    /// Sends a command given as one line of words and reads its reply.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Value {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        self.call(&words)
    }

    /// Runs a line and compares the reply's notation.
    #[track_caller]
    pub fn expect(&mut self, line: &str, reply: &str) {
        let got = self.run(line);
        assert_eq!(got.to_string(), reply, "the reply to {line}");
    }

    /// Runs a line that answers an array and compares its elements in any order.
    #[track_caller]
    pub fn expect_set(&mut self, line: &str, members: &[&str]) {
        let mut got: Vec<String> = self
            .run(line)
            .items()
            .iter()
            .map(Value::to_string)
            .collect();
        got.sort();
        let mut members = members.to_vec();
        members.sort_unstable();
        assert_eq!(got, members, "the reply to {line}");
    }

    /// Sends a command and reads its reply. Panics when the server is gone or silent.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        match self.send(args).and_then(|()| self.receive()) {
            Ok(reply) => reply,
            Err(error) => panic!("the server did not answer (dead, or hanging): {error}"),
        }
    }

    /// Sends all commands at once, then reads all replies.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        commands.iter().for_each(|args| encode(args, &mut bytes));
        // In pieces small enough for the socket buffers of both sides: a writer that never reads would block the server, then itself.
        let mut replies = Vec::with_capacity(commands.len());
        let mut writer = self.reader.get_ref().try_clone()?;
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || writer.write_all(&bytes));
            for _ in commands {
                replies.push(self.receive()?);
            }
            writing.join().expect("the writing thread")
        })?;
        Ok(replies)
    }

    /// Sends a command without waiting.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(args, &mut bytes);
        self.send_raw(&bytes)
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Reads one line of the wire, without its end.
    pub fn receive_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len().saturating_sub(2));
        String::from_utf8(line).map_err(io::Error::other)
    }

    /// Reads exactly `len` bytes of the wire.
    pub fn receive_bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads one reply.
    pub fn receive(&mut self) -> io::Result<Value> {
        let line = self.receive_line()?;
        let (kind, rest) = line
            .split_at_checked(1)
            .ok_or_else(|| io::Error::other("an empty line"))?;
        let length = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match kind {
            "+" => Value::Simple(rest.into()),
            "-" => Value::Error(rest.into()),
            ":" => Value::Int(length()?),
            "," => Value::Double(rest.into()),
            "#" => Value::Bool(rest == "t"),
            "_" => Value::Nil,
            "$" | "=" => match usize::try_from(length()?) {
                Err(_) => Value::Nil,
                Ok(len) => {
                    let mut bytes = self.receive_bytes(len + 2)?;
                    bytes.truncate(len);
                    if kind == "=" {
                        Value::Verbatim(bytes)
                    } else {
                        Value::Bulk(bytes)
                    }
                }
            },
            "*" | "~" | ">" => match usize::try_from(length()?) {
                Err(_) => Value::Nil,
                Ok(len) => {
                    let items = (0..len)
                        .map(|_| self.receive())
                        .collect::<io::Result<_>>()?;
                    match kind {
                        "*" => Value::Array(items),
                        "~" => Value::Set(items),
                        _ => Value::Push(items),
                    }
                }
            },
            "%" => Value::Map(
                (0..length()?)
                    .map(|_| Ok((self.receive()?, self.receive()?)))
                    .collect::<io::Result<_>>()?,
            ),
            _ => return Err(io::Error::other(format!("no reply starts with {kind:?}"))),
        })
    }
}

fn encode<A: AsRef<[u8]>>(args: &[A], bytes: &mut Vec<u8>) {
    bytes.extend(format!("*{}\r\n", args.len()).into_bytes());
    for arg in args {
        bytes.extend(format!("${}\r\n", arg.as_ref().len()).into_bytes());
        bytes.extend_from_slice(arg.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
}
