//! Writing the streams: one file a stream, in it the divisions in name order, each in decision order over the whole
//! run. A division's lines come in between those of others, so they are gathered in memory, beyond a budget in one
//! spill file, and put together at the end. The final files appear at once, by renaming: whoever finds one has
//! found all of it.

use super::FileError;
use crate::types::{Lines, Output, Stream};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Bytes gathered in memory before they go to the spill file.
const MEMORY_BYTES: usize = 64 * 1_024 * 1_024;
/// Bytes read back from the spill file at a time.
const COPY_BYTES: usize = 256 * 1_024;

/// The streams of one run in the making. Dropped unfinished, it leaves nothing behind.
pub struct StreamFiles {
    directory: PathBuf,
    /// By division, then by stream; identity outputs and rejects lie with the first.
    slots: Vec<[Slot; Stream::ALL.len()]>,
    memory_bytes: usize,
    memory_budget: usize,
    spill: Option<Spill>,
    /// Files to remove unless everything is finished.
    temporary: Vec<PathBuf>,
}

/// The lines of one stream and division.
#[derive(Default)]
struct Slot {
    /// Not spilt yet.
    memory: Vec<u8>,
    /// Spilt before, in order: place in the spill file and length.
    spilt: Vec<(u64, u64)>,
}

/// What did not fit into memory.
struct Spill {
    path: PathBuf,
    file: File,
    len: u64,
}

impl StreamFiles {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// `Write` if it cannot be made.
    pub fn create(directory: &Path, divisions: usize) -> Result<StreamFiles, FileError> {
        StreamFiles::with_budget(directory, divisions, MEMORY_BYTES)
    }

    /// The same with another memory budget.
    pub(super) fn with_budget(
        directory: &Path,
        divisions: usize,
        bytes: usize,
    ) -> Result<StreamFiles, FileError> {
        fs::create_dir_all(directory).map_err(|source| FileError::write(directory, source))?;
        Ok(StreamFiles {
            directory: directory.to_owned(),
            slots: std::iter::repeat_with(Default::default).take(divisions.max(1)).collect(),
            memory_bytes: 0,
            memory_budget: bytes,
            spill: None,
            temporary: Vec::new(),
        })
    }

    /// Takes what one batch put out.
    ///
    /// # Errors
    /// `Write` if the spill file cannot be written.
    pub fn append(&mut self, output: &Output) -> Result<(), FileError> {
        for lines in [&output.rejected, &output.identity] {
            self.keep(0, lines);
        }
        for (division, lines) in output.divisions.iter().enumerate() {
            self.keep(division, lines);
        }
        if self.memory_bytes > self.memory_budget { self.spill() } else { Ok(()) }
    }

    /// Writes the final files, divisions in the order of these names (by number), and gives the xxh3-128 of all of them, one
    /// after another in the order of `Stream`.
    ///
    /// # Errors
    /// `Write` if a file cannot be written: then none of them is there.
    pub fn finish(mut self, divisions: &[String]) -> Result<u128, FileError> {
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        order.sort_by_key(|division| divisions.get(*division));
        let mut hash = Xxh3::new();
        let mut buffer = vec![0; COPY_BYTES];
        let finals: Vec<PathBuf> =
            Stream::ALL.iter().map(|s| self.directory.join(format!("{}.ndjson", s.word()))).collect();
        for (place, path) in finals.iter().enumerate() {
            let temporary = path.with_extension("ndjson.tmp");
            self.temporary.push(temporary.clone());
            self.write_stream((place, &order), &temporary, &mut hash, &mut buffer)
                .map_err(|source| FileError::write(&temporary, source))?;
        }
        for (place, path) in finals.iter().enumerate() {
            if let Err(source) = fs::rename(&self.temporary[place], path) {
                finals[..place].iter().for_each(|done| drop(fs::remove_file(done)));
                return Err(FileError::write(path, source));
            }
        }
        self.temporary.clear();
        Ok(hash.digest128())
    }

    fn keep(&mut self, division: usize, lines: &Lines) {
        if self.slots.len() <= division {
            self.slots.resize_with(division + 1, Default::default);
        }
        for (stream, line) in lines.iter() {
            let slot = &mut self.slots[division][stream as usize];
            slot.memory.extend_from_slice(line);
            slot.memory.push(b'\n');
        }
        self.memory_bytes += lines.bytes.len() + lines.len();
    }

    /// Moves everything from memory to the spill file.
    fn spill(&mut self) -> Result<(), FileError> {
        if self.spill.is_none() {
            self.spill = Some(Spill::create(&self.directory)?);
        }
        let spill = self.spill.as_mut().expect("it was made just now");
        for slot in self.slots.iter_mut().flatten().filter(|slot| !slot.memory.is_empty()) {
            spill.file.write_all(&slot.memory).map_err(|source| FileError::write(&spill.path, source))?;
            let len = slot.memory.len() as u64;
            slot.spilt.push((spill.len, len));
            spill.len += len;
            slot.memory.clear();
        }
        self.memory_bytes = 0;
        Ok(())
    }

    fn write_stream(
        &mut self,
        (stream, order): (usize, &[usize]),
        path: &Path,
        hash: &mut Xxh3,
        buffer: &mut [u8],
    ) -> std::io::Result<()> {
        let mut file = BufWriter::with_capacity(COPY_BYTES, File::create(path)?);
        for slot in order.iter().map(|division| &self.slots[*division][stream]) {
            for (place, len) in &slot.spilt {
                let spill = self.spill.as_mut().expect("what was spilt is there");
                spill.file.seek(SeekFrom::Start(*place))?;
                let mut left = *len;
                while left > 0 {
                    let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let part = &mut buffer[..part];
                    spill.file.read_exact(part)?;
                    hash.update(part);
                    file.write_all(part)?;
                    left -= part.len() as u64;
                }
            }
            hash.update(&slot.memory);
            file.write_all(&slot.memory)?;
        }
        file.flush()
    }
}

impl Drop for StreamFiles {
    fn drop(&mut self) {
        // Whatever cannot be removed is left: there is nobody to tell, and the error that led here is told.
        self.temporary.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

impl Spill {
    /// Makes the file and removes its name at once, so that it goes with the process, however that ends.
    fn create(directory: &Path) -> Result<Spill, FileError> {
        let path = directory.join(format!("spill-{}.tmp", std::process::id()));
        let make = || -> std::io::Result<File> {
            let file = File::options().read(true).write(true).create_new(true).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        };
        let file = make().map_err(|source| FileError::write(&path, source))?;
        Ok(Spill { path, file, len: 0 })
    }
}
