//! Cuts what a process writes to its standard streams into log events.

use ebb_model::limits::LOG_EVENT_BYTES;

/// Collects bytes and gives whole lines. A line longer than a log event may be is cut.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    partial: Vec<u8>,
}

impl LineSplitter {
    /// Takes bytes; `line` gets each line that they complete, without its newline.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end], &mut line);
            line(take_text(&mut self.partial));
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, &mut line);
    }

    /// Gives what stands without a newline, where anything does.
    pub(crate) fn flush(&mut self, mut line: impl FnMut(String)) {
        if !self.partial.is_empty() {
            line(take_text(&mut self.partial));
        }
    }

    fn extend(&mut self, mut bytes: &[u8], line: &mut impl FnMut(String)) {
        while self.partial.len() + bytes.len() > LOG_EVENT_BYTES {
            let room = character_boundary(bytes, LOG_EVENT_BYTES.saturating_sub(self.partial.len()));
            self.partial.extend_from_slice(&bytes[..room]);
            line(take_text(&mut self.partial));
            bytes = &bytes[room..];
        }
        self.partial.extend_from_slice(bytes);
    }
}

/// The last place at or before `at` where UTF-8 may be cut; `at` itself where the bytes are no UTF-8.
fn character_boundary(bytes: &[u8], at: usize) -> usize {
    let is_continuation = |index: &usize| bytes.get(*index).is_some_and(|byte| byte & 0xC0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|index| !is_continuation(index)).unwrap_or(at)
}

fn take_text(bytes: &mut Vec<u8>) -> String {
    let mut bytes = std::mem::take(bytes);
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(writes: &[&[u8]], expected: &[&str], rest: Option<&str>) {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for bytes in writes {
            splitter.push(bytes, |line| lines.push(line));
        }
        assert_eq!(lines, expected);
        let mut flushed = None;
        splitter.flush(|line| flushed = Some(line));
        assert_eq!(flushed.as_deref(), rest);
    }

    #[test]
    fn lines_are_cut_at_newlines_whatever_the_writes() {
        check(&[b"a\nb\n"], &["a", "b"], None);
        check(&[b"a", b"b\nc"], &["ab"], Some("c"));
        check(&[b"\n\r\nx\r\n"], &["", "", "x"], None);
        check(&["h\u{e9}".as_bytes(), b"\n"], &["h\u{e9}"], None);
        check(&[b"\xff\n"], &["\u{fffd}"], None);
        check(&[], &[], None);
    }

    #[test]
    fn a_line_longer_than_a_log_event_is_cut_between_characters() {
        let long = "\u{e9}".repeat(LOG_EVENT_BYTES / 2 + 10);
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::default();
        splitter.push(b"a", |line| lines.push(line));
        splitter.push(long.as_bytes(), |line| lines.push(line));
        splitter.push(b"\n", |line| lines.push(line));
        assert_eq!(lines.concat(), format!("a{long}"));
        assert!(lines.iter().all(|line| line.len() <= LOG_EVENT_BYTES));
    }
}
