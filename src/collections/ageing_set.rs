//! The set of the latest keys: what deduplication asks whether an event came before. Exact at both ends, by age and
//! by number, and aged out two keys a call, so no call is long.
//!
//! Keys stand in the order of their acceptance, in pages of 4,096 with the clock as a distance from that of the
//! page: 16 bytes a key, 4 bytes of clock, 11.2 bytes of index. Whether a key counts is decided from its clock and
//! number when it is asked for; what has aged out merely has not been cleared away yet.

use std::collections::VecDeque;

use crate::collections::IndexTable;

/// Keys by their latest acceptance. A key is a well-mixed hash: its low half is used as one.
#[derive(Clone, Debug, Default)]
pub struct AgeingSet {
    table: IndexTable,
    pages: Vec<Page>,
    /// The pages in use, oldest first.
    order: VecDeque<u32>,
    free: Vec<u32>,
    /// Number of the oldest key kept.
    oldest: u64,
    /// Keys accepted so far: the number of the next.
    accepted: u64,
    /// Clock of the last call.
    clock: i64,
}

/// Keys with their clocks, in the order of acceptance.
#[derive(Clone, Debug, Default)]
struct Page {
    /// Number of the first key.
    first: u64,
    /// Clock of the first key.
    clock: i64,
    keys: Vec<u128>,
    /// Milliseconds since `clock`.
    after: Vec<u32>,
}

const PAGE: usize = 4_096;
/// Keys cleared away a call: more than one, so that the set becomes smaller when the window holds fewer.
const RETIRED: usize = 2;
/// How far ahead of clearing away the table's lines are asked for.
const AHEAD: usize = 16;

impl AgeingSet {
    /// An empty set.
    pub fn new() -> AgeingSet {
        AgeingSet::default()
    }

    /// Accepts a key, unless its last acceptance was at `clock - window` or later and it is among the last `max`
    /// accepted: then `false`, and nothing is renewed. `clock` is never less than in the call before. A window or a
    /// `max` that grows between two calls does not bring back what has been cleared away.
    #[inline]
    pub fn insert(&mut self, key: u128, clock: i64, window: i64, max: u64) -> bool {
        debug_assert!(self.accepted == 0 || clock >= self.clock, "the clock does not go back");
        self.clock = clock;
        let since = clock.saturating_sub(window);
        self.retire(since, max);
        let pages = &self.pages;
        let known = self
            .table
            .find(key as u64, |index| pages[index as usize / PAGE].keys[index as usize % PAGE] == key);
        if known.is_some_and(|index| self.counts(index, since, max)) {
            return false;
        }
        if let Some(index) = known {
            self.table.remove(key as u64, index);
        }
        let index = self.append(key, clock);
        self.table.insert(key as u64, index);
        true
    }

    /// Asks for the line in which a search for this key begins.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        self.table.prefetch(key as u64);
    }

    /// Keys kept, those included that have aged out and wait to be cleared away.
    #[inline]
    pub fn len(&self) -> u32 {
        self.table.len()
    }

    /// Whether no key is kept.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
            + self.pages.len() * (PAGE * (size_of::<u128>() + size_of::<u32>()) + size_of::<Page>())
    }

    #[inline]
    fn counts(&self, index: u32, since: i64, max: u64) -> bool {
        let (page, place) = (&self.pages[index as usize / PAGE], index as usize % PAGE);
        page.clock_of(place) >= since && self.accepted - (page.first + place as u64) <= max
    }

    fn append(&mut self, key: u128, clock: i64) -> u32 {
        let last = self.order.back().map(|number| &self.pages[*number as usize]);
        let fits = last.is_some_and(|page| page.keys.len() < PAGE && page.distance(clock).is_some());
        if !fits {
            self.open_page(clock);
        }
        let number = *self.order.back().expect("a page was just made sure of");
        let page = &mut self.pages[number as usize];
        page.after.push(page.distance(clock).expect("a page that the clock fits"));
        page.keys.push(key);
        self.accepted += 1;
        number * PAGE as u32 + page.keys.len() as u32 - 1
    }

    fn open_page(&mut self, clock: i64) {
        let number = self.free.pop().unwrap_or_else(|| {
            assert!(self.pages.len() < u32::MAX as usize / PAGE, "fewer than 2^32 keys within the window");
            let page =
                Page { keys: Vec::with_capacity(PAGE), after: Vec::with_capacity(PAGE), ..Page::default() };
            self.pages.push(page);
            self.pages.len() as u32 - 1
        });
        let page = &mut self.pages[number as usize];
        page.first = self.accepted;
        page.clock = clock;
        page.keys.clear();
        page.after.clear();
        self.order.push_back(number);
    }

    /// Clears away some of the oldest keys that no longer count.
    #[inline]
    fn retire(&mut self, since: i64, max: u64) {
        for _ in 0..RETIRED {
            if self.oldest == self.accepted {
                return;
            }
            self.free_page();
            let number = *self.order.front().expect("a page holds the oldest key");
            let page = &self.pages[number as usize];
            let place = (self.oldest - page.first) as usize;
            if page.clock_of(place) >= since && self.accepted - self.oldest <= max {
                return;
            }
            if let Some(key) = page.keys.get(place + AHEAD) {
                self.table.prefetch(*key as u64);
            }
            // Not there if the key was accepted again since.
            self.table.remove(page.keys[place] as u64, number * PAGE as u32 + place as u32);
            self.oldest += 1;
        }
    }

    /// Frees the first page if all of its keys have been cleared away; there is a later one then.
    #[inline]
    fn free_page(&mut self) {
        let number = *self.order.front().expect("a page holds the oldest key");
        let page = &self.pages[number as usize];
        if page.first + page.keys.len() as u64 == self.oldest {
            self.order.pop_front();
            self.free.push(number);
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
        assert!((400_000..=400_020).contains(&largest), "{largest}");
        assert!(set.bytes() / 400_000 <= 34, "{} bytes", set.bytes());
        let bytes = set.bytes();
        for number in 1_500_000..2_000_000 {
            set.insert(key(number), number as i64, 0, u64::MAX);
        }
        assert!(set.bytes() < bytes + bytes / 50, "pages are used again");
        assert!(set.len() < 4, "two are cleared away for each that comes");
    }
}
