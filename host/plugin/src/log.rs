//! A call's log: what a plugin says through `host.log`, and on standard output and error.
//!
//! Bounded by count and by bytes, cut instead of refused, and printable: control characters, escape sequences and characters
//! that reorder text are made visible, so that no plugin can write on an operator's terminal. `guest.rs` feeds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use shiftgate_model::{Level, LogLine, is_hidden};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::Budgets;

/// What is kept of standard error for a crash report.
const TAIL: usize = 4 << 10;
/// What a stream takes at once.
const PERMIT: usize = 64 << 10;

/// A call's log, shared by the guest's imports, its streams and its host.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    lines: Vec<LogLine>,
    bytes: usize,
    /// Lines beyond the budget.
    dropped: u64,
    line_limit: usize,
    byte_limit: usize,
    count_limit: usize,
    progress: Option<String>,
    /// What stands on each stream since its last line break.
    partial: [Vec<u8>; 2],
    stderr_tail: Vec<u8>,
}

/// What a call left in its log.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) progress: Option<String>,
    /// The last of standard error: a panic's text, when there was one.
    pub(crate) stderr: String,
}

/// Which of the two streams.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Out,
    Error,
}

impl Log {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self(Arc::new(Mutex::new(Book {
            lines: Vec::new(),
            bytes: 0,
            dropped: 0,
            line_limit: budgets.log_line_bytes as usize,
            byte_limit: budgets.log_bytes as usize,
            count_limit: budgets.log_lines as usize,
            progress: None,
            partial: [Vec::new(), Vec::new()],
            stderr_tail: Vec::new(),
        })))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line.
    pub(crate) fn line(&self, level: Level, message: &str) {
        self.book().line(level, message);
    }

    /// Writes each line of a text of the host's own.
    pub(crate) fn lines(&self, level: Level, text: &str) {
        let mut book = self.book();
        for line in text.lines() {
            book.line(level, line);
        }
    }

    /// Takes the plugin's word on how far it is.
    pub(crate) fn progress(&self, message: &str) {
        let mut book = self.book();
        book.progress = Some(cut(&printable(head(message, book.line_limit)), book.line_limit));
    }

    /// Ends the log: what stands on the streams becomes a line, and what was left out is told.
    pub(crate) fn finish(&self) -> Written {
        let mut book = self.book();
        for stream in [Stream::Out, Stream::Error] {
            let rest = std::mem::take(book.partial_mut(stream));
            if !rest.is_empty() {
                book.line(stream.level(), &String::from_utf8_lossy(&rest));
            }
        }
        let mut lines = std::mem::take(&mut book.lines);
        if book.dropped > 0 {
            let message = format!(
                "{} more lines were left out: the log holds {} lines and {} bytes a call",
                book.dropped, book.count_limit, book.byte_limit
            );
            lines.push(LogLine { level: Level::Warn, message });
        }
        let stderr = String::from_utf8_lossy(&std::mem::take(&mut book.stderr_tail)).into_owned();
        Written { lines, progress: book.progress.take(), stderr }
    }

    /// Takes what a guest writes on one of its streams.
    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut book = self.book();
        if let Stream::Error = stream {
            book.stderr_tail.extend_from_slice(bytes);
            let surplus = book.stderr_tail.len().saturating_sub(TAIL);
            book.stderr_tail.drain(..surplus);
        }
        let limit = book.line_limit;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let partial = book.partial_mut(stream);
            // One byte more than fits, so that the cut is told.
            let room = (limit + 1).saturating_sub(partial.len());
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            partial.extend_from_slice(text.get(..room).unwrap_or(text));
            if part.ends_with(b"\n") {
                let line = std::mem::take(partial);
                if !line.is_empty() {
                    book.line(stream.level(), &String::from_utf8_lossy(&line));
                }
            }
        }
    }
}

impl Book {
    fn partial_mut(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [out, error] = &mut self.partial;
        match stream {
            Stream::Out => out,
            Stream::Error => error,
        }
    }

    fn line(&mut self, level: Level, message: &str) {
        if self.lines.len() >= self.count_limit || self.bytes >= self.byte_limit {
            self.dropped += 1;
            return;
        }
        let room = self.line_limit.min(self.byte_limit - self.bytes);
        let message = cut(&printable(head(message, room.saturating_add(1))), room);
        self.bytes += message.len();
        self.lines.push(LogLine { level, message });
    }
}

impl Stream {
    const fn level(self) -> Level {
        match self {
            Self::Out => Level::Info,
            Self::Error => Level::Warn,
        }
    }
}

/// The first `limit` bytes of a text, fewer where a character would be cut.
fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// A text of `limit` bytes at most; a cut one ends in `…`.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}{MARK}", head(text, limit.saturating_sub(MARK.len())))
}

/// The longest words of a file's own in a message, in bytes.
const STRANGERS_WORDS: usize = 500;

/// What a file that nobody knows yet brings into a message: printable, and not longer than a few lines.
pub(crate) fn strangers(text: &str) -> String {
    cut(&printable(head(text, STRANGERS_WORDS + 1)), STRANGERS_WORDS)
}

/// Makes visible what a terminal would act on or hide: control characters, line breaks, and characters that reorder or hide
/// text.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Standard output or error of a guest, into its log.
pub(crate) struct LogStream {
    log: Log,
    stream: Stream,
}

impl LogStream {
    pub(crate) fn new(log: &Log, stream: Stream) -> Self {
        Self { log: log.clone(), stream }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    /// Not used: guests are of WASI 0.2, which takes [`LogStream::p2_stream`].
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Self::new(&self.log, self.stream))
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(log_lines: u32, log_bytes: u32, log_line_bytes: u32) -> Log {
        Log::new(&Budgets { log_lines, log_bytes, log_line_bytes, ..Budgets::default() })
    }

    fn messages(log: &Log) -> Vec<String> {
        log.finish().lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let rows = [
            ("plain, ünïcode 日本", "plain, ünïcode 日本"),
            ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("bell\u{7}del\u{7f}", "bell\\u{7}del\\u{7f}"),
            ("line\u{2028}break", "line\\u{2028}break"),
            ("smuggled\u{e0141}\u{3164}", "smuggled\\u{e0141}\\u{3164}"),
        ];
        for (raw, shown) in rows {
            assert_eq!(printable(raw), shown);
        }
    }

    #[test]
    fn long_lines_are_cut_and_surplus_lines_counted() {
        let log = log(2, 1_000, 8);
        log.line(Level::Info, "12345678");
        log.line(Level::Info, "123456789");
        log.line(Level::Info, "lost");
        log.line(Level::Info, "lost too");
        assert_eq!(
            messages(&log),
            ["12345678", "12345…", "2 more lines were left out: the log holds 2 lines and 1000 bytes a call"]
        );
    }

    #[test]
    fn the_log_as_a_whole_is_bounded_too() {
        let log = log(100, 10, 100);
        log.line(Level::Info, "12345678");
        log.line(Level::Info, "12345678");
        log.line(Level::Info, "1");
        let lines = messages(&log);
        assert_eq!(lines.len(), 2 + 1);
        assert!(lines.iter().take(2).map(String::len).sum::<usize>() <= 10 + "…".len());
    }

    #[test]
    fn streams_become_lines_however_they_are_written() {
        let log = log(100, 1_000, 16);
        log.write(Stream::Error, b"\npanicked at ");
        log.write(Stream::Out, b"one\ntw");
        log.write(Stream::Error, b"x\nboom");
        log.write(Stream::Out, b"o\n\xff\x1b\n");
        log.write(Stream::Out, &[b'x'; 100]);
        let written = log.finish();
        let lines: Vec<_> = written.lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(lines, ["one", "panicked at x", "two", "\u{fffd}\\u{1b}", "xxxxxxxxxxxxx…", "boom"]);
        assert_eq!(written.stderr, "\npanicked at x\nboom");
    }

    #[test]
    fn the_last_word_on_progress_counts() {
        let log = log(1, 1, 8);
        log.progress("half");
        log.progress("far\x1btoo long");
        assert_eq!(log.finish().progress.as_deref(), Some("far\\u…"));
    }
}
