//! The naive twin of finding, founding, merging, unlinking and erasing: ordered maps, everything counted anew from the sets of identifiers.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::collections::seeded::{Seeded, seeds};
use crate::rules::BANS_OF_ONE;

type Owned = BTreeSet<(u8, u128)>;

struct Person {
    id: CustomerId,
    owned: Owned,
    survivor: Option<usize>,
    gone: bool,
}

struct Twin {
    rules: IdentityRules,
    dedup: DedupRules,
    accepted: Vec<(u128, i64)>,
    people: Vec<Person>,
    /// By identifier: from whom it was split off, the oldest first.
    bans: BTreeMap<(u8, u128), Vec<usize>>,
    story: Story,
}

impl Twin {
    fn new(rules: &IdentityRules, dedup: &DedupRules) -> Twin {
        let (rules, dedup) = (rules.clone(), dedup.clone());
        Twin {
            rules,
            dedup,
            accepted: Vec::new(),
            people: Vec::new(),
            bans: BTreeMap::new(),
            story: Story::default(),
        }
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
                Ok(by_id.flatten().unwrap_or_else(|| self.found_and_tell(clock, event, event.dedup_key)))
            }
            CustomerUpdated | IdentityLinked => Err(IgnoreReason::NoIdentifier),
            IdentityUnlinked => self.unlink(clock, event, &ranked),
            CustomerErased => return self.erase(clock, event, &ranked),
            _ => match by_id {
                Some(named) => named,
                None => ranked.iter().find_map(|identifier| self.owner(*identifier)),
            }
            .ok_or(IgnoreReason::UnknownCustomer),
        };
        match found {
            Err(reason) => Resolved::Ignored(reason),
            Ok(person) => self.customer(person),
        }
    }

    fn customer(&self, person: usize) -> Resolved {
        let kinds = self.people[person].owned.iter().fold(0, |mask, (kind, _)| mask | 1 << kind);
        Resolved::Customer { index: person as u32, id: self.people[person].id, kinds }
    }

    fn unlink(&mut self, clock: Millis, event: &Event, ranked: &[(u8, u128)]) -> Result<usize, IgnoreReason> {
        let named = ranked.first().and_then(|identifier| Some((*identifier, self.owner(*identifier)?)));
        let (identifier, from) = named.ok_or(IgnoreReason::UnknownCustomer)?;
        if self.people[from].owned.len() == 1 {
            return Err(IgnoreReason::OnlyIdentifier);
        }
        let to = self.found(identifier.1);
        self.people[from].owned.remove(&identifier);
        self.people[to].owned.insert(identifier);
        let mut sides = self.bans.remove(&identifier).unwrap_or_default();
        sides.retain(|side| self.alive(*side).is_some_and(|root| root != from));
        sides.push(from);
        let first = sides.len().saturating_sub(BANS_OF_ONE);
        self.bans.insert(identifier, sides.split_off(first));
        let told = Told::Split(self.people[from].id, self.people[to].id);
        self.story.told.push((clock, event.position, told));
        Ok(from)
    }

    fn erase(&mut self, clock: Millis, event: &Event, ranked: &[(u8, u128)]) -> Resolved {
        let owners: BTreeSet<usize> =
            ranked.iter().filter_map(|identifier| self.owner(*identifier)).collect();
        let mut tell = |told| self.story.told.push((clock, event.position, told));
        let owner = match owners.len() {
            0 => return Resolved::Ignored(IgnoreReason::UnknownCustomer),
            1 => *owners.first().unwrap(),
            _ => {
                tell(Told::Ambiguous);
                return Resolved::Told;
            }
        };
        tell(Told::Erased(self.people[owner].id));
        let resolved = self.customer(owner);
        for identifier in std::mem::take(&mut self.people[owner].owned) {
            self.bans.remove(&identifier);
        }
        for person in 0..self.people.len() {
            self.people[person].gone |= self.root(person) == owner;
        }
        resolved
    }

    fn root(&self, person: usize) -> usize {
        self.people[person].survivor.map_or(person, |survivor| self.root(survivor))
    }

    /// Who this customer has become, if they are still there.
    fn alive(&self, person: usize) -> Option<usize> {
        Some(self.root(person)).filter(|root| !self.people[*root].gone)
    }

    /// The worst identifier that leads back to whom it was split off from, and is all that the event has of its side.
    fn banned(&self, rest: &[(u8, u128)], owners: &BTreeSet<usize>) -> Option<(u8, u128)> {
        rest.iter().rev().copied().find(|identifier| {
            let Some(owner) = self.owner(*identifier) else { return false };
            let alone = rest.iter().filter(|other| self.owner(**other) == Some(owner)).count() == 1;
            let leads_back =
                |side: &usize| self.alive(*side).is_some_and(|root| root != owner && owners.contains(&root));
            alone && self.bans.get(identifier).is_some_and(|sides| sides.iter().any(leads_back))
        })
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
        self.alive(self.people.iter().position(|person| person.id == id)?)
    }

    fn owner(&self, identifier: (u8, u128)) -> Option<usize> {
        self.people.iter().position(|person| person.owned.contains(&identifier))
    }

    fn found(&mut self, hash: u128) -> usize {
        let bits = (hash >> 64) as u64;
        let generation = self.people.iter().filter(|person| person.id.hash == bits).count() as u32;
        let id = CustomerId { hash: bits, generation };
        self.people.push(Person { id, owned: Owned::new(), survivor: None, gone: false });
        self.story.customers += 1;
        self.people.len() - 1
    }

    fn found_and_tell(&mut self, clock: Millis, event: &Event, hash: u128) -> usize {
        let person = self.found(hash);
        if self.rules.customer_created {
            self.story.told.push((clock, event.position, Told::Created(self.people[person].id)));
        }
        person
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
        if event.event_type == EventType::IdentityLinked {
            let owners: BTreeSet<usize> =
                ranked.iter().filter_map(|identifier| self.owner(*identifier)).collect();
            for identifier in ranked {
                let mut sides = self.bans.remove(identifier).unwrap_or_default();
                sides.retain(|side| !owners.contains(&self.root(*side)));
                self.bans.insert(*identifier, sides);
            }
        }
        let mut rest = ranked.to_vec();
        let mut aside: Vec<((u8, u128), RefusalReason)> = Vec::new();
        loop {
            let owners: BTreeSet<usize> =
                rest.iter().filter_map(|identifier| self.owner(*identifier)).collect();
            let Some(survivor) = owners.first().copied() else {
                let person = self.found_and_tell(clock, event, rest[0].1);
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
            let banned = if owners.len() > 1 { self.banned(&rest, &owners) } else { None };
            match (self.too_large(&union), banned) {
                (Some(reason), _) => aside.push((rest.pop().unwrap(), reason)),
                (None, Some(banned)) => {
                    rest.retain(|identifier| *identifier != banned);
                    aside.push((banned, RefusalReason::Unlinked));
                }
                (None, None) => {
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
        let event_type = match random.below(12) {
            0..4 => EventType::ContactReceived,
            4..6 => EventType::IdentityLinked,
            6 => EventType::CustomerUpdated,
            7 => EventType::AgentWrapped,
            8 => EventType::IdentityUnlinked,
            9 if random.below(3) == 0 => EventType::CustomerErased,
            _ => EventType::ALL[random.below(EventType::ALL.len() as u64) as usize],
        };
        let most = if event_type == EventType::IdentityUnlinked { 1 } else { 9 };
        let count = [0, 1, 1, 2, 2, 3, 5, 9][random.below(8) as usize].min(most);
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
    let mut told = [0; 7];
    for seed in 0..seeds(60) {
        let mut random = Seeded(seed);
        let pool = [3, 8, 30, 200][seed as usize % 4];
        let log = random_log(&mut random, pool, 400);
        let rules = match seed % 3 {
            0 => identity(&[(1, 1), (1, 2), (2, 2), (3, 3)], 4),
            1 => identity(&[(1, 1), (2, 5), (2, 1), (3, 300)], 64),
            _ => identity(&[(1, 2), (2, 2), (3, 2), (4, 2)], 3),
        };
        let rules = IdentityRules { customer_created: seed % 2 == 1, ..rules };
        let dedup = dedup([0, 100, 1_000_000][seed as usize / 3 % 3], [5, 1_000][seed as usize % 2]);
        let expected = Twin::new(&rules, &dedup).tell(&log);
        for (_, _, one) in &expected.told {
            told[match one {
                Told::Refused(_, _, RefusalReason::Unlinked) => 0,
                Told::Refused(..) => 1,
                Told::Ambiguous => 2,
                Told::Split(..) => 3,
                Told::Erased(_) => 4,
                Told::Merged(..) => 5,
                Told::Created(_) => 6,
            }] += 1;
        }
        for size in [1, 7, 1_000] {
            let story = log.story(&mut Identify::with(&rules, &dedup, Bounds::RULES), size);
            for (row, (one, other)) in story.rows.iter().zip(&expected.rows).enumerate() {
                assert_eq!(one, other, "seed {seed}, size {size}, row {row}");
            }
            assert_eq!(story, expected, "seed {seed}, size {size}");
        }
    }
    assert!(
        told.iter().all(|count| *count > 20),
        "bans, refusals, ambiguous ones, splits, erasures, merges, foundings: {told:?}"
    );
}
