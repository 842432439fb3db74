//! Requests as fast as they go: written out once in advance, so that sending costs the client almost nothing, and
//! replies counted by their lines.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::Error;

/// Requests packed into batches that are sent in one piece.
pub(crate) struct Requests {
    batches: Vec<Batch>,
    /// What they do in all: keys set, members added, visits logged.
    pub(crate) operations: u64,
}

struct Batch {
    bytes: Vec<u8>,
    replies: usize,
}

impl Requests {
    /// Packs commands, each with the number of operations it stands for, `pipeline` to a batch.
    pub(crate) fn new(
        pipeline: usize,
        commands: impl Iterator<Item = (u64, Vec<Vec<u8>>)>,
    ) -> Self {
        let mut requests = Self {
            batches: vec![],
            operations: 0,
        };
        for (i, (operations, args)) in commands.enumerate() {
            if i % pipeline == 0 {
                requests.batches.push(Batch {
                    bytes: vec![],
                    replies: 0,
                });
            }
            let batch = requests
                .batches
                .last_mut()
                .expect("one was pushed at the first command");
            pack(&mut batch.bytes, args.iter().map(Vec::as_slice));
            batch.replies += 1;
            requests.operations += operations;
        }
        requests
    }
}

fn pack<'a>(bytes: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    bytes.extend(format!("*{}\r\n", args.len()).bytes());
    for arg in args {
        bytes.extend(format!("${}\r\n", arg.len()).bytes());
        bytes.extend(arg);
        bytes.extend(b"\r\n");
    }
}

/// Sends all batches, one under way on each connection at any time. Every reply must be one line and no error.
pub(crate) fn run(connections: &mut [TcpStream], requests: &Requests) -> Result<(), Error> {
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

/// Sends one question and reads its answer to the end; microseconds, and the elements of the answer.
///
/// A PING goes with it: its reply marks the end, so that nothing needs to be understood while the clock runs.
pub(crate) fn time_question(
    connection: &mut TcpStream,
    command: &[&[u8]],
) -> Result<(f64, usize), Error> {
    const END: &[u8] = b"+PONG\r\n";
    let mut bytes = vec![];
    pack(&mut bytes, command.iter().copied());
    pack(&mut bytes, [&b"PING"[..]].into_iter());
    let mut answer = Vec::with_capacity(1 << 22);
    let mut buffer = vec![0; 1 << 18];

    let start = Instant::now();
    connection.write_all(&bytes)?;
    while !answer.ends_with(END) {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    let micros = start.elapsed().as_secs_f64() * 1e6;

    let first = answer
        .split(|&byte| byte == b'\r')
        .next()
        .unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let elements = first.strip_prefix('*').and_then(|count| count.parse().ok());
    Ok((
        micros,
        elements.ok_or_else(|| format!("the server refused: {first}"))?,
    ))
}
