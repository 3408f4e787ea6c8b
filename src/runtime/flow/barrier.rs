//! A change of rules among batches under way. The sequencer cuts a batch behind an event that asks for other rules and lets
//! nothing through until it is told to go on; so when all steps of all batches are done, every state has seen everything
//! before the change and nothing behind it, whatever was decoded ahead. Then the states change, and what stands behind the
//! change is decoded once more and goes its way on one thread, batch by batch. It costs a stop of as many batches as are under
//! way; rules change seldom.

use std::ops::Range;

use crate::pipeline::change::{self, Answer, Asked, Changed, Stages};
use crate::pipeline::sequence::Cut;
use crate::runtime::flow::batch::{Back, Batch, Front, States, Tools, UNLOCKED};
use crate::runtime::flow::plan::Task;
use crate::types::Lines;

impl Batch {
    /// Where the batch was cut, its steps being done.
    pub fn cut(&self) -> Option<Cut> {
        self.front.read().expect(UNLOCKED).sequenced.cut
    }
}

impl States {
    /// All steps of these batches, the oldest first, have been done, and the first was cut: carries out what it asks for,
    /// and then what stands behind it in all of them. `run` does one step, and says whether customers merge in the batch.
    pub fn finish(
        &mut self,
        batches: &mut [&mut Batch],
        tools: &mut Tools,
        mut run: impl FnMut(&States, Task, &Batch, &mut Tools) -> bool,
    ) {
        for at in 0..batches.len() {
            if at > 0 {
                let batch = &mut *batches[at];
                batch.front.get_mut().expect(UNLOCKED).events.forget_decoded();
                run(self, Task::Decode, batch, tools);
                self.rest(batch, tools, &mut run);
            }
            while let Some(cut) = batches[at].cut() {
                let before = batches[at].set_aside();
                self.change_rules(batches[at], cut, tools);
                batches.iter_mut().for_each(|batch| batch.widen(self.divisions.len()));
                let batch = &mut *batches[at];
                tools.decoder.decode_behind(cut.position, &mut batch.front.get_mut().expect(UNLOCKED).events);
                self.rest(batch, tools, &mut run);
                batch.put_before(before);
            }
        }
    }

    /// Every step behind decode.
    fn rest(
        &self,
        batch: &Batch,
        tools: &mut Tools,
        run: &mut impl FnMut(&States, Task, &Batch, &mut Tools) -> bool,
    ) {
        let joins = run(self, Task::Sequence, batch, tools);
        run(self, Task::EmitIdentity, batch, tools);
        for part in 0..self.understand.len() {
            run(self, Task::Understand(part as u16), batch, tools);
        }
        if joins {
            run(self, Task::Join, batch, tools);
        }
        for division in 0..self.divisions.len() {
            run(self, Task::Route(division as u16), batch, tools);
            run(self, Task::Emit(division as u16), batch, tools);
        }
    }

    fn change_rules(&mut self, batch: &mut Batch, cut: Cut, tools: &mut Tools) {
        let Front { events, sequenced, now, asked, .. } = batch.front.get_mut().expect(UNLOCKED);
        let sequencer = self.sequencer.get_mut().expect(UNLOCKED);
        sequencer.go_on();
        let position = cut.position;
        let mut tell = |answer| asked.push(Asked { position, answer });
        let Some(by) = cut.asks_for_rules(sequenced, *now) else { return tell(Answer::Duplicate) };
        let mut stages = Stages {
            sequencer,
            understand: self.understand.iter_mut().map(|part| part.get_mut().expect(UNLOCKED)).collect(),
            divisions: self.divisions.iter_mut().map(|one| one.get_mut().expect(UNLOCKED)).collect(),
        };
        let changed = stages.change(change::text(events), tools.decoder.keys(), by);
        let Changed { rules, added } = match changed {
            Ok(changed) => changed,
            Err(refusal) => return tell(Answer::Refused(refusal)),
        };
        tell(Answer::Adopted);
        self.divisions.extend(added.into_iter().map(std::sync::Mutex::new));
        tools.decoder.adopt(&rules);
        tools.emitter = tools.emitter.under(&rules);
    }
}

/// Those under way, the oldest first.
pub fn in_order(batches: &mut [Batch], numbers: Range<u64>) -> Vec<&mut Batch> {
    let room = batches.len() as u64;
    let mut under_way: Vec<(u64, &mut Batch)> = batches
        .iter_mut()
        .enumerate()
        .filter_map(|(place, batch)| {
            let number = numbers.clone().find(|number| number % room == place as u64)?;
            Some((number, batch))
        })
        .collect();
    under_way.sort_by_key(|(number, _)| *number);
    under_way.into_iter().map(|(_, batch)| batch).collect()
}

/// What a batch put out before it was cut: rejects, identities, divisions.
type Aside = (Lines, Lines, Vec<Lines>);

impl Batch {
    fn set_aside(&mut self) -> Aside {
        let (rejected, identity) = std::mem::take(self.identity.get_mut().expect(UNLOCKED));
        let lines =
            |back: &mut std::sync::Mutex<Back>| std::mem::take(&mut back.get_mut().expect(UNLOCKED).lines);
        (rejected, identity, self.back.iter_mut().map(lines).collect())
    }

    fn put_before(&mut self, (rejected, identity, divisions): Aside) {
        let own = self.identity.get_mut().expect(UNLOCKED);
        put_before(&mut own.0, rejected);
        put_before(&mut own.1, identity);
        for (back, lines) in self.back.iter_mut().zip(divisions) {
            put_before(&mut back.get_mut().expect(UNLOCKED).lines, lines);
        }
    }

    /// Room for so many divisions.
    pub fn widen(&mut self, divisions: usize) {
        self.back.resize_with(divisions, Default::default);
        for part in &mut self.operations {
            part.get_mut().expect(UNLOCKED).resize_with(divisions, Default::default);
        }
    }
}

fn put_before(lines: &mut Lines, before: Lines) {
    let behind = std::mem::replace(lines, before);
    lines.append(&behind);
}
