//! Plain logs: lines in from `.ndjson` and `.ndjson.zst` files, streams out as `DIR/<stream>.ndjson`. Memory is
//! bounded whatever the length of files and lines; every failure names the file and, where there is one, the line.

mod new_log;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use new_log::NewLog;
pub use read::Log;
pub use write::StreamFiles;

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with files. Lines are counted from 1 here, as editors do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A log does not open.
    #[error("{}: cannot be opened: {source}. Check the path and its permissions", path.display())]
    Open {
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A compressed log ends before its end, or is not what it should be.
    #[error(
        "{}:{line}: the zstd data end too early or are damaged ({source}): the log was read up to line {}. \
         Fetch or generate the file again",
        path.display(), line - 1
    )]
    Damaged {
        /// The log.
        path: PathBuf,
        /// The line that could not be read in full.
        line: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// A log cannot be read on.
    #[error("{}:{line}: cannot be read: {source}", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// The line that could not be read in full.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// Output cannot be written; what was begun has been removed.
    #[error("{}: cannot be written: {source}. Make room or choose another directory; no output was left behind", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl FileError {
    fn write(path: &Path, source: io::Error) -> FileError {
        FileError::Write { path: path.to_owned(), source }
    }
}
