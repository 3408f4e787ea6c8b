//! A directory of snapshots, on disk. What is written beside the live engine is written by a child process: the system
//! gives it memory as it is at the call and copies a page only when either side changes it, so the engine stands still
//! for the making of the child alone, whatever the size of what is written.
//!
//! The child does nothing but write files: it has the calling thread only, so it must not wait for another one. Nothing
//! that other threads may hold locked at the call is asked for: the states' own locks are free between two epochs, and
//! the allocator has no lock that a thread keeps. A child that does not end in time is ended.

// The reason for each use stands beside it.
#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::runtime::{Files, NewFile};

/// Who may read and write: the service alone, for agents' names stand in it.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// A child that writes for longer than this is ended.
const LONGEST: Duration = Duration::from_secs(600);
/// How much the child yields to the engine: the most there is.
const NICE: i32 = 19;
/// Most bytes of what a child says.
const WORDS_MAX: u64 = 4_096;

/// The directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    child: Option<Child>,
}

#[derive(Debug)]
struct Child {
    process: libc::pid_t,
    words: PipeReader,
    since: Instant,
}

impl Directory {
    /// Makes it if it is not there.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn new(path: &Path) -> io::Result<Directory> {
        fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        Ok(Directory { path: path.to_owned(), child: None })
    }
}

impl Files for Directory {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn NewFile + '_>> {
        let mut options = OpenOptions::new();
        let file =
            options.write(true).create(true).truncate(true).mode(FILE_MODE).open(self.path.join(name))?;
        // Says to other processes that somebody writes it, until the file is closed, by the process's death too. Where files
        // have no locks they may take it for abandoned, and this snapshot fails.
        if is_locked(&file) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(OnDisk(file)))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn is_abandoned(&mut self, name: &str) -> bool {
        !File::open(self.path.join(name)).is_ok_and(|file| is_locked(&file))
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn begin(&mut self, work: &mut dyn FnMut(&mut dyn Files) -> io::Result<()>) -> io::Result<()> {
        assert!(self.child.is_none(), "one work at a time");
        let (words, mut say) = io::pipe()?;
        // SAFETY: `fork` has no preconditions of its own. The child runs `work` and ends by `_exit`; what it may touch is
        // said above.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(words);
                // SAFETY: both calls take and give numbers. Whether the child can be made to yield does not matter.
                unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
                let done = work(self);
                if let Err(error) = &done {
                    // Whoever listened may be gone.
                    let _ = say.write_all(error.to_string().as_bytes());
                }
                drop(say);
                // SAFETY: ends the child at once; nothing that belongs to the parent is flushed or run down.
                unsafe { libc::_exit(i32::from(done.is_err())) }
            }
            process => {
                drop(say);
                self.child = Some(Child { process, words, since: Instant::now() });
                Ok(())
            }
        }
    }

    fn outcome(&mut self) -> Option<io::Result<()>> {
        let child = self.child.as_ref()?;
        let mut status = 0;
        // SAFETY: the process is a child that nobody else waits for; `status` is a place for a number.
        let ended = unsafe { libc::waitpid(child.process, &raw mut status, libc::WNOHANG) };
        if ended == 0 {
            if child.since.elapsed() < LONGEST {
                return None;
            }
            self.stop();
            return Some(Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long")));
        }
        let child = self.child.take().expect("there is one");
        if ended < 0 {
            return Some(Err(io::Error::last_os_error()));
        }
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            return Some(Ok(()));
        }
        let mut words = String::new();
        // What it said explains its end; without it the status does.
        let _ = child.words.take(WORDS_MAX).read_to_string(&mut words);
        let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
        Some(Err(match (words.is_empty(), signal) {
            (false, _) => io::Error::other(words),
            (true, Some(signal)) => {
                io::Error::other(format!("the process that wrote it was ended by signal {signal}"))
            }
            (true, None) => io::Error::other(format!("the process that wrote it ended with {status}")),
        }))
    }

    fn stop(&mut self) {
        let Some(child) = self.child.take() else { return };
        let mut status = 0;
        // SAFETY: the process is a child that nobody has waited for yet, so its number is its own.
        unsafe {
            libc::kill(child.process, libc::SIGKILL);
            libc::waitpid(child.process, &raw mut status, 0);
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether another one has locked a file; if not, it is locked by this handle, until that is closed.
fn is_locked(file: &File) -> bool {
    // SAFETY: the descriptor is that of an open file, and the call takes and gives numbers.
    let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    locked != 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

/// A file on disk.
struct OnDisk(File);

impl Write for OnDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl NewFile for OnDisk {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(directory: &mut Directory) -> io::Result<()> {
        loop {
            if let Some(outcome) = directory.outcome() {
                return outcome;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn work_sees_memory_as_it_was_when_it_was_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(&folder.path().join("new")).unwrap();
        let mut state = vec![1_u8; 1 << 20];
        let (pipe, mut go) = io::pipe().unwrap();
        let mut pipe = Some(pipe);
        directory
            .begin(&mut |files| {
                // The parent changes its memory first.
                pipe.take().expect("once").read_exact(&mut [0])?;
                let mut file = files.create("part")?;
                file.write_all(&state)?;
                file.sync()?;
                drop(file);
                files.rename("part", "whole")?;
                files.sync()
            })
            .unwrap();
        state.fill(2);
        assert!(directory.outcome().is_none(), "it waits for a word");
        go.write_all(&[0]).unwrap();
        outcome(&mut directory).unwrap();
        assert_eq!(directory.list().unwrap(), ["whole"]);
        let mut found = Vec::new();
        directory.open("whole").unwrap().read_to_end(&mut found).unwrap();
        assert!(found == vec![1; 1 << 20] && state == vec![2; 1 << 20]);
    }

    #[test]
    fn why_work_failed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(folder.path()).unwrap();
        directory.begin(&mut |_| Err(io::Error::other("the disk is full"))).unwrap();
        assert_eq!(outcome(&mut directory).unwrap_err().to_string(), "the disk is full");
        // SAFETY: ends the child as the system would if memory ran out.
        directory.begin(&mut |_| unsafe { libc::_exit(libc::raise(libc::SIGKILL)) }).unwrap();
        let told = outcome(&mut directory).unwrap_err().to_string();
        assert!(told.contains("signal 9"), "{told}");
        directory.begin(&mut |files| files.rename("nothing", "something")).unwrap();
        assert!(outcome(&mut directory).is_err());
        assert!(directory.outcome().is_none(), "an outcome is told once");
    }

    #[test]
    fn work_that_is_not_wanted_any_more_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(folder.path()).unwrap();
        let (mut pipe, _held) = io::pipe().unwrap();
        directory.begin(&mut |_| pipe.read_exact(&mut [0])).unwrap();
        directory.stop();
        assert!(directory.outcome().is_none());
        directory.begin(&mut |_| Ok(())).unwrap();
        outcome(&mut directory).unwrap();
    }

    #[test]
    fn a_file_is_abandoned_when_nobody_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(folder.path()).unwrap();
        let mut other = Directory::new(folder.path()).unwrap();
        let file = directory.create("part").unwrap();
        assert!(!other.is_abandoned("part"));
        assert!(other.create("part").is_err(), "one writes a file");
        drop(file);
        assert!(other.is_abandoned("part"));
        // A child's file is its own.
        let (mut pipe, mut go) = io::pipe().unwrap();
        let (mut begun, mut said) = io::pipe().unwrap();
        directory
            .begin(&mut |files| {
                let _file = files.create("part")?;
                said.write_all(&[0])?;
                pipe.read_exact(&mut [0])
            })
            .unwrap();
        begun.read_exact(&mut [0]).unwrap();
        assert!(!other.is_abandoned("part") && !directory.is_abandoned("part"));
        go.write_all(&[0]).unwrap();
        outcome(&mut directory).unwrap();
        assert!(other.is_abandoned("part"));
    }

    #[test]
    fn only_the_service_itself_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let mut directory = Directory::new(&path).unwrap();
        drop(directory.create("x").unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("x"))), (DIRECTORY_MODE, FILE_MODE));
    }
}
