//! Requests as fast as they go: written out once in advance, so that sending costs the client almost nothing, and
//! replies counted by their lines.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Error;

/// Requests packed into batches that are sent in one piece.
#[derive(Debug, Default)]
pub struct Requests {
    batches: Vec<Batch>,
    /// What they do in all: keys set, members added, visits logged.
    pub operations: u64,
}

#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    replies: usize,
}

impl Requests {
    /// Packs commands, each with the number of operations it stands for, `pipeline` to a batch.
    pub fn new(pipeline: usize, commands: impl Iterator<Item = (u64, Vec<Vec<u8>>)>) -> Self {
        let mut requests = Self::default();
        for (operations, args) in commands {
            requests.add(pipeline, operations, |bytes| {
                pack(bytes, args.iter().map(Vec::as_slice));
            });
        }
        requests
    }

    /// Adds a command that `pack` writes, and that stands for so many operations; to the last batch, while that has
    /// fewer than `pipeline`.
    pub fn add(&mut self, pipeline: usize, operations: u64, pack: impl FnOnce(&mut Vec<u8>)) {
        if self
            .batches
            .last()
            .is_none_or(|last| last.replies >= pipeline)
        {
            self.batches.push(Batch::default());
        }
        let batch = self.batches.last_mut().expect("one was pushed if need be");
        pack(&mut batch.bytes);
        batch.replies += 1;
        self.operations += operations;
    }
}

/// Writes a command as the server reads it.
pub fn pack<'a>(bytes: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    pack_count(bytes, args.len());
    for arg in args {
        pack_word(bytes, arg);
    }
}

/// Begins a command of so many words; as many calls of [`pack_word`] follow.
pub fn pack_count(bytes: &mut Vec<u8>, words: usize) {
    number(bytes, b'*', words);
}

/// Writes the next word of a command.
pub fn pack_word(bytes: &mut Vec<u8>, word: &[u8]) {
    number(bytes, b'$', word.len());
    bytes.extend_from_slice(word);
    bytes.extend_from_slice(b"\r\n");
}

fn number(bytes: &mut Vec<u8>, kind: u8, number: usize) {
    bytes.push(kind);
    write!(bytes, "{number}\r\n").expect("memory takes what is written");
}

/// Sends all batches, one under way on each connection at any time. Every reply must be one line.
///
/// # Errors
/// What the system says, or the server if it refuses anything.
pub fn run(connections: &mut [TcpStream], requests: &Requests) -> Result<(), Error> {
    let mut under_way = vec![0; connections.len()];
    let mut buffer = vec![0; 1 << 16];
    for (i, batch) in requests.batches.iter().enumerate() {
        let turn = i % connections.len();
        let connection = &mut connections[turn];
        read_lines(connection, under_way[turn], &mut buffer)?;
        connection.write_all(&batch.bytes)?;
        under_way[turn] = batch.replies;
    }
    for (connection, replies) in connections.iter_mut().zip(under_way) {
        read_lines(connection, replies, &mut buffer)?;
    }
    Ok(())
}

fn read_lines(
    connection: &mut TcpStream,
    mut lines: usize,
    buffer: &mut [u8],
) -> Result<(), Error> {
    while lines > 0 {
        let read = connection.read(buffer)?;
        let replies = &buffer[..read];
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        if replies.contains(&b'-') {
            return Err(format!(
                "the server refused: {}",
                String::from_utf8_lossy(replies).trim_end()
            )
            .into());
        }
        lines = lines.saturating_sub(replies.iter().filter(|&&byte| byte == b'\n').count());
    }
    Ok(())
}

/// Asks one question at a time over a connection.
#[derive(Debug)]
pub struct Asker {
    connection: TcpStream,
    // Never shrinks: memory the system has yet to give would be on the clock.
    replies: Vec<u8>,
}

impl Asker {
    /// Asks over this connection.
    pub fn new(connection: TcpStream) -> Self {
        Self {
            connection,
            replies: vec![0; 1 << 22],
        }
    }

    /// Sends a command and reads its reply to the end; the time that took, and the reply.
    ///
    /// # Errors
    /// What the system says, or the server if it refuses.
    pub fn ask(&mut self, command: &[&[u8]]) -> Result<(Duration, &[u8]), Error> {
        let mut request = vec![];
        pack(&mut request, command.iter().copied());
        let (took, read) = self.exchange(&request)?;
        let reply = &self.replies[..read];
        if reply.starts_with(b"-") {
            let refusal = String::from_utf8_lossy(reply);
            return Err(format!("the server refused: {}", refusal.trim_end()).into());
        }
        Ok((took, reply))
    }

    /// Sends packed commands and reads their replies to the end; the time that took, and the replies. What the server
    /// refuses is among them.
    ///
    /// # Errors
    /// What the system says.
    pub fn ask_all(&mut self, commands: &[u8]) -> Result<(Duration, &[u8]), Error> {
        let (took, read) = self.exchange(commands)?;
        Ok((took, &self.replies[..read]))
    }

    /// A PING goes last: its reply marks the end, so that nothing needs to be understood while the clock runs.
    fn exchange(&mut self, commands: &[u8]) -> Result<(Duration, usize), Error> {
        const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
        const PONG: &[u8] = b"+PONG\r\n";
        let request = [commands, PING].concat();
        let mut read = 0;

        let start = Instant::now();
        self.connection.write_all(&request)?;
        while !self.replies[..read].ends_with(PONG) {
            if read == self.replies.len() {
                self.replies.resize(2 * read, 0);
            }
            match self.connection.read(&mut self.replies[read..])? {
                0 => return Err("the server closed the connection".into()),
                more => read += more,
            }
            // A server that is busy with a script refuses the PING as well.
            if let Some(refusal) = refusal(&self.replies[..read]) {
                return Err(format!("the server refused: {refusal}").into());
            }
        }
        Ok((start.elapsed(), read - PONG.len()))
    }
}

/// The last line, if it is an error.
fn refusal(replies: &[u8]) -> Option<String> {
    let lines = replies.strip_suffix(b"\r\n")?;
    let start = lines.iter().rposition(|&byte| byte == b'\n');
    let last = &lines[start.map_or(0, |at| at + 1)..];
    (last.first() == Some(&b'-')).then(|| String::from_utf8_lossy(last).into_owned())
}

/// How many elements an array of a reply has.
///
/// # Errors
/// It is no array.
pub fn elements(reply: &[u8]) -> Result<usize, Error> {
    let first = reply.split(|&byte| byte == b'\r').next();
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    let elements = first.strip_prefix('*').and_then(|count| count.parse().ok());
    elements.ok_or_else(|| format!("not an array: {first}").into())
}

/// The strings of an array that holds nothing else.
///
/// # Errors
/// It is no such array.
pub fn strings(reply: &[u8]) -> Result<Vec<&[u8]>, Error> {
    fn line<'r>(rest: &mut &'r [u8], kind: u8) -> Option<&'r [u8]> {
        let end = rest.iter().position(|&byte| byte == b'\r')?;
        let (line, after) = (rest.get(..end)?, rest.get(end + 2..)?);
        *rest = after;
        line.strip_prefix(&[kind])
    }
    fn read(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<usize>().ok();
        let count = number(line(&mut rest, b'*')?)?;
        let mut strings = Vec::with_capacity(count);
        for _ in 0..count {
            let length = number(line(&mut rest, b'$')?)?;
            strings.push(rest.get(..length)?);
            rest = rest.get(length + 2..)?;
        }
        rest.is_empty().then_some(strings)
    }
    read(reply).ok_or_else(|| "not an array of strings".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_last_line() {
        let busy = b":1\r\n-BUSY a script\r\n";
        assert_eq!(refusal(busy).unwrap(), "-BUSY a script");
        assert_eq!(refusal(b"-ERR no\r\n").unwrap(), "-ERR no");
        for more in [
            &b"-ERR not all of it"[..],
            b"-ERR no\r\n+PONG\r\n",
            b"$1\r\n",
            b"",
        ] {
            assert!(refusal(more).is_none());
        }
    }

    #[test]
    fn an_array_of_strings_is_read_whatever_they_hold() {
        let reply = b"*3\r\n$2\r\nab\r\n$0\r\n\r\n$4\r\n\r\n$1\r\n";
        assert_eq!(strings(reply).unwrap(), [&b"ab"[..], b"", b"\r\n$1"]);
        assert_eq!(elements(reply).unwrap(), 3);
        assert!(strings(b"*0\r\n").unwrap().is_empty());
        for wrong in [
            &b"*2\r\n$2\r\nab\r\n"[..],
            b"*1\r\n:1\r\n",
            b"-ERR\r\n",
            b"*0\r\n:1\r\n",
            b"",
        ] {
            assert!(strings(wrong).is_err());
        }
    }
}
