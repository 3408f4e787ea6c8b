//! A directory in memory that loses what a real one may lose when its machine stops: bytes that were not made safe, and
//! names that were not.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};

use crate::runtime::doors::{Files, NewFile};
use crate::runtime::memory::Seed;

/// What happens to the directory, in order.
#[derive(Clone, Debug)]
enum Step {
    Create(String),
    Write(String, Vec<u8>),
    SyncFile(String),
    Rename(String, String),
    Remove(String),
    Sync,
}

/// A file: what it holds, and how much of that is safe.
#[derive(Clone, Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    safe: usize,
}

/// The directory.
#[derive(Debug)]
pub struct MemoryFiles {
    files: BTreeMap<String, Held>,
    /// Names as they would be found after a stop of the machine.
    safe: BTreeMap<String, Held>,
    /// Steps of the work begun that have not been made yet, and what became of it.
    work: Option<(Vec<Step>, io::Result<()>)>,
    /// While work is being written down.
    noting: Option<Vec<Step>>,
    /// Chances.
    pub seed: Seed,
    /// Bytes that fit.
    pub room: usize,
}

impl MemoryFiles {
    /// Empty.
    pub fn new(seed: u64) -> MemoryFiles {
        MemoryFiles {
            files: BTreeMap::new(),
            safe: BTreeMap::new(),
            work: None,
            noting: None,
            seed: Seed(seed),
            room: usize::MAX,
        }
    }

    fn make(&mut self, step: Step) -> io::Result<()> {
        if let Some(steps) = &mut self.noting {
            steps.push(step);
            return Ok(());
        }
        match step {
            Step::Create(name) => drop(self.files.insert(name, Held::default())),
            Step::Write(name, bytes) => {
                let held: usize = self.files.values().map(|file| file.bytes.len()).sum();
                if held + bytes.len() > self.room {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.file(&name)?.bytes.extend_from_slice(&bytes);
            }
            Step::SyncFile(name) => {
                let file = self.file(&name)?;
                file.safe = file.bytes.len();
            }
            Step::Rename(from, to) => {
                let file = self.files.remove(&from).ok_or(io::ErrorKind::NotFound)?;
                self.files.insert(to, file);
            }
            Step::Remove(name) => drop(self.files.remove(&name).ok_or(io::ErrorKind::NotFound)?),
            Step::Sync => self.safe = self.files.clone(),
        }
        Ok(())
    }

    /// Whether no work is under way.
    pub fn is_idle(&self) -> bool {
        self.work.is_none()
    }

    fn file(&mut self, name: &str) -> io::Result<&mut Held> {
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_all(&mut self, steps: Vec<Step>) -> io::Result<()> {
        steps.into_iter().try_for_each(|step| self.make(step))
    }

    /// The process ends: some of the steps of the work begun have been made.
    pub fn crash(&mut self) {
        if let Some((mut steps, _)) = self.work.take() {
            steps.truncate(self.seed.below(steps.len() as u64 + 1) as usize);
            // That it came to an end of its room is nobody's concern any more.
            let _ = self.make_all(steps);
        }
    }

    /// The machine stops: what was not made safe is there in part, or not.
    pub fn lose_power(&mut self) {
        self.crash();
        let names_are_safe = self.seed.below(2) == 0;
        if names_are_safe {
            self.files = self.safe.clone();
        }
        for file in self.files.values_mut() {
            let unsafe_bytes = file.bytes.len() - file.safe;
            file.bytes.truncate(file.safe + self.seed.below(unsafe_bytes as u64 + 1) as usize);
            file.safe = file.bytes.len();
        }
        self.safe = self.files.clone();
    }

    /// Changes a file as a fault would.
    pub fn spoil(&mut self, name: &str, with: impl FnOnce(&mut Vec<u8>)) {
        let file = self.files.get_mut(name).expect("a file to spoil");
        with(&mut file.bytes);
        file.safe = file.bytes.len();
    }
}

impl Files for MemoryFiles {
    fn list(&mut self) -> io::Result<Vec<String>> {
        // The work begun sees what there is besides its own.
        let mut names: Vec<String> = self.files.keys().cloned().collect();
        for step in self.noting.iter().flatten() {
            if let Step::Rename(_, to) = step
                && !names.contains(to)
            {
                names.push(to.clone());
            }
        }
        Ok(names)
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Cursor::new(self.file(name)?.bytes.clone())))
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn NewFile + '_>> {
        self.make(Step::Create(name.to_owned()))?;
        Ok(Box::new(Open { name: name.to_owned(), files: self }))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.make(Step::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.make(Step::Remove(name.to_owned()))
    }

    /// Who asks is the only process that writes.
    fn is_abandoned(&mut self, _: &str) -> bool {
        self.work.is_none()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.make(Step::Sync)
    }

    fn begin(&mut self, work: &mut dyn FnMut(&mut dyn Files) -> io::Result<()>) -> io::Result<()> {
        assert!(self.work.is_none(), "one work at a time");
        self.noting = Some(Vec::new());
        let result = work(self);
        let steps = self.noting.take().expect("it is being noted");
        self.work = Some((steps, result));
        Ok(())
    }

    fn outcome(&mut self) -> Option<io::Result<()>> {
        if self.seed.below(4) > 0 {
            return None;
        }
        let (steps, result) = self.work.take()?;
        Some(self.make_all(steps).and(result))
    }

    fn stop(&mut self) {
        self.crash();
    }
}

/// A file being written.
struct Open<'a> {
    name: String,
    files: &'a mut MemoryFiles,
}

impl Write for Open<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.make(Step::Write(self.name.clone(), bytes.to_vec()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for Open<'_> {
    fn sync(&mut self) -> io::Result<()> {
        self.files.make(Step::SyncFile(self.name.clone()))
    }
}
