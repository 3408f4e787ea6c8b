//! Snapshots: all that a tenant's engine knows after an epoch, in a file, so that a start replays only what came later.
//!
//! A snapshot is a function of the epoch log alone (`place` in its header apart): whoever takes it, leader or standby,
//! over however many threads, writes the same content. It is written beside the live engine (`Files::begin`), under a
//! name of its own, made safe, and only then given its right name; so a file with that name is whole, or was damaged
//! later, which its checksums tell. Some generations are kept: of one that is of no use the next older one is taken, and
//! with none the epoch log is replayed from its start.
//!
//! A snapshot counts only if the epoch log holds its epoch: one that was taken of an epoch that was never recorded is
//! passed over.

mod file;
#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

pub use file::{CONTENT, Header, Reader, Unusable, Writer};

use crate::runtime::SEMANTICS;
use crate::runtime::core::{Core, Reached};
use crate::runtime::doors::{Engine, Error, Files, Source, Store};
use crate::runtime::journal::{EpochRecord, Hash, Input};
use crate::types::{DurationMs, Millis};

/// Snapshots kept.
pub const GENERATIONS: usize = 3;
/// What snapshots' names end in, and those of files that are being written.
const NAME_END: &str = ".snapshot";
const UNDER_WAY_END: &str = ".snapshot.part";
/// Digits of an epoch in a name, so that names ascend with it.
const EPOCH_DIGITS: usize = 20;
/// How often and how long input that was taken is waited for at a start.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);
/// After one that failed, the next is tried this much later.
const AGAIN: DurationMs = DurationMs::seconds(10);

/// Who takes the snapshots that are due. At a clean stop the leader takes one, whoever it is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum By {
    /// The leader; its engine stands still while one begins, and is slower while it is written.
    Leader,
    /// A standby, in nobody's way; without one nobody does.
    Standby,
    /// A standby; the leader when for two intervals no other one's has appeared in the directory.
    #[default]
    Any,
}

/// Where a tenant's snapshots lie, and how often one is taken.
#[derive(Clone)]
pub struct Snapshots {
    /// The directory; several processes of a tenant may share it.
    pub files: Arc<Mutex<dyn Files + Send>>,
    /// At least so much between two; none but at a clean stop if it is `DurationMs::ZERO`.
    pub every: DurationMs,
    /// By whom.
    pub by: By,
    /// How many are kept, at least 1.
    pub generations: usize,
    /// Tells whether the secret key is the one that identifiers are hashed under.
    pub key: u128,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("every", &self.every).finish_non_exhaustive()
    }
}

/// What a snapshot came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It is there.
    Taken {
        /// Its epoch.
        epoch: u64,
    },
    /// It could not be written; the engine goes on, and a restart takes longer.
    Failed {
        /// Its epoch.
        epoch: u64,
        /// Why.
        why: String,
    },
}

/// What a start found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restored {
    /// The epoch from which it goes on; `None`: from the start.
    pub epoch: Option<u64>,
    /// Bytes of content read.
    pub bytes: u64,
    /// `now` of that epoch.
    pub now: Option<Millis>,
    /// Files that were passed over, and why.
    pub passed_over: Vec<String>,
}

/// Takes an instance's snapshots, from when it follows until it has led.
#[derive(Debug)]
pub struct Keeper {
    snapshots: Option<Snapshots>,
    tenant: String,
    /// Makes the name of what is being written unlike another process's.
    writer: String,
    due: Millis,
    leads: bool,
    /// Epoch of the newest that was begun, restored, or seen.
    newest: Option<u64>,
    /// Whether somebody else's had appeared at the last look.
    others: bool,
    /// Epoch of the one being written.
    under_way: Option<u64>,
    /// Why it is not being written after all.
    not_begun: Option<io::Error>,
}

impl Keeper {
    /// Of a tenant's instance that does not lead.
    pub fn new(snapshots: Option<Snapshots>, tenant: &str, writer: &str) -> Keeper {
        Keeper {
            snapshots,
            tenant: tenant.to_owned(),
            writer: writer.to_owned(),
            due: Millis::MIN,
            leads: false,
            newest: None,
            others: false,
            under_way: None,
            not_begun: None,
        }
    }

    /// The epoch of the snapshot from which it goes on.
    pub fn restored(&mut self, epoch: Option<u64>) {
        self.newest = epoch;
    }

    /// From now on its instance leads, whose time begins anew.
    pub fn lead(&mut self) {
        (self.leads, self.due) = (true, Millis::MIN);
    }

    /// Whether it is time for one, `alive` being how long its instance has followed or led. The first is due one interval
    /// after the first question.
    pub fn is_due(&mut self, alive: Millis) -> bool {
        let Some(Snapshots { every, by, .. }) = self.snapshots else { return false };
        if every <= DurationMs::ZERO || by == if self.leads { By::Standby } else { By::Leader } {
            return false;
        }
        if self.due == Millis::MIN {
            self.due = alive.plus(every);
        }
        if self.under_way.is_some() || alive < self.due {
            return false;
        }
        if by != By::Leader && self.others_take() {
            self.due = alive.plus(every);
            return false;
        }
        true
    }

    /// Whether this one is left to another instance, whose snapshot has appeared since the last look. A leader leaves the
    /// next one to it as well; a standby does not, or it would leave all to a leader that is as fast.
    fn others_take(&mut self) -> bool {
        let Some(snapshots) = &self.snapshots else { return false };
        // A directory that cannot be read fails the snapshot, which is told.
        let newest = newest_epochs(&mut *files(snapshots), &self.tenant).unwrap_or_default().first().copied();
        let (found, before) = (newest > self.newest, self.others);
        self.newest = self.newest.max(newest);
        self.others = if self.leads { found } else { found && !before };
        if self.leads { found || before } else { self.others }
    }

    /// Begins one; nothing may be under way in the engine. `outcome` tells what came of it.
    pub fn begin<E: Engine>(&mut self, core: &mut Core<E>, place: u64, now: Millis, alive: Millis) {
        let Some(snapshots) = self.snapshots.clone() else { return };
        self.due = alive.plus(snapshots.every);
        let Some(epoch) = core.chain.next.checked_sub(1).filter(|epoch| self.newest != Some(*epoch)) else {
            return;
        };
        (self.newest, self.under_way) = (Some(epoch), Some(epoch));
        let header = self.header(core, epoch, place, now, snapshots.key);
        let names = self.names(epoch);
        self.not_begun =
            files(&snapshots).begin(&mut |files| write(files, core, &header, &names, &snapshots)).err();
    }

    /// What became of the one being written, once it is known.
    pub fn outcome(&mut self, alive: Millis) -> Option<Told> {
        let (epoch, snapshots) = (self.under_way?, self.snapshots.as_ref()?);
        let outcome = match self.not_begun.take() {
            Some(error) => Err(error),
            None => files(snapshots).outcome()?,
        };
        self.under_way = None;
        Some(match outcome {
            Ok(()) => Told::Taken { epoch },
            Err(error) => {
                self.newest = None;
                self.due = alive.plus(AGAIN.min(snapshots.every));
                Told::Failed { epoch, why: error.to_string() }
            }
        })
    }

    /// Writes one of the last epoch, at a clean stop, and waits for it.
    pub fn finish<E: Engine>(&mut self, core: &mut Core<E>, place: u64, now: Millis) -> Option<Told> {
        let snapshots = self.snapshots.clone()?;
        files(&snapshots).stop();
        self.under_way = None;
        let epoch = core.chain.next.checked_sub(1)?;
        let header = self.header(core, epoch, place, now, snapshots.key);
        let names = self.names(epoch);
        let written = write(&mut *files(&snapshots), core, &header, &names, &snapshots);
        Some(match written {
            Ok(()) => Told::Taken { epoch },
            Err(error) => Told::Failed { epoch, why: error.to_string() },
        })
    }

    fn header<E: Engine>(&self, core: &Core<E>, epoch: u64, place: u64, now: Millis, key: u128) -> Header {
        Header {
            content: CONTENT,
            semantics: SEMANTICS,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tenant: self.tenant.clone(),
            epoch,
            record: Hash(core.chain.hash),
            now: now.0,
            rules: Hash(core.rules_hash()),
            key: Hash(key),
            place,
        }
    }

    /// The name under which it is written, and the right one.
    fn names(&self, epoch: u64) -> (String, String) {
        let name = name(&self.tenant, epoch);
        (format!("{}.{}{UNDER_WAY_END}", name.trim_end_matches(NAME_END), self.writer), name)
    }
}

impl Drop for Keeper {
    /// What is being written is given up: the next keeper of this process could not tell what became of it.
    fn drop(&mut self) {
        if self.under_way.is_some()
            && let Some(Ok(mut files)) = self.snapshots.as_ref().map(|snapshots| snapshots.files.lock())
        {
            files.stop();
        }
    }
}

fn files(snapshots: &Snapshots) -> MutexGuard<'_, dyn Files + Send + 'static> {
    snapshots.files.lock().expect("no holder of the lock panics")
}

/// Ascends with the epoch.
fn name(tenant: &str, epoch: u64) -> String {
    format!("{tenant}.{epoch:0EPOCH_DIGITS$}{NAME_END}")
}

/// Whether a name is that of a file that a process of this tenant, and not of one whose name begins like its own, writes.
fn is_under_way(name: &str, tenant: &str) -> bool {
    let epoch = name.strip_prefix(tenant).and_then(|rest| rest.strip_prefix('.')?.split('.').next());
    name.ends_with(UNDER_WAY_END) && epoch.is_some_and(|epoch| epoch.len() == EPOCH_DIGITS)
}

/// The epoch of a tenant's snapshot by its name.
fn epoch_of(name: &str, tenant: &str) -> Option<u64> {
    name.strip_prefix(tenant)?.strip_prefix('.')?.strip_suffix(NAME_END)?.parse().ok()
}

fn write<E: Engine>(
    files: &mut dyn Files,
    core: &mut Core<E>,
    header: &Header,
    (under_way, right): &(String, String),
    snapshots: &Snapshots,
) -> io::Result<()> {
    let written = write_file(files, core, header, under_way)
        .and_then(|()| files.rename(under_way, right))
        .and_then(|()| if planted!(DirectoryNotSynced) { Ok(()) } else { files.sync() });
    if let Err(error) = written {
        // What is left of it is of no use; if even that fails, the next start removes it.
        let _ = files.remove(under_way);
        return Err(error);
    }
    for old in newest_first(files, &header.tenant)?.into_iter().skip(snapshots.generations.max(1)) {
        match files.remove(&old) {
            // Another instance was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

fn write_file<E: Engine>(
    files: &mut dyn Files,
    core: &mut Core<E>,
    header: &Header,
    name: &str,
) -> io::Result<()> {
    let mut file = files.create(name)?;
    let mut writer = Writer::new(&mut file, header)?;
    core.save(&mut writer)?;
    writer.finish()?;
    if planted!(SnapshotNotSynced) { Ok(()) } else { file.sync() }
}

fn newest_first(files: &mut dyn Files, tenant: &str) -> io::Result<Vec<String>> {
    Ok(newest_epochs(files, tenant)?.into_iter().map(|epoch| name(tenant, epoch)).collect())
}

fn newest_epochs(files: &mut dyn Files, tenant: &str) -> io::Result<Vec<u64>> {
    let mut epochs: Vec<u64> = files.list()?.iter().filter_map(|name| epoch_of(name, tenant)).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(epochs)
}

impl Snapshots {
    /// Puts the newest snapshot that can be used in the place of what `core` knows, opens the input where it ends, and
    /// lets `store` go on behind its epoch. With none, `core` is as it was, and `store` begins at its start.
    ///
    /// # Errors
    /// If a door fails, or a snapshot whose checksums are right cannot be understood.
    pub fn restore<E: Engine>(
        &self,
        core: &mut Core<E>,
        tenant: &str,
        source: &mut impl Source,
        store: &mut impl Store,
    ) -> Result<Restored, Error> {
        let mut restored = Restored::default();
        let mut files = files(self);
        let unreadable = |error: io::Error| Error::Door(format!("snapshots: {error}"));
        for name in newest_first(&mut *files, tenant).map_err(unreadable)? {
            let usable = self.check(&mut *files, &name, tenant).map_err(|why| why.to_string());
            let header = usable.and_then(|header| match is_recorded(store, &header) {
                Ok(true) => Ok(header),
                Ok(false) => Err(format!("the epoch log does not hold its epoch {}", header.epoch)),
                Err(error) => Err(error.to_string()),
            });
            match header {
                Ok(header) => {
                    let content = files.open(&name).map_err(unreadable)?;
                    restored.bytes = load(core, content, &header)
                        .map_err(|why| Error::Log(format!("snapshot {name} cannot be understood: {why}")))?;
                    check_input(core, source)?;
                    restored.epoch = Some(header.epoch);
                    restored.now = Some(Millis(header.now));
                    return Ok(restored);
                }
                Err(why) => restored.passed_over.push(format!("{name}: {why}")),
            }
        }
        store.seek(0)?;
        Ok(restored)
    }

    /// Removes what processes were writing when they ended.
    pub fn clean(&self, tenant: &str) {
        let mut files = files(self);
        let names = files.list().unwrap_or_default();
        for name in names.iter().filter(|name| is_under_way(name, tenant)) {
            if files.is_abandoned(name) {
                // A file that stays costs room and nothing else.
                let _ = files.remove(name);
            }
        }
    }

    /// Reads a whole file and checks that it can be used.
    fn check(&self, files: &mut dyn Files, name: &str, tenant: &str) -> Result<Header, Unusable> {
        let file = files.open(name).map_err(|error| Unusable::Damaged(error.to_string()))?;
        let (header, reader) = Reader::new(file)?;
        if header.tenant != tenant {
            return Err(Unusable::Foreign(format!("it is tenant {:?}'s", header.tenant)));
        }
        if header.key.0 != self.key {
            return Err(Unusable::Foreign("it was made under another secret key".into()));
        }
        if !planted!(SnapshotNotChecked) {
            reader.finish()?;
        }
        Ok(header)
    }
}

/// Opens the input where a snapshot ends, and checks that it is the one that was taken: without a replay nobody else would
/// see that a topic was made anew, and what stands in it up to there would be passed over. What retention has removed
/// since is not missed.
fn check_input<E: Engine>(core: &mut Core<E>, source: &mut impl Source) -> Result<(), Error> {
    source.open(&core.positions())?;
    let anew = |core: &Core<E>, slot: usize, what: String| {
        let Input { topic, partition, .. } = &core.inputs()[slot];
        Error::Log(format!(
            "input {topic}[{partition}] {what}: was it made anew? What it held before is in the snapshot, what it holds now \
             would be passed over up to there"
        ))
    };
    let (starts, ends) = (source.starts()?, source.ends()?);
    for (slot, (start, end)) in starts.into_iter().zip(ends).enumerate() {
        let taken = core.inbox.taken(slot);
        if end < taken {
            return Err(anew(core, slot, format!("ends at offset {end}, and was taken up to {taken}")));
        }
        if start < taken {
            core.inbox.expect_last(slot);
        }
    }
    source.open(&core.positions())?;
    for _ in 0..LOOKS {
        if !core.inbox.expects_last() {
            break;
        }
        source.poll(LOOK, &mut core.inbox)?;
    }
    if core.inbox.expects_last() {
        return Err(Error::Door(
            "input that was taken cannot be read once more: the broker is silent".into(),
        ));
    }
    match core.inbox.changed() {
        None => Ok(()),
        Some(slot) => {
            let offset = core.inbox.taken(slot) - 1;
            Err(anew(core, slot, format!("holds another record at offset {offset} than was taken")))
        }
    }
}

/// Whether the log holds the epoch of a snapshot; it goes on behind that epoch then.
fn is_recorded(store: &mut impl Store, header: &Header) -> Result<bool, Error> {
    store.seek(header.place)?;
    while let Some(bytes) = store.read()? {
        let epoch = EpochRecord::decode(&bytes)?.epoch;
        if epoch >= header.epoch {
            let same = epoch == header.epoch && xxh3_128(&bytes) == header.record.0;
            return Ok(same || planted!(SnapshotOfUnrecorded));
        }
    }
    Ok(false)
}

/// What a snapshot's content says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// By which rules, and how far.
    pub reached: Reached,
    /// Bytes in all.
    pub bytes: u64,
    /// Hash of the whole: equal states have equal hashes.
    pub hash: u128,
}

/// Checks every byte of a snapshot, and tells what it is of.
///
/// # Errors
/// If it is damaged, or of another form.
pub fn contents<'a>(file: impl io::Read + 'a) -> Result<(Header, Contents), Unusable> {
    let (header, mut reader) = Reader::new(Box::new(file))?;
    let reached = Reached::read(&mut reader).map_err(|error| Unusable::Damaged(error.to_string()))?;
    let (bytes, hash) = reader.finish()?;
    Ok((header, Contents { reached, bytes, hash }))
}

/// Puts a snapshot's content in the place of what `core` knows, which is nothing yet; how many bytes it has.
///
/// # Errors
/// If it is damaged, or does not hold what it should.
pub fn load<E: Engine>(core: &mut Core<E>, content: impl io::Read, header: &Header) -> Result<u64, String> {
    let (_, mut reader) = Reader::new(Box::new(content)).map_err(|why| why.to_string())?;
    core.restore(&mut reader, header.epoch, header.record.0).map_err(|error| error.to_string())?;
    let bytes = reader.bytes();
    match io::copy(&mut reader, &mut io::sink()) {
        Ok(0) => Ok(bytes),
        Ok(left) => Err(format!("{left} bytes are left over")),
        Err(error) => Err(error.to_string()),
    }
}
