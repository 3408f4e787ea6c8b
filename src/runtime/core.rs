//! One tenant's engine with everything that an epoch moves: the inbox, the running hashes, the chain. Live and
//! replayed epochs go through the same calls, so they cannot differ by construction.
//!
//! An epoch is begun, and finished later: meanwhile others are begun, as far as the engine has room. It goes into the
//! engine in batches, so that several threads share even a single large epoch; where it is cut makes no difference.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::pipeline::change;
use crate::runtime::arrivals::Arrivals;
use crate::runtime::doors::{Collected, Engine, Error, Source};
use crate::runtime::inbox::{Inbox, Mark, Selection};
use crate::runtime::journal::{Asked, Chain, Claim, Hash, Input, Moved, Sent, Skip};
use crate::runtime::outgoing::{Outgoing, Outlets};
use crate::runtime::snapshot::{Reader, Writer};
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

/// Most records that go into the engine at once.
const BATCH: usize = 2_048;

/// What an epoch did.
#[derive(Debug)]
pub struct Outcome {
    /// Slots that moved.
    pub moved: Vec<Moved>,
    /// Output partitions that got something.
    pub sent: Vec<Sent>,
    /// What they got.
    pub outgoing: Outgoing,
    /// Its `now`.
    pub now: Millis,
    /// The clock behind it: what its tick moved it to.
    pub clock: Option<Millis>,
    /// Records that it took, and when they were made.
    pub arrivals: Arrivals,
    /// Hash of the rules in force behind it.
    pub rules: u128,
    /// What came of events that asked for other rules.
    pub asked: Vec<Asked>,
}

/// What stands first in a snapshot: by which rules, and how far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    /// Texts of the rules, from the first on; the last is in force.
    pub rules: Vec<String>,
    /// By slot.
    pub inputs: Vec<Input>,
    /// By slot.
    pub marks: Vec<Mark>,
}

impl Reached {
    /// Reads it from the beginning of what `Core::save` wrote.
    ///
    /// # Errors
    /// If `from` fails, or does not hold that.
    pub fn read(from: &mut impl Read) -> io::Result<Reached> {
        let (rules, inputs, marks) = <(_, String, _)>::deserialize_reader(from)?;
        Ok(Reached { rules, inputs: serde_json::from_str(&inputs)?, marks })
    }
}

/// An epoch begun and not finished.
#[derive(Debug)]
struct Begun {
    now: Millis,
    moved: Vec<Moved>,
    arrivals: Arrivals,
    /// Batches submitted and not collected.
    batches: usize,
    /// Output of the batches collected.
    output: Vec<Output>,
    clock: Option<Millis>,
    rules: u128,
    asked: Vec<change::Asked>,
}

/// Engine, inbox, hashes, chain.
#[derive(Debug)]
pub struct Core<E> {
    /// The stages.
    pub engine: E,
    /// What has arrived.
    pub inbox: Inbox,
    /// The epoch log so far.
    pub chain: Chain,
    tenant: String,
    /// Of the rules in force behind the epoch finished last.
    rules_hash: u128,
    inputs: Vec<Input>,
    outlets: Option<Outlets>,
    /// Records to come that are to have no effect.
    skips: BTreeSet<Skip>,
    /// Records that had none.
    skipped: u64,
    /// After a crash the outputs of so many epochs are sent again, as the last claim says.
    pub in_flight: u32,
    /// Oldest first.
    begun: VecDeque<Begun>,
    /// Output of the epoch finished last, by batch.
    output: Vec<Output>,
}

impl<E: Engine> Core<E> {
    /// Before the first epoch.
    pub fn new(engine: E, tenant: &str, inbox_bytes: usize) -> Core<E> {
        Core {
            rules_hash: engine.rules_hash(),
            engine,
            inbox: Inbox::new(inbox_bytes),
            chain: Chain::default(),
            tenant: tenant.to_owned(),
            inputs: Vec::new(),
            outlets: None,
            skips: BTreeSet::new(),
            skipped: 0,
            in_flight: 1,
            begun: VecDeque::new(),
            output: Vec::new(),
        }
    }

    /// The slots.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Partitions of the output topics; `None` before the first claim.
    pub fn outputs(&self) -> Option<[u32; 6]> {
        self.outlets.as_ref().map(Outlets::partitions)
    }

    /// Names of the divisions so far, in the order of the engine's output.
    pub fn divisions(&self) -> &[String] {
        self.outlets.as_ref().map_or(&[], Outlets::divisions)
    }

    /// Output of the epoch finished last, as the engine gave it, by batch.
    pub fn output(&self) -> &[Output] {
        &self.output
    }

    /// Epochs begun and not finished.
    pub fn under_way(&self) -> usize {
        self.begun.len()
    }

    /// Begins an epoch: the chosen records, taken out of the inbox, and then the tick, if there is one.
    ///
    /// # Errors
    /// As `finish`, for an older epoch.
    pub fn begin(&mut self, selection: &Selection, tick: Option<Millis>, now: Millis) -> Result<(), Error> {
        self.begun.push_back(Begun {
            now,
            moved: Vec::new(),
            arrivals: Arrivals::default(),
            batches: 0,
            output: Vec::new(),
            clock: None,
            rules: 0,
            asked: Vec::new(),
        });
        let Core { engine, inbox, begun, chain, skips, skipped, .. } = self;
        inbox.records(selection, |taken| {
            begun.back_mut().expect("an epoch is begun").arrivals.take(taken);
            let left = without(taken, skips);
            *skipped += left.as_ref().map_or(0, |left| taken.len() - left.len()) as u64;
            let records = left.as_deref().unwrap_or(taken);
            #[cfg(feature = "failpoints")]
            fail::fail_point!("poison", records.iter().any(is_poison), |_| panic!("a poisoned record"));
            let mut submit = |records: &[Record<'_>], tick| {
                while begun.iter().map(|epoch| epoch.batches).sum::<usize>() >= engine.room() {
                    collect_batch(engine, begun, chain.next)?;
                }
                engine.submit(records, now, tick);
                begun.back_mut().expect("an epoch is begun").batches += 1;
                Ok(())
            };
            let last = records.len().saturating_sub(1) / BATCH * BATCH;
            for (at, batch) in records.chunks(BATCH).enumerate() {
                submit(batch, tick.filter(|_| at * BATCH == last))?;
            }
            if records.is_empty() { submit(&[], tick) } else { Ok(()) }
        })?;
        let moved = self.inbox.take(selection).into_iter();
        let inbox = &self.inbox;
        self.skips.retain(|skip| skip.offset >= inbox.taken(skip.slot as usize));
        self.begun.back_mut().expect("an epoch is begun").moved =
            moved.map(|(slot, end, hash)| Moved { slot: slot as u32, end, hash: Hash(hash) }).collect();
        Ok(())
    }

    /// Whether `finish` would not wait.
    pub fn is_through(&mut self) -> Result<bool, Error> {
        while self.begun.front().is_some_and(|epoch| epoch.batches > 0) && self.engine.is_through() {
            collect_batch(&mut self.engine, &mut self.begun, self.chain.next)?;
        }
        Ok(self.begun.front().is_some_and(|epoch| epoch.batches == 0))
    }

    /// Waits for the oldest epoch begun: what it did. `None`: there is none.
    ///
    /// # Errors
    /// If the log cannot be what it should be.
    pub fn finish(&mut self) -> Result<Option<Outcome>, Error> {
        while self.begun.front().is_some_and(|epoch| epoch.batches > 0) {
            collect_batch(&mut self.engine, &mut self.begun, self.chain.next)?;
        }
        let Some(epoch) = self.begun.pop_front() else { return Ok(None) };
        self.output = epoch.output;
        let outlets = self.outlets.as_mut().expect("a claim comes before all other epochs");
        if !planted!(DivisionsNotWidened) && epoch.rules != self.rules_hash {
            outlets.widen(self.engine.divisions());
        }
        self.rules_hash = epoch.rules;
        let (outgoing, totals) = outlets.route(&self.output);
        let inputs = &self.inputs;
        let asked =
            epoch.asked.iter().map(|asked| Asked::of(asked, &inputs[asked.position.partition as usize]));
        let sent = totals.into_iter().map(|total| Sent {
            stream: total.stream.word().to_owned(),
            partition: total.partition,
            count: total.count,
            hash: Hash(total.hash),
        });
        Ok(Some(Outcome {
            moved: epoch.moved,
            sent: sent.collect(),
            outgoing,
            now: epoch.now,
            clock: epoch.clock,
            arrivals: epoch.arrivals,
            rules: epoch.rules,
            asked: asked.collect(),
        }))
    }

    /// Carries a claim out: slots are added, never changed; the numbers of output partitions are pinned.
    ///
    /// # Errors
    /// If the claim is another tenant's, or contradicts an earlier one.
    pub fn adopt(&mut self, claim: &Claim, source: &mut impl Source) -> Result<(), Error> {
        if claim.tenant != self.tenant && !planted!(ClaimNotChecked) {
            return Err(Error::Log(format!(
                "it is tenant {:?}'s, the configuration says {:?}",
                claim.tenant, self.tenant
            )));
        }
        let same = |(old, new): (&Input, &Input)| {
            (&old.topic, old.partition, old.first) == (&new.topic, new.partition, new.first)
        };
        let kept = self.inputs.iter().zip(&claim.inputs).all(same) && claim.inputs.len() >= self.inputs.len();
        if !kept || self.outputs().is_some_and(|outputs| outputs != claim.outputs) {
            return Err(Error::Log(format!("epoch {} claims other inputs or outputs", self.chain.next)));
        }
        if self.outlets.is_none() {
            if claim.outputs.contains(&0) {
                return Err(Error::Log("a claim of no output partitions".into()));
            }
            self.begin_by(claim)?;
            self.outlets = Some(Outlets::new(claim.outputs, self.engine.divisions()));
        }
        let grown = claim.inputs.len() > self.inputs.len();
        claim.inputs[self.inputs.len()..].iter().for_each(|input| self.inbox.add_slot(input.first));
        self.inputs.clone_from(&claim.inputs);
        self.in_flight = claim.epochs_in_flight;
        for (slot, input) in self.inputs.iter().enumerate() {
            self.inbox.allow(slot, input.allowed());
        }
        if grown {
            source.open(&self.positions())?;
        }
        Ok(())
    }

    /// These records to come are to have no effect.
    ///
    /// # Errors
    /// If one is of no input, or was taken.
    pub fn skip(&mut self, skips: &[Skip]) -> Result<(), Error> {
        for skip in skips {
            let slot = skip.slot as usize;
            if slot >= self.inputs.len() || self.inbox.taken(slot) > skip.offset {
                return Err(Error::Log(format!("{skip:?} is of no input, or comes too late")));
            }
        }
        self.skips.extend(skips);
        Ok(())
    }

    /// Where the first chosen record stands.
    pub fn first_of(&self, selection: &Selection) -> Option<String> {
        self.inbox.records(selection, |records| {
            let record = records.first()?;
            Some(self.inputs[record.partition as usize].place(record.offset))
        })
    }

    /// Records without effect so far, since this was made.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether a record is to have no effect.
    pub fn skips(&self, slot: u32, offset: u64) -> bool {
        self.skips.contains(&Skip { slot, offset })
    }

    /// The rules of a log's beginning are those that its first claim holds, whatever is configured now.
    fn begin_by(&mut self, claim: &Claim) -> Result<(), Error> {
        let Some(text) = claim.rules_text.as_ref().filter(|_| !planted!(ConfiguredRulesTaken)) else {
            return Ok(());
        };
        if self.engine.rules() != [text.as_str()] {
            self.engine.begin_anew(text).map_err(|what| {
                Error::Log(format!("the rules that it begins with are refused by this program: {what}"))
            })?;
        }
        self.rules_hash = self.engine.rules_hash();
        Ok(())
    }

    /// The slots, each with the offset of the record that it waits for.
    pub fn positions(&self) -> Vec<(Input, u64)> {
        let next = |slot| {
            let next = self.inbox.next(slot);
            next + u64::from(planted!(PositionOffByOne) && next > self.inputs[slot].first)
        };
        self.inputs.iter().cloned().zip((0..self.inputs.len()).map(next)).collect()
    }

    /// Hash of the rules in force behind the epoch finished last.
    pub fn rules_hash(&self) -> u128 {
        self.rules_hash
    }

    /// Writes what epochs have moved so far, what has arrived and is not taken apart; nothing may be under way.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&mut self, to: &mut Writer<'_>) -> io::Result<()> {
        assert!(self.begun.is_empty(), "a snapshot is taken between two epochs");
        let outlets = self.outlets.as_ref().expect("a claim comes before all other epochs");
        let inputs = serde_json::to_string(&self.inputs)?;
        (self.engine.rules(), inputs, self.inbox.marks()).serialize(to)?;
        (outlets, self.in_flight, &self.skips).serialize(to)?;
        self.engine.save(to)
    }

    /// Puts what was saved after an epoch in the place of what this knows, which is nothing yet. `record`: the hash of the
    /// epoch's record.
    ///
    /// # Errors
    /// If `from` fails, or does not hold what it should.
    pub fn restore(&mut self, from: &mut Reader<'_>, epoch: u64, record: u128) -> io::Result<()> {
        let Reached { rules, inputs, marks } = Reached::read(from)?;
        let (outlets, in_flight, skips) = <(Outlets, u32, BTreeSet<Skip>)>::deserialize_reader(from)?;
        (self.outlets, self.in_flight, self.skips) = (Some(outlets), in_flight, skips);
        self.inputs = inputs;
        self.inbox.restore(&marks);
        for (slot, input) in self.inputs.iter().enumerate() {
            self.inbox.allow(slot, input.allowed());
        }
        self.engine.restore(&rules, from)?;
        self.rules_hash = self.engine.rules_hash();
        self.chain = Chain { next: epoch + 1, hash: record };
        Ok(())
    }
}

/// Whether a test made it to panic at.
#[cfg(feature = "failpoints")]
fn is_poison(record: &Record<'_>) -> bool {
    record.value.windows(6).any(|part| part == b"poison")
}

/// What is left of records without those to be skipped; `None`: none of them is.
fn without<'r>(records: &[Record<'r>], skips: &BTreeSet<Skip>) -> Option<Vec<Record<'r>>> {
    let is_skipped = |record: &Record<'_>| {
        skips.contains(&Skip { slot: record.partition, offset: record.offset }) && !planted!(SkipForgotten)
    };
    let some = !skips.is_empty() && records.iter().any(is_skipped);
    some.then(|| records.iter().filter(|record| !is_skipped(record)).copied().collect())
}

/// Collects the oldest batch under way, which is of the oldest epoch that has one.
fn collect_batch(engine: &mut impl Engine, begun: &mut VecDeque<Begun>, next: u64) -> Result<(), Error> {
    let (at, epoch) =
        begun.iter_mut().enumerate().find(|(_, epoch)| epoch.batches > 0).expect("a batch is under way");
    let mut output = Output::default();
    let Collected { clock, rules, asked } = engine
        .collect(&mut output)
        .map_err(|what| Error::Log(format!("epoch {}: {what}", next + at as u64)))?;
    (epoch.clock, epoch.rules) = (clock, rules);
    epoch.asked.extend(asked);
    epoch.output.push(output);
    epoch.batches -= 1;
    Ok(())
}
