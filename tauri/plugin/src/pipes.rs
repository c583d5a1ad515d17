//! Reads what an engine writes, for as long as it lives: a pipe that nobody reads fills up and stops its writer. Lines
//! of the protocol are handed on, everything else goes to the log.

use std::io::Read;

use crate::handshake::{self, Line};
use crate::log::Log;

/// More of a line is not looked at. Longer than what the log keeps, so that a token is cut out before it is cut through.
const MOST_BYTES: usize = 64 * 1024;
/// More lines of the protocol than a start has; a flood of them must not fill the memory.
const MOST_NEWS: usize = 256;

/// Parts bytes into lines, keeping no more than the beginning of a long one.
#[derive(Debug, Default)]
struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            each(&self.unfinished);
            self.unfinished.clear();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    fn finish(self, mut each: impl FnMut(&[u8])) {
        if !self.unfinished.is_empty() {
            each(&self.unfinished);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MOST_BYTES - self.unfinished.len();
        self.unfinished
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Read lines until the last writer is gone.
fn each_line(mut pipe: impl Read, mut each: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    let mut lines = Lines::default();
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => lines.push(&buffer[..count], &mut each),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.finish(&mut each);
}

/// Standard error: all of it is log.
pub(crate) fn read_errors(pipe: impl Read, log: &Log, generation: u64, token: &str) {
    each_line(pipe, |line| log.push(generation, line, token));
}

/// Standard output: lines of the protocol are `said`; others are log.
pub(crate) fn read_protocol(
    pipe: impl Read,
    log: &Log,
    generation: u64,
    token: &str,
    mut said: impl FnMut(Line),
) {
    let mut count = 0;
    each_line(pipe, |line| match handshake::parse(line) {
        Line::Text => log.push(generation, line, token),
        // The first one is news all the same: that it speaks at all.
        Line::Unknown if count > 0 => {}
        news => {
            count += 1;
            if count <= MOST_NEWS {
                said(news);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.push(chunk, |line| found.push(line.to_vec()));
        }
        lines.finish(|line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn lines_may_come_in_any_pieces() {
        assert_eq!(
            lines(&[b"a", b"b\nc\n\n", b"d"]),
            [&b"ab"[..], b"c", b"", b"d"]
        );
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(&[b'x'; 4096], |_| panic!("there is no line"));
        }
        assert_eq!(lines.unfinished.len(), MOST_BYTES);
        let mut found = Vec::new();
        lines.push(b"\nnext\n", |line| found.push(line.len()));
        assert_eq!(found, [MOST_BYTES, 4]);
    }

    #[test]
    fn a_flood_of_news_is_not_handed_on() {
        let flood = b"{\"event\":\"phase\",\"phase\":\"importing\"}\n".repeat(10_000);
        let mut count = 0;
        read_protocol(&flood[..], &Log::default(), 1, "token", |_| count += 1);
        assert_eq!(count, MOST_NEWS);
    }

    #[test]
    fn that_it_speaks_is_news_although_it_is_not_understood() {
        let line = "{\"event\":\"phase\",\"phase\":\"dreaming\"}\n".repeat(1_000);
        let mut said = Vec::new();
        let pipe = [line.as_bytes(), b"{\"event\":\"error\"}"].concat();
        read_protocol(&pipe[..], &Log::default(), 1, "token", |line| {
            said.push(line)
        });
        assert_eq!(said, [Line::Unknown, Line::Failed(String::new())]);
    }

    #[test]
    fn what_is_not_of_the_protocol_is_log() {
        let log = Log::default();
        let mut said = Vec::new();
        let pipe = &b"hello\n{\"event\":\"error\",\"message\":\"no\"}\nthe token is secret"[..];
        read_protocol(pipe, &log, 1, "secret", |line| said.push(line));
        assert_eq!(said, [Line::Failed("no".into())]);
        assert_eq!(log.all(), ["hello", "the token is <token>"]);
    }
}
