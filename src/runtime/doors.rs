//! The doors: traits through which the runtime meets the outside, and the engine that it drives. Real doors stand in
//! `io::kafka`, those of the tests in `runtime::memory`. A door reports every failure; it never retries for ever,
//! guesses or skips.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::change::Asked;
use crate::rules::Tick;
use crate::runtime::gauges::Readings;
use crate::runtime::inbox::Inbox;
use crate::runtime::journal::Input;
use crate::runtime::outgoing::{Outgoing, OutputRecord};
use crate::runtime::snapshot::{Reader, Writer};
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

/// Why the runtime stops. Each text says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A door failed: broker gone, topic missing, offset out of range, record refused.
    #[error("{0}")]
    Door(String),
    /// The epoch log and what is configured, or what is found in the input, do not fit together.
    #[error("epoch log: {0}")]
    Log(String),
    /// Another instance leads the tenant. What this one has in hand is not recorded, and the other does it.
    #[error("{0}")]
    Superseded(String),
    /// The engine has panicked twice at the same place; it stops before a third time.
    #[error("{0}")]
    Panics(String),
    /// A recorded epoch came out otherwise than recorded.
    #[error(
        "epoch {epoch} comes out otherwise than recorded: {what}. The engine stops before it sends anything: look for \
         changed rules, a changed key, another version of the program, or a changed input topic"
    )]
    Differs {
        /// Number of the epoch.
        epoch: u64,
        /// What differs, recorded and found.
        what: String,
    },
}

/// The stages as the runtime drives them: what comes out is a pure function of the calls. An engine of several threads
/// has several batches under way; they come out in the order in which they went in.
pub trait Engine {
    /// Batches that may be submitted and not yet collected; at least 1.
    fn room(&self) -> usize;

    /// Takes a batch in: records in this order, then, if there is one, the tick, which moves the clock (never back) and
    /// fires what is due. `now` is the epoch's.
    fn submit(&mut self, records: &[Record<'_>], now: Millis, tick: Option<Millis>);

    /// Whether `collect` would not wait.
    fn is_through(&self) -> bool;

    /// Waits for the oldest batch submitted. `out` then holds what it put out, and nothing else.
    ///
    /// # Errors
    /// A text, if the log cannot be what it should be; the runtime stops.
    fn collect(&mut self, out: &mut Output) -> Result<Collected, String>;

    /// The logical clock; `None` before the first entry. Asked for while nothing is under way.
    fn clock(&self) -> Option<Millis>;

    /// No timer falls due before this; `None`: none is armed. Asked for while nothing is under way.
    fn next_deadline(&mut self) -> Option<Millis>;

    /// Names of the divisions, in the order of `Output::divisions`: rules that change only ever add some at the end.
    fn divisions(&self) -> Vec<String>;

    /// Texts of the rules, from the first on; the last is in force.
    fn rules(&self) -> Vec<String>;

    /// Hash of the rules in force.
    fn rules_hash(&self) -> u128;

    /// What a tick may be, by the rules in force.
    fn tick(&self) -> Tick;

    /// Goes by the rules of this text, as if from the first entry on; nothing was submitted yet.
    ///
    /// # Errors
    /// What is wrong with them.
    fn begin_anew(&mut self, rules: &str) -> Result<(), String>;

    /// Writes all that it knows but the rules. Asked for while nothing is under way.
    ///
    /// # Errors
    /// If `to` fails.
    fn save(&mut self, to: &mut Writer<'_>) -> io::Result<()>;

    /// Puts what was saved under these rules, and them, in the place of what it knows, which is nothing yet.
    ///
    /// # Errors
    /// If `from` fails, or does not hold what it should.
    fn restore(&mut self, rules: &[String], from: &mut Reader<'_>) -> io::Result<()>;

    /// Renews what the engine counts by itself; about once a second.
    fn read(&self, readings: &mut Readings);
}

/// What a batch came to, besides its output.
#[derive(Debug, Default)]
pub struct Collected {
    /// The clock behind it; `None`: no entry yet.
    pub clock: Option<Millis>,
    /// Hash of the rules in force behind it.
    pub rules: u128,
    /// Those of its events that asked for other rules.
    pub asked: Vec<Asked>,
}

/// Where input comes from: partitions, each an ordered log.
pub trait Source {
    /// Every partition of the configured topics as it is now, in the order of the configuration; one that is not
    /// `known` with its first offset.
    fn discover(&mut self, known: &[Input]) -> Result<Vec<Input>, Error>;

    /// Reads these slots from these offsets on, instead of what was read before.
    fn open(&mut self, slots: &[(Input, u64)]) -> Result<(), Error>;

    /// Offset of the first record of each slot's log that is still there.
    fn starts(&mut self) -> Result<Vec<u64>, Error>;

    /// End of each slot's log now: the offset after its last readable record.
    fn ends(&mut self) -> Result<Vec<u64>, Error>;

    /// Puts what has arrived into the inbox, as far as it has room. If nothing has, waits for at most `wait`; another
    /// door may cut the wait short.
    fn poll(&mut self, wait: Duration, inbox: &mut Inbox) -> Result<(), Error>;

    /// What came before these offsets, by slot, is processed and safe: for tools that tell how far a reader lags behind,
    /// not for the engine, which trusts its own log alone. Called about once a second while they move.
    fn tell(&mut self, ends: &[(usize, u64)]);
}

/// Where output goes: an ordered log a partition; every record arrives at least once and in order, or the sink fails.
pub trait Sink {
    /// Number of partitions of each stream's topic, by `Stream as usize`.
    fn partitions(&mut self) -> Result<[u32; 6], Error>;

    /// Begins to send a record of this epoch. Epochs are sent one after another.
    fn send(&mut self, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Error>;

    /// The oldest epoch with a record that is not acknowledged yet; `None` if there is none. Waits for at most `wait`
    /// for one.
    fn unacknowledged(&mut self, wait: Duration) -> Result<Option<u64>, Error>;
}

/// What becomes safe as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Number of the epoch.
    pub epoch: u64,
    /// Its record.
    pub record: Vec<u8>,
    /// Its output, where output and record go together; `None`: it is sent later, through the sink.
    pub output: Option<Arc<Outgoing>>,
}

/// What must survive: the epoch log. Anybody may read it; whoever called `lead` last is its only writer, and fails when
/// another one does.
pub trait Store {
    /// The next recorded epoch, oldest first; `None` at the end. Others may write on: then there is more later.
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error>;

    /// Lets `read` go on from a place in the log that `place` gave, here or in another process; 0: from its start.
    fn seek(&mut self, place: u64) -> Result<(), Error>;

    /// A place in the log from which on every epoch is found that is not known to be recorded, and the newest one that is.
    fn place(&self) -> u64;

    /// Becomes the only writer. What others had under way is recorded or not from now on, and `read` gives it until it
    /// says `None`.
    fn lead(&mut self) -> Result<(), Error>;

    /// Begins to commit an epoch. Called after `lead`, when `read` gave `None`, epoch by epoch. The first is the claim.
    fn append(&mut self, commit: Commit) -> Result<(), Error>;

    /// The newest epoch that is safe; waits for at most `wait` while one is under way.
    fn recorded(&mut self, wait: Duration) -> Result<Option<u64>, Error>;
}

/// Who of several instances may lead the tenant: at most one at a time, as far as clocks and networks let it. That it is
/// never two is the store's affair, which lets only one write.
pub trait Lease {
    /// Asks for it from now on.
    fn ask(&mut self) -> Result<(), Error>;

    /// Whether this instance holds it now; if not, waits for at most `wait` until it does.
    fn holds(&mut self, wait: Duration) -> Result<bool, Error>;

    /// Gives it back, or stops asking for it: another may have it at once. Called when nothing is written any more.
    fn give_back(&mut self);
}

/// A directory of files that survive, for snapshots.
pub trait Files {
    /// Names of the files that are there, in no order.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Reads a file.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn io::Read + '_>>;

    /// Makes a file, in place of one of this name.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn NewFile + '_>>;

    /// Gives a file another name, in place of one that has it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Whether nobody writes a file any more that was made to be written.
    fn is_abandoned(&mut self, name: &str) -> bool;

    /// Makes safe which names there are.
    fn sync(&mut self) -> io::Result<()>;

    /// Begins work that sees memory as it is at this call, whatever happens to it later; one at a time.
    fn begin(&mut self, work: &mut dyn FnMut(&mut dyn Files) -> io::Result<()>) -> io::Result<()>;

    /// What became of the work begun; `None`: it goes on.
    fn outcome(&mut self) -> Option<io::Result<()>>;

    /// The work begun is not wanted any more.
    fn stop(&mut self);
}

/// A file that is being written.
pub trait NewFile: io::Write {
    /// Makes safe what was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// What time it is outside.
pub trait Clock {
    /// Now.
    fn now(&mut self) -> Millis;

    /// The same in nanoseconds since 1970, as fine as the clock has it: for readings, never for a decision.
    fn now_nanos(&mut self) -> u64 {
        u64::try_from(self.now().0).unwrap_or(0).saturating_mul(1_000_000)
    }
}

impl<C: Clock + ?Sized> Clock for &mut C {
    fn now(&mut self) -> Millis {
        (**self).now()
    }

    fn now_nanos(&mut self) -> u64 {
        (**self).now_nanos()
    }
}
