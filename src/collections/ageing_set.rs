//! The set of the latest keys: what deduplication asks whether an event came before. Exact at both ends, by age and
//! by number. A key that no longer counts is never cleared away by itself: its slot in the table tells that it is dead
//! to whoever comes by, and the next key that is put in near it takes its place. So an event touches one line of the
//! table.
//!
//! Keys stand in the order of their acceptance, in pages of 4,096 with the clock as a distance from that of the
//! page: 16 bytes a key, 4 bytes of clock, about 12 bytes of table. A slot of the table holds the key's place in that
//! order, so comparing it with the place of the oldest key that counts says whether it is alive.

use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::VecDeque;

use crate::collections::IndexTable;

/// Keys by their latest acceptance. A key is a well-mixed hash: its low half is used as one.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct AgeingSet {
    table: IndexTable,
    log: Log,
}

/// The keys in the order of their acceptance. A place is a number from 0 that a key keeps, `PAGE` to a page; places of
/// a page that was closed early stay empty. The table holds places modulo `TURN`.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Log {
    /// Oldest first; the first holds the oldest key that counts, if any does.
    pages: VecDeque<Page>,
    /// Pages to be used again.
    spare: Vec<Page>,
    /// Number of the first page: how many there were before it.
    first: u64,
    /// Place of the oldest key that counts.
    oldest: u64,
    /// Keys that count.
    live: u64,
    /// Place of the next key.
    next: u64,
    /// The same modulo `TURN`.
    next_in_turn: u32,
    /// Clock of the last call.
    clock: i64,
}

/// Keys with their clocks.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Page {
    /// Clock of the first key.
    clock: i64,
    keys: Vec<u128>,
    /// Milliseconds since `clock`.
    after: Vec<u32>,
}

const PAGE: usize = 4_096;

/// The table's indices are below this.
const TURN: u32 = u32::MAX;

impl AgeingSet {
    /// An empty set.
    pub fn new() -> AgeingSet {
        AgeingSet::default()
    }

    /// Accepts a key, unless its last acceptance was at `clock - window` or later and it is among the last `max`
    /// accepted: then `false`, and nothing is renewed. `clock` is never less than in the call before. A window or a
    /// `max` that grows between two calls does not bring back what no longer counted.
    #[inline]
    pub fn insert(&mut self, key: u128, clock: i64, window: i64, max: u64) -> bool {
        let AgeingSet { table, log } = self;
        debug_assert!(log.next == 0 || clock >= log.clock, "the clock does not go back");
        log.clock = clock;
        log.retire(clock.saturating_sub(window), max);
        if table.find(key as u64, |index| log.holds(index, key)).is_some() {
            return false;
        }
        let index = log.append(key, clock);
        if u64::from(table.len()) < log.live {
            table.insert(key as u64, index);
        } else {
            table.insert_over(key as u64, index, |index| !log.is_live(index));
        }
        true
    }

    /// Asks for the line in which a search for this key begins.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        self.table.prefetch(key as u64);
    }

    /// Keys that counted at the last call.
    #[inline]
    pub fn len(&self) -> u64 {
        self.log.live
    }

    /// Whether no key counted at the last call.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.log.live == 0
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let page = PAGE * (size_of::<u128>() + size_of::<u32>()) + size_of::<Page>();
        self.table.bytes() + (self.log.pages.len() + self.log.spare.len()) * page
    }
}

impl Log {
    /// How far a place in the table lies behind the next one.
    #[inline]
    fn behind(&self, index: u32) -> u64 {
        let turned = if index >= self.next_in_turn { TURN } else { 0 };
        u64::from(self.next_in_turn.wrapping_sub(index).wrapping_add(turned))
    }

    /// Whether a place in the table is that of a key that counts. Of a key that died more than `TURN` places ago this may
    /// be said, too, until its slot is taken: `holds` compares the key itself.
    #[inline]
    fn is_live(&self, index: u32) -> bool {
        self.behind(index) <= self.next - self.oldest
    }

    /// Whether a place in the table is that of this key, and the key counts.
    #[inline]
    fn holds(&self, index: u32, key: u128) -> bool {
        if !self.is_live(index) {
            return false;
        }
        let place = self.next - self.behind(index);
        let page = self.pages.get((place / PAGE as u64 - self.first) as usize);
        page.is_some_and(|page| page.keys.get(place as usize % PAGE) == Some(&key))
    }

    /// Appends a key; its place in the table.
    #[inline]
    fn append(&mut self, key: u128, clock: i64) -> u32 {
        let last = self.pages.back_mut().filter(|page| page.keys.len() < PAGE);
        let Some((page, after)) = last.and_then(|page| page.distance(clock).map(|after| (page, after)))
        else {
            self.open_page(clock);
            return self.append(key, clock);
        };
        page.keys.push(key);
        page.after.push(after);
        let index = self.next_in_turn;
        self.live += 1;
        self.advance(1);
        index
    }

    fn advance(&mut self, places: u64) {
        assert!(self.next - self.oldest < u64::from(TURN / 2), "fewer than 2^31 keys within the window");
        self.next += places;
        self.next_in_turn = (self.next % u64::from(TURN)) as u32;
    }

    #[cold]
    fn open_page(&mut self, clock: i64) {
        if !self.pages.is_empty() {
            self.advance((PAGE as u64 - self.next % PAGE as u64) % PAGE as u64);
        }
        let mut page = self.spare.pop().unwrap_or_else(|| Page {
            keys: Vec::with_capacity(PAGE),
            after: Vec::with_capacity(PAGE),
            ..Page::default()
        });
        page.clock = clock;
        page.keys.clear();
        page.after.clear();
        self.pages.push_back(page);
    }

    /// Passes over the keys that no longer count: whole pages first, then some of one page.
    #[inline]
    fn retire(&mut self, since: i64, max: u64) {
        while let Some(page) = self.pages.front() {
            let counts =
                |place: usize, before: u64| page.clock_of(place) >= since && self.live - before <= max;
            let at = (self.oldest - self.first * PAGE as u64) as usize;
            if at < page.keys.len() && counts(at, 0) {
                return;
            }
            let rest = page.keys.len() - at;
            if rest > 0 && counts(page.keys.len() - 1, rest as u64 - 1) {
                let dead = (1..rest).take_while(|dead| !counts(at + dead, *dead as u64)).count() as u64 + 1;
                self.oldest += dead;
                self.live -= dead;
                return;
            }
            self.live -= rest as u64;
            if self.pages.len() == 1 && page.keys.len() < PAGE {
                self.oldest += rest as u64;
                return;
            }
            self.first += 1;
            self.oldest = self.first * PAGE as u64;
            self.spare.extend(self.pages.pop_front());
        }
    }
}

impl Page {
    #[inline]
    fn clock_of(&self, place: usize) -> i64 {
        self.clock + i64::from(self.after[place])
    }

    /// Milliseconds from the page's clock to this one, if they fit: a page that idles for 49 days is closed early.
    #[inline]
    fn distance(&self, clock: i64) -> Option<u32> {
        clock.checked_sub(self.clock).and_then(|distance| u32::try_from(distance).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::collections::seeded::{Seeded, mix, seeds};

    fn key(number: u64) -> u128 {
        u128::from(mix(number)) << 64 | u128::from(mix(number + 1_000_000))
    }

    /// Key → (clock, number) of its last acceptance; nothing is ever cleared away.
    #[derive(Default)]
    struct Twin {
        last: BTreeMap<u128, (i64, u64)>,
        accepted: u64,
    }

    impl Twin {
        fn insert(&mut self, key: u128, clock: i64, window: i64, max: u64) -> bool {
            let known = self.last.get(&key);
            if known.is_some_and(|(at, number)| {
                *at >= clock.saturating_sub(window) && self.accepted - number <= max
            }) {
                return false;
            }
            self.last.insert(key, (clock, self.accepted));
            self.accepted += 1;
            true
        }
    }

    #[test]
    fn does_what_an_ordered_map_does() {
        for seed in 0..seeds(24) {
            let mut random = Seeded(seed);
            let (mut set, mut twin) = (AgeingSet::new(), Twin::default());
            let keys = [4, 50, 2_000, 100_000][seed as usize % 4];
            let window = [0, 100, 5_000, i64::MAX][seed as usize / 4 % 4];
            let max = [0, 1, 30, 6_000, u64::MAX][seed as usize % 5];
            let mut clock = [0, 1_764_000_000_000, i64::MIN + 5][seed as usize % 3];
            for _ in 0..15_000 {
                clock += match random.below(2_000) {
                    0 => 1 << 33,
                    1..20 => window.clamp(0, 10_000) + random.below(2) as i64,
                    20..600 => random.below(20) as i64,
                    _ => 0,
                };
                let key = key(random.below(keys));
                set.prefetch(key);
                assert_eq!(
                    set.insert(key, clock, window, max),
                    twin.insert(key, clock, window, max),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn is_exact_at_both_ends() {
        let mut set = AgeingSet::new();
        assert!(set.insert(key(1), 1_000, 600, 3));
        assert!(!set.insert(key(1), 1_600, 600, 3), "the window is inclusive");
        assert!(set.insert(key(1), 1_601, 600, 3), "a duplicate renewed nothing");
        assert!(set.insert(key(2), 1_601, 600, 3) && set.insert(key(3), 1_601, 600, 3));
        assert!(!set.insert(key(1), 1_601, 600, 3), "the third last of three");
        assert!(set.insert(key(4), 1_601, 600, 3) && set.insert(key(1), 1_601, 600, 3), "the fourth last");
    }

    #[test]
    fn memory_follows_the_window() {
        let mut set = AgeingSet::new();
        let mut largest = 0;
        for number in 0..1_500_000 {
            assert!(set.insert(key(number), number as i64 / 10, 40_000, u64::MAX));
            largest = largest.max(set.len());
        }
        assert_eq!(largest, 400_010, "the window is inclusive at both ends");
        assert!(set.bytes() / 400_000 <= 34, "{} bytes", set.bytes());
        let bytes = set.bytes();
        for number in 1_500_000..2_000_000 {
            set.insert(key(number), number as i64, 0, u64::MAX);
        }
        assert!(set.bytes() < bytes + bytes / 50, "pages are used again");
        assert_eq!(set.len(), 1, "each millisecond has a key of its own");
    }
}
