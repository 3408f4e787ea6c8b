//! Reading a log: big chunks into one buffer, lines found in it, records that borrow from it. A line that does not
//! fit the buffer is cut: it is longer than any limit of a record, so decode refuses what is left of it.

use super::FileError;
use crate::types::record::Record;
use memchr::memchr;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of the buffer: room for a batch of ordinary lines, and more than the limit of a record (1 MiB).
const BUFFER_BYTES: usize = 4 * 1_024 * 1_024;

/// Several files as one log, read one after another.
pub struct Log {
    /// In the order of the command line; the place is the partition.
    paths: Vec<PathBuf>,
    /// Those not begun yet, in reverse order.
    waiting: Vec<Reader>,
    current: Option<Reader>,
    /// Place of the current file.
    file: usize,
    /// Lines of the current file that were given out or skipped.
    line: u64,
    buffer: Box<[u8]>,
    /// What is read and not yet given out.
    start: usize,
    end: usize,
    /// The current file gives no more.
    ended: bool,
    /// The rest of a cut line is to be passed over.
    cut: bool,
    blank_lines: u64,
    bytes_before: u64,
    bytes_total: u64,
}

/// A file, decompressed if its name ends in `.zst`.
enum Reader {
    Plain(Counted),
    Zstd(Box<zstd::Decoder<'static, BufReader<Counted>>>),
}

/// Counts what is read from a file.
struct Counted {
    file: File,
    bytes: u64,
}

/// Where a line lies in the buffer.
struct Line {
    start: usize,
    end: usize,
    number: u64,
}

impl Log {
    /// Opens every file, so that a missing one is found before any work is done.
    ///
    /// # Errors
    /// `Open` for the first that does not open; `Damaged` for an empty `.zst`.
    pub fn open(paths: &[PathBuf]) -> Result<Log, FileError> {
        let mut bytes_total = 0;
        let mut waiting = Vec::with_capacity(paths.len());
        for path in paths {
            let (reader, bytes) = Reader::open(path)?;
            bytes_total += bytes;
            waiting.push(reader);
        }
        waiting.reverse();
        Ok(Log {
            paths: paths.to_vec(),
            current: waiting.pop(),
            waiting,
            file: 0,
            line: 0,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            ended: false,
            cut: false,
            blank_lines: 0,
            bytes_before: 0,
            bytes_total,
        })
    }

    /// The next lines as records, at most `most`, all of one file; none at the end of the log. Lines without
    /// anything but white space are passed over and counted.
    ///
    /// # Errors
    /// `Read` or `Damaged` with the line that could not be read in full.
    pub fn read(&mut self, most: usize) -> Result<Vec<Record<'_>>, FileError> {
        let mut lines = Vec::with_capacity(most);
        while lines.is_empty() && self.current.is_some() {
            self.find_lines(most, &mut lines);
            if lines.is_empty() {
                self.refill()?;
            }
        }
        let file = u32::try_from(self.file).expect("fewer files than 2^32 fit a command line");
        let buffer = &self.buffer;
        Ok(lines.iter().map(|line| Record::line(file, line.number, &buffer[line.start..line.end])).collect())
    }

    /// Lines passed over so far because nothing stood in them.
    pub fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Bytes read from the files so far (of compressed ones: compressed bytes), and of all files together.
    pub fn progress(&self) -> (u64, u64) {
        let current = self.current.as_ref().map_or(0, Reader::bytes);
        (self.bytes_before + current, self.bytes_total)
    }

    /// Takes up to `most` whole lines from what has been read.
    fn find_lines(&mut self, most: usize, lines: &mut Vec<Line>) {
        while lines.len() < most {
            let unread = &self.buffer[self.start..self.end];
            let (len, whole) = match memchr(b'\n', unread) {
                Some(len) => (len, true),
                // The last line of a file may do without line end; a line as long as the buffer is cut.
                None if self.ended && !unread.is_empty() => (unread.len(), true),
                None if unread.len() == self.buffer.len() => (unread.len(), false),
                None => return,
            };
            let line = Line { start: self.start, end: self.start + len, number: self.line };
            self.start = (line.end + 1).min(self.end);
            let rest_of_cut = std::mem::replace(&mut self.cut, !whole);
            if rest_of_cut {
                self.line += u64::from(whole);
                continue;
            }
            self.line += u64::from(whole);
            if unread[..len].iter().all(u8::is_ascii_whitespace) {
                self.blank_lines += 1;
            } else {
                lines.push(line);
            }
        }
    }

    /// Reads on into the buffer; goes on to the next file at the end of one. Called when no whole line is left.
    fn refill(&mut self) -> Result<(), FileError> {
        if self.ended {
            self.next_file();
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let Some(reader) = &mut self.current else { return Ok(()) };
        while self.end < self.buffer.len() {
            match reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(bytes) => self.end += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let line =
                        self.line + 1 + memchr::memchr_iter(b'\n', &self.buffer[..self.end]).count() as u64;
                    let path = self.paths[self.file].clone();
                    return Err(match reader {
                        Reader::Plain(_) => FileError::Read { path, line, source },
                        Reader::Zstd(_) => FileError::Damaged { path, line, source },
                    });
                }
            }
        }
        Ok(())
    }

    fn next_file(&mut self) {
        self.bytes_before += self.current.as_ref().map_or(0, Reader::bytes);
        self.current = self.waiting.pop();
        (self.start, self.end, self.line) = (0, 0, 0);
        (self.ended, self.cut) = (false, false);
        if self.current.is_some() {
            self.file += 1;
        }
    }
}

impl Reader {
    fn open(path: &Path) -> Result<(Reader, u64), FileError> {
        let failed = |source| FileError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let counted = Counted { file, bytes: 0 };
        if path.extension().is_none_or(|extension| extension != "zst") {
            return Ok((Reader::Plain(counted), about.len()));
        }
        if about.is_file() && about.len() == 0 {
            let source = std::io::ErrorKind::UnexpectedEof.into();
            return Err(FileError::Damaged { path: path.to_owned(), line: 1, source });
        }
        let decoder = zstd::Decoder::new(counted).map_err(failed)?;
        Ok((Reader::Zstd(Box::new(decoder)), about.len()))
    }

    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Reader::Plain(file) => file.read(to),
            Reader::Zstd(decoder) => decoder.read(to),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Reader::Plain(file) => file.bytes,
            Reader::Zstd(decoder) => decoder.get_ref().get_ref().bytes,
        }
    }
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.file.read(to)?;
        self.bytes += bytes as u64;
        Ok(bytes)
    }
}
