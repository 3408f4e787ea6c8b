//! The naive twin of finding, founding and merging: ordered maps, everything counted anew from the sets of identifiers.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::collections::seeded::{Seeded, seeds};

type Owned = BTreeSet<(u8, u128)>;

struct Person {
    id: CustomerId,
    owned: Owned,
    survivor: Option<usize>,
}

struct Twin {
    rules: IdentityRules,
    dedup: DedupRules,
    accepted: Vec<(u128, i64)>,
    people: Vec<Person>,
    story: Story,
}

impl Twin {
    fn new(rules: &IdentityRules, dedup: &DedupRules) -> Twin {
        let (rules, dedup) = (rules.clone(), dedup.clone());
        Twin { rules, dedup, accepted: Vec::new(), people: Vec::new(), story: Story::default() }
    }

    fn tell(mut self, log: &Log) -> Story {
        for (clock, event, identifiers) in &log.rows {
            let resolved = self.row(*clock, event, identifiers);
            self.story.rows.push(resolved);
        }
        self.story
    }

    fn row(&mut self, clock: Millis, event: &Event, identifiers: &[Identifier]) -> Resolved {
        use EventType::*;
        let last = self.accepted.iter().rposition(|(key, _)| *key == event.dedup_key);
        if let Some(place) = last {
            let among = (self.accepted.len() - place) as u64 <= self.dedup.max_events;
            if among && self.accepted[place].1 >= clock.0 - self.dedup.window.0 {
                self.story.duplicates += 1;
                return Resolved::Duplicate;
            }
        }
        self.accepted.push((event.dedup_key, clock.0));
        let ranked = self.ranked(identifiers);
        let by_id = event.conversation.is_some().then(|| self.by_id(event.conversation.customer));
        let found = match event.event_type {
            RulesChanged => return Resolved::Told,
            AgentUpdated | AgentState => return Resolved::NoCustomer,
            AgentWrapped if by_id.is_some() || !event.has_from => return Resolved::NoCustomer,
            ContactReceived | CallbackRequested | CustomerUpdated | IdentityLinked if !ranked.is_empty() => {
                Ok(self.resolve(clock, event, &ranked))
            }
            ContactReceived | CallbackRequested => {
                Ok(by_id.flatten().unwrap_or_else(|| self.found(event.dedup_key)))
            }
            CustomerUpdated | IdentityLinked => Err(IgnoreReason::NoIdentifier),
            _ => match by_id {
                Some(named) => named,
                None => ranked.iter().find_map(|identifier| self.owner(*identifier)),
            }
            .ok_or(IgnoreReason::UnknownCustomer),
        };
        match found {
            Err(reason) => Resolved::Ignored(reason),
            Ok(person) => {
                let kinds = self.people[person].owned.iter().fold(0, |mask, (kind, _)| mask | 1 << kind);
                Resolved::Customer { index: person as u32, id: self.people[person].id, kinds }
            }
        }
    }

    fn ranked(&self, identifiers: &[Identifier]) -> Vec<(u8, u128)> {
        let once: BTreeMap<(u32, u128, u8), ()> = identifiers
            .iter()
            .map(|identifier| {
                ((self.rules.kinds[identifier.kind.at()].rank, identifier.hash, identifier.kind.0), ())
            })
            .collect();
        once.into_keys().map(|(_, hash, kind)| (kind, hash)).collect()
    }

    fn by_id(&self, id: CustomerId) -> Option<usize> {
        let mut person = self.people.iter().position(|person| person.id == id)?;
        while let Some(survivor) = self.people[person].survivor {
            person = survivor;
        }
        Some(person)
    }

    fn owner(&self, identifier: (u8, u128)) -> Option<usize> {
        self.people.iter().position(|person| person.owned.contains(&identifier))
    }

    fn found(&mut self, hash: u128) -> usize {
        let bits = (hash >> 64) as u64;
        let generation = self.people.iter().filter(|person| person.id.hash == bits).count() as u32;
        let id = CustomerId { hash: bits, generation };
        self.people.push(Person { id, owned: Owned::new(), survivor: None });
        self.story.customers += 1;
        self.people.len() - 1
    }

    /// Why a set of identifiers is too large.
    fn too_large(&self, set: &Owned) -> Option<RefusalReason> {
        for (kind, rule) in self.rules.kinds.iter().enumerate() {
            if set.iter().filter(|identifier| identifier.0 as usize == kind).count() > rule.limit as usize {
                return Some(RefusalReason::Limit);
            }
        }
        (set.len() > self.rules.max_identifiers as usize).then_some(RefusalReason::Size)
    }

    fn try_one(&mut self, person: usize, identifier: (u8, u128)) -> Option<RefusalReason> {
        let owned = &self.people[person].owned;
        let with: Owned = owned.iter().copied().chain([identifier]).collect();
        let reason = self.too_large(&with);
        if reason.is_none() {
            self.people[person].owned = with;
        }
        reason
    }

    fn resolve(&mut self, clock: Millis, event: &Event, ranked: &[(u8, u128)]) -> usize {
        let mut rest = ranked.to_vec();
        let mut aside: Vec<((u8, u128), RefusalReason)> = Vec::new();
        loop {
            let owners: BTreeSet<usize> =
                rest.iter().filter_map(|identifier| self.owner(*identifier)).collect();
            let Some(survivor) = owners.first().copied() else {
                let person = self.found(rest[0].1);
                for identifier in &rest {
                    if let Some(reason) = self.try_one(person, *identifier) {
                        aside.push((*identifier, reason));
                    }
                }
                self.finish(clock, event, person, ranked, &aside);
                return person;
            };
            let of_owners = owners.iter().flat_map(|owner| self.people[*owner].owned.iter().copied());
            let union: Owned = of_owners.chain(rest.iter().copied()).collect();
            match self.too_large(&union) {
                Some(reason) => aside.push((rest.pop().unwrap(), reason)),
                None => {
                    let absorbed: Vec<usize> = owners.into_iter().skip(1).collect();
                    for other in &absorbed {
                        self.people[*other].owned.clear();
                        self.people[*other].survivor = Some(survivor);
                    }
                    self.people[survivor].owned = union;
                    self.finish(clock, event, survivor, ranked, &aside);
                    self.tell_merge(clock, event, survivor, &absorbed);
                    return survivor;
                }
            }
        }
    }

    fn finish(
        &mut self,
        clock: Millis,
        event: &Event,
        person: usize,
        ranked: &[(u8, u128)],
        aside: &[((u8, u128), RefusalReason)],
    ) {
        for identifier in ranked {
            let Some((_, recorded)) = aside.iter().find(|(other, _)| other == identifier) else { continue };
            let reason = match self.owner(*identifier) {
                Some(owner) => (owner != person).then_some(*recorded),
                None => self.try_one(person, *identifier),
            };
            if let Some(reason) = reason {
                let told = Told::Refused(self.people[person].id, KindId(identifier.0), reason);
                self.story.told.push((clock, event.position, told));
            }
        }
    }

    fn tell_merge(&mut self, clock: Millis, event: &Event, survivor: usize, absorbed: &[usize]) {
        let survivor_id = self.people[survivor].id;
        for other in absorbed {
            let row = event.position.offset as u32;
            let (survivor, absorbed) = (survivor as u32, *other as u32);
            let merge = Merge { row, survivor, survivor_id, absorbed, absorbed_id: self.people[*other].id };
            self.story.merges.push(merge);
            self.story.absorbed += 1;
        }
        if !absorbed.is_empty() {
            let ids = absorbed.iter().map(|other| self.people[*other].id).collect();
            self.story.told.push((clock, event.position, Told::Merged(survivor_id, ids)));
        }
    }
}

fn random_log(random: &mut Seeded, pool: u64, length: usize) -> Log {
    let mut log = Log::default();
    let mut clock = 0;
    for _ in 0..length {
        clock += [0, 0, 1, 7][random.below(4) as usize];
        let event_type = match random.below(10) {
            0..4 => EventType::ContactReceived,
            4 => EventType::IdentityLinked,
            5 => EventType::CustomerUpdated,
            6 => EventType::AgentWrapped,
            _ => EventType::ALL[random.below(EventType::ALL.len() as u64) as usize],
        };
        // Who leaves is compared with the model, in whole logs.
        let leaves = matches!(event_type, EventType::IdentityUnlinked | EventType::CustomerErased);
        let event_type = if leaves { EventType::ContactReceived } else { event_type };
        let count = [0, 1, 1, 2, 2, 3, 5, 9][random.below(8) as usize];
        let identifiers: Vec<(u8, u64)> =
            (0..count).map(|_| (random.below(4) as u8, random.below(pool))).collect();
        let key = random.below(length as u64);
        let named = random.below(6);
        let named = match named {
            0 => id_of(random.below(4) as u8, random.below(pool), random.below(8) as u32 / 7),
            1 => CustomerId { hash: founding_bits(dedup_key(key)), generation: 0 },
            _ => CustomerId::default(),
        };
        let (agent, requeue, has_from) = (random.below(2) as u32, random.below(2) == 0, random.below(8) == 0);
        let event = log.push(clock, key, event_type, &identifiers);
        event.agent.len = agent;
        event.requeue = requeue;
        event.has_from |= has_from;
        if named != CustomerId::default() {
            event.conversation = conversation(named);
        }
    }
    log
}

#[test]
fn tells_what_its_twin_tells_at_every_batch_size() {
    let mut told = 0;
    for seed in 0..seeds(60) {
        let mut random = Seeded(seed);
        let pool = [3, 8, 30, 200][seed as usize % 4];
        let log = random_log(&mut random, pool, 400);
        let rules = match seed % 3 {
            0 => identity(&[(1, 1), (1, 2), (2, 2), (3, 3)], 4),
            1 => identity(&[(1, 1), (2, 5), (2, 1), (3, 300)], 64),
            _ => identity(&[(1, 2), (2, 2), (3, 2), (4, 2)], 3),
        };
        let dedup = dedup([0, 100, 1_000_000][seed as usize / 3 % 3], [5, 1_000][seed as usize % 2]);
        let expected = Twin::new(&rules, &dedup).tell(&log);
        told += expected.told.len();
        for size in [1, 7, 1_000] {
            let story = log.story(&mut Identify::with(&rules, &dedup, Bounds::RULES), size);
            for (row, (one, other)) in story.rows.iter().zip(&expected.rows).enumerate() {
                assert_eq!(one, other, "seed {seed}, size {size}, row {row}");
            }
            assert_eq!(story, expected, "seed {seed}, size {size}");
        }
    }
    assert!(told > 500, "the logs hold refusals and merges: {told}");
}
