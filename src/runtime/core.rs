//! One tenant's engine with everything that an epoch moves: the inbox, the running hashes, the chain. Live and
//! replayed epochs go through the same calls, so they cannot differ by construction.

use crate::runtime::arrivals::Arrivals;
use crate::runtime::doors::{Engine, Error, Source};
use crate::runtime::inbox::{Inbox, Selection};
use crate::runtime::journal::{Chain, Claim, EpochRecord, Hash, Input, Moved, Sent};
use crate::runtime::outgoing::{Outgoing, Outlets};
use crate::types::Millis;
use crate::types::lines::Output;

/// What an epoch did.
#[derive(Debug)]
pub struct Outcome {
    /// Slots that moved.
    pub moved: Vec<Moved>,
    /// Output partitions that got something.
    pub sent: Vec<Sent>,
    /// What they got.
    pub outgoing: Outgoing,
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
    rules_hash: u128,
    inputs: Vec<Input>,
    outlets: Option<Outlets>,
    output: Epoch,
    arrivals: Arrivals,
}

/// Output of one epoch: of its records, then of its tick.
pub type Epoch = [Output; 2];

impl<E: Engine> Core<E> {
    /// Before the first epoch.
    pub fn new(engine: E, tenant: &str, rules_hash: u128, inbox_bytes: usize) -> Core<E> {
        let output = [(); 2].map(|()| Output::new(engine.divisions().len()));
        Core {
            engine,
            inbox: Inbox::new(inbox_bytes),
            chain: Chain::default(),
            tenant: tenant.to_owned(),
            rules_hash,
            inputs: Vec::new(),
            outlets: None,
            output,
            arrivals: Arrivals::default(),
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

    /// Output of the epoch in hand, as the engine gave it.
    pub fn output(&self) -> &Epoch {
        &self.output
    }

    /// When the records of the epoch in hand were made.
    pub fn arrivals(&mut self) -> &mut Arrivals {
        &mut self.arrivals
    }

    /// Applies the chosen records.
    pub fn apply(&mut self, selection: &Selection, now: Millis) -> Result<(), Error> {
        self.output.iter_mut().for_each(Output::clear);
        let (engine, output, arrivals) = (&mut self.engine, &mut self.output[0], &mut self.arrivals);
        let done = self.inbox.records(selection, |records| {
            arrivals.take(records);
            engine.apply(records, now, output)
        });
        done.map_err(|what| Error::Log(format!("epoch {}: {what}", self.chain.next)))
    }

    /// The tick, if there is one; then what the epoch did.
    pub fn finish(&mut self, selection: &Selection, tick: Option<Millis>, now: Millis) -> Outcome {
        if let Some(clock) = tick {
            self.engine.advance(clock, now, &mut self.output[1]);
        }
        let moved = self.inbox.take(selection);
        let moved =
            moved.into_iter().map(|(slot, end, hash)| Moved { slot: slot as u32, end, hash: Hash(hash) });
        let outlets = self.outlets.as_mut().expect("a claim comes before all other epochs");
        let (outgoing, totals) = outlets.route(&self.output);
        let sent = totals.into_iter().map(|total| Sent {
            stream: total.stream.word().to_owned(),
            partition: total.partition,
            count: total.count,
            hash: Hash(total.hash),
        });
        Outcome { moved: moved.collect(), sent: sent.collect(), outgoing }
    }

    /// Carries a claim out: slots are added, never changed; the numbers of output partitions are pinned.
    ///
    /// # Errors
    /// If the claim is another tenant's, or contradicts an earlier one.
    pub fn adopt(&mut self, claim: &Claim, source: &mut impl Source) -> Result<(), Error> {
        if claim.tenant != self.tenant {
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
            self.outlets = Some(Outlets::new(claim.outputs, self.engine.divisions()));
        }
        let grown = claim.inputs.len() > self.inputs.len();
        claim.inputs[self.inputs.len()..].iter().for_each(|input| self.inbox.add_slot(input.first));
        self.inputs.clone_from(&claim.inputs);
        for (slot, input) in self.inputs.iter().enumerate() {
            self.inbox.allow(slot, input.allowed());
        }
        if grown {
            let slots: Vec<_> =
                self.inputs.iter().cloned().zip((0..).map(|at| self.inbox.next(at))).collect();
            source.open(&slots)?;
        }
        Ok(())
    }

    /// Whether the rules of a record are the ones in force.
    ///
    /// # Errors
    /// If they are not.
    pub fn check_rules(&self, record: &EpochRecord) -> Result<(), Error> {
        if record.rules.0 == self.rules_hash {
            return Ok(());
        }
        Err(Error::Log(format!(
            "epoch {} was made with rules {:032x}, configured are {:032x}. This version cannot change the rules of a \
             tenant: put the old rules back, or begin a new epoch topic (and new output topics)",
            record.epoch, record.rules.0, self.rules_hash
        )))
    }
}
