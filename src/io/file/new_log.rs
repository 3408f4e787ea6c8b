//! Writing a new log, plain or compressed by the file's name. It appears under its name at once, by renaming, when
//! it is complete: whoever finds it has found all of it.

use super::FileError;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes collected before a write. Whoever writes more at once is not copied.
const BUFFER_BYTES: usize = 64 * 1_024;
/// Level of zstd: generated logs shrink to a sixth at little cost.
const ZSTD_LEVEL: i32 = 1;

/// A log in the making. Dropped unfinished, it leaves nothing behind.
pub struct NewLog {
    path: PathBuf,
    temporary: PathBuf,
    to: Option<To>,
}

enum To {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl NewLog {
    /// Begins a log; a name that ends in `.zst` is compressed.
    ///
    /// # Errors
    /// `Write` if the file cannot be made.
    pub fn create(path: &Path) -> Result<NewLog, FileError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let to = File::create(&temporary)
            .map(|file| BufWriter::with_capacity(BUFFER_BYTES, file))
            .and_then(|file| match path.extension().is_some_and(|extension| extension == "zst") {
                true => Ok(To::Zstd(Box::new(zstd::Encoder::new(file, ZSTD_LEVEL)?))),
                false => Ok(To::Plain(file)),
            })
            .map_err(|source| FileError::write(path, source))?;
        Ok(NewLog { path: path.to_owned(), temporary, to: Some(to) })
    }

    /// What went wrong while writing, with the file's name.
    pub fn error(&self, source: io::Error) -> FileError {
        FileError::write(&self.path, source)
    }

    /// Completes the log under its name.
    ///
    /// # Errors
    /// `Write` if that cannot be done: then the log is not there.
    pub fn finish(mut self) -> Result<(), FileError> {
        let finished = match self.to.take().expect("a log is finished once") {
            To::Plain(mut file) => file.flush(),
            To::Zstd(encoder) => encoder.finish().and_then(|mut file| file.flush()),
        };
        let renamed = finished.and_then(|()| fs::rename(&self.temporary, &self.path));
        renamed.map_err(|source| {
            drop(fs::remove_file(&self.temporary));
            FileError::write(&self.path, source)
        })
    }
}

impl Write for NewLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.to.as_mut().expect("nothing is written after the end") {
            To::Plain(file) => file.write(bytes),
            To::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.to.as_mut().expect("nothing is written after the end") {
            To::Plain(file) => file.flush(),
            To::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl Drop for NewLog {
    fn drop(&mut self) {
        if self.to.is_some() {
            // Whatever cannot be removed is left: the error that led here is told.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::file::Log;

    #[test]
    fn what_is_written_is_read_and_nothing_unfinished_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["a.ndjson", "a.ndjson.zst"] {
            let path = directory.path().join(name);
            let mut log = NewLog::create(&path).expect("it can be made");
            log.write_all(b"{\"a\":1}\n{\"b\":2}\n").expect("it can be written");
            assert!(!path.exists());
            log.finish().expect("it can be finished");
            let mut log = Log::open(std::slice::from_ref(&path)).expect("it is there");
            let records = log.read(10).expect("it can be read");
            assert_eq!(records.iter().map(|r| r.value).collect::<Vec<_>>(), [b"{\"a\":1}", b"{\"b\":2}"]);
        }
        drop(NewLog::create(&directory.path().join("b.ndjson")).expect("it can be made"));
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 2);
    }
}
