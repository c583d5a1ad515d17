//! The last lines that engines wrote: so many, so long, and without the token. It does not know where lines come from.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many lines are kept.
const MOST_LINES: usize = 200;
/// So many of them go into an error, which is sent to every page.
const MOST_OF_ONE: usize = 40;
/// So many bytes of a line are kept.
const MOST_BYTES: usize = 4 * 1024;

/// The last lines, each with the start that it belongs to. Shared by the threads that read and those that ask.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<(u64, String)>>,
}

impl Log {
    /// Keep a line, cleaned.
    pub(crate) fn push(&self, generation: u64, line: &[u8], token: &str) {
        let line = clean(line, token);
        if line.is_empty() {
            return;
        }
        let mut lines = self.lock();
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back((generation, line));
    }

    /// All lines that are kept, also those of engines before this one.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().iter().map(|(_, line)| line.clone()).collect()
    }

    /// The last lines of one engine.
    pub(crate) fn of(&self, generation: u64) -> Vec<String> {
        let lines = self.lock();
        let own: Vec<&String> = lines
            .iter()
            .filter(|(theirs, _)| *theirs == generation)
            .map(|(_, line)| line)
            .collect();
        let first = own.len().saturating_sub(MOST_OF_ONE);
        own[first..].iter().copied().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, String)>> {
        // A line is pushed or not; there is no state in between to be afraid of.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line as it can be shown: text, without control characters and the token, not too long.
pub(crate) fn clean(line: &[u8], token: &str) -> String {
    let mut text = scrub(&String::from_utf8_lossy(line), token);
    if text.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES)
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    text.trim_end_matches('\u{fffd}').trim_end().to_owned()
}

/// The text without the token.
pub(crate) fn scrub(text: &str, token: &str) -> String {
    text.replace(token, "<token>")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn the_token_is_never_kept() {
        let log = Log::default();
        log.push(1, b"a 0123456789abcdef b0123456789abcdef", TOKEN);
        assert_eq!(log.all(), ["a <token> b<token>"]);
    }

    #[test]
    fn a_token_at_the_end_of_a_long_line_is_not_cut_open() {
        for before in MOST_BYTES - 20..MOST_BYTES + 4 {
            let line = [vec![b'x'; before], TOKEN.into()].concat();
            assert!(!clean(&line, TOKEN).contains("0123"), "{before}");
        }
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let log = Log::default();
        for n in 0..1000 {
            log.push(1, format!("line {n}").as_bytes(), TOKEN);
        }
        let lines = log.all();
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines.last().unwrap(), "line 999");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = clean("ä".repeat(MOST_BYTES).as_bytes(), TOKEN);
        assert_eq!(line.len(), MOST_BYTES + '…'.len_utf8());
        assert!(line.ends_with("ä…"));
    }

    #[test]
    fn binary_rubbish_becomes_text() {
        assert_eq!(
            clean(b"\xff\x00ok\x1b[31m\r", TOKEN),
            "\u{fffd}\u{fffd}ok\u{fffd}[31m"
        );
    }

    #[test]
    fn an_error_has_only_the_lines_of_its_own_engine() {
        let log = Log::default();
        log.push(1, b"old", TOKEN);
        log.push(2, b"new", TOKEN);
        assert_eq!(log.of(2), ["new"]);
        assert_eq!(log.all(), ["old", "new"]);
    }

    #[test]
    fn an_error_has_only_the_last_lines() {
        let log = Log::default();
        for n in 0..100 {
            log.push(1, format!("line {n}").as_bytes(), TOKEN);
        }
        let lines = log.of(1);
        assert_eq!(lines.len(), MOST_OF_ONE);
        assert_eq!(lines.last().unwrap(), "line 99");
    }
}
