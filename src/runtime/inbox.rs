//! What has arrived and is not taken yet: a queue a slot (an input partition), and the rule by which an epoch takes
//! from them. Entries go by (timestamp made non-decreasing within its partition, slot, offset); while a slot has
//! unread records that may be more than 1 s older than another's next, nothing is taken from the other.
//!
//! Cost: one copy of the value into the slot's arena, one heap step a record. Bounded by `room` a slot; a source that
//! respects it leaves the rest with the broker.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use borsh::{BorshDeserialize, BorshSerialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::runtime::digest::{Digest, Running};
use crate::types::record::{ALL_TYPES, BinaryHeaders, Record};
use crate::types::{DurationMs, Millis};

/// A slot may run ahead of another one's unread records by this.
pub const AHEAD_MAX: DurationMs = DurationMs::seconds(1);
/// Bytes of taken records that a slot keeps before it moves the rest to the front of its arena.
const COMPACT_BYTES: usize = 1 << 20;

/// `ce_*` headers of a record in binary mode, owned: specversion, id, source, type, time, traceparent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedHeaders {
    /// `ce_specversion`.
    pub specversion: Vec<u8>,
    /// `ce_id`, `ce_source`, `ce_type`, `ce_time`, `ce_traceparent`.
    pub others: [Option<Vec<u8>>; 5],
}

impl OwnedHeaders {
    /// Names of `others`, in order.
    pub const OTHERS: [&'static str; 5] = ["ce_id", "ce_source", "ce_type", "ce_time", "ce_traceparent"];

    fn digest(&self, digest: &mut Running) {
        digest.bytes(&self.specversion);
        for header in &self.others {
            match header {
                Some(header) => digest.bytes(header),
                None => digest.number(u64::MAX),
            }
        }
    }

    fn borrow(&self) -> BinaryHeaders<'_> {
        let [id, source, event_type, time, traceparent] = self.others.each_ref().map(|o| o.as_deref());
        BinaryHeaders { specversion: &self.specversion, id, source, event_type, time, traceparent }
    }
}

/// A record that waits.
#[derive(Debug)]
struct Item {
    offset: u64,
    timestamp: Millis,
    /// The timestamp made non-decreasing within the slot.
    effective: Millis,
    /// Place in the slot's arena, counted from the arena's very beginning.
    start: u64,
    len: u32,
    binary: Option<Box<OwnedHeaders>>,
}

/// One input partition.
#[derive(Debug)]
struct SlotQueue {
    items: VecDeque<Item>,
    bytes: Vec<u8>,
    /// What `bytes[0]` is, counted from the arena's very beginning.
    base: u64,
    /// Offset after the last record that arrived.
    next: u64,
    /// Offset after the last record that was taken.
    taken: u64,
    /// `effective` of that record.
    taken_at: Millis,
    /// Hash of that record; 0: none was taken.
    last: u64,
    /// Whether that record is read once more, to see whether it is the same.
    expects_last: bool,
    /// It is not.
    changed: bool,
    /// Records before this offset are taken in even if there is no room: a recorded epoch needs them.
    wanted: u64,
    /// `effective` of the last record that arrived.
    newest: Millis,
    /// Whether it was read to its end, as far as the source knows.
    at_end: bool,
    allowed: u32,
    digest: Digest,
}

/// Which records an epoch takes: their order, and how many of each slot.
#[derive(Debug, Default)]
pub struct Selection {
    /// (slot, place in the slot's queue), in entry order.
    order: Vec<(u32, u32)>,
    /// By slot.
    counts: Vec<u32>,
    /// Whether, after this, every slot was read to its end.
    pub drained: bool,
}

impl Selection {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// Limits of an epoch.
#[derive(Copy, Clone, Debug)]
pub struct Limits {
    /// Most records.
    pub records: usize,
    /// Most bytes of values; one record is taken however large.
    pub bytes: usize,
}

/// How far a slot has been taken.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Mark {
    /// Offset after the last record that was taken.
    pub taken: u64,
    /// Its timestamp, made non-decreasing within the slot.
    pub effective: Millis,
    /// Hash of all that was taken.
    pub digest: Digest,
    /// Hash of the last record that was taken; 0: none was.
    pub last: u64,
}

/// Tells a record from others; never 0.
fn hash_of(offset: u64, timestamp: Millis, value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, offset.rotate_left(32) ^ timestamp.0 as u64).max(1)
}

/// All slots.
#[derive(Debug)]
pub struct Inbox {
    slots: Vec<SlotQueue>,
    room: usize,
}

impl Inbox {
    /// Without slots; each will hold about `room` bytes of values at most.
    pub fn new(room: usize) -> Inbox {
        Inbox { slots: Vec::new(), room }
    }

    /// How far each slot has been taken.
    pub fn marks(&self) -> Vec<Mark> {
        let mark = |slot: &SlotQueue| Mark {
            taken: slot.taken,
            effective: slot.taken_at,
            digest: slot.digest,
            last: slot.last,
        };
        self.slots.iter().map(mark).collect()
    }

    /// Slots that have been taken so far, and hold nothing.
    pub fn restore(&mut self, marks: &[Mark]) {
        self.slots.clear();
        for mark in marks {
            self.add_slot(mark.taken);
            let slot = self.slots.last_mut().expect("it was added");
            (slot.newest, slot.taken_at, slot.digest) = (mark.effective, mark.effective, mark.digest);
            slot.last = mark.last;
        }
    }

    /// The last record that was taken from a slot is to come once more: whether it is the same, `changed` tells.
    pub fn expect_last(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        slot.expects_last = slot.last != 0;
        slot.next -= u64::from(slot.expects_last);
    }

    /// Whether such a record has not come yet.
    pub fn expects_last(&self) -> bool {
        self.slots.iter().any(|slot| slot.expects_last)
    }

    /// A slot whose last record is not the one that was taken.
    pub fn changed(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.changed)
    }

    /// One slot more, to be read from `first` on.
    pub fn add_slot(&mut self, first: u64) {
        self.slots.push(SlotQueue {
            items: VecDeque::new(),
            bytes: Vec::new(),
            base: 0,
            next: first,
            taken: first,
            taken_at: Millis::MIN,
            last: 0,
            expects_last: false,
            changed: false,
            wanted: first,
            newest: Millis::MIN,
            at_end: false,
            allowed: ALL_TYPES,
            digest: Digest::default(),
        });
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Bit `EventType as u8`: the types that this slot's topic may carry, from its next taken record on.
    pub fn allow(&mut self, slot: usize, types: u32) {
        self.slots[slot].allowed = types;
    }

    /// A recorded epoch needs these slots up to these offsets, however much that is: its writer may have had more at
    /// hand than the room, which is looked at between batches only.
    pub fn want(&mut self, ends: &[(usize, u64)]) {
        for (slot, end) in ends {
            self.slots[*slot].wanted = *end;
        }
    }

    /// Whether this slot takes more.
    pub fn has_room(&self, slot: usize) -> bool {
        let slot = &self.slots[slot];
        if slot.next < slot.wanted {
            return true;
        }
        slot.bytes.len() < self.room + COMPACT_BYTES && slot.items.len() < self.room / 64
    }

    /// Offset after the last record that arrived in this slot.
    pub fn next(&self, slot: usize) -> u64 {
        self.slots[slot].next
    }

    /// Offset after the last record that an epoch took.
    pub fn taken(&self, slot: usize) -> u64 {
        self.slots[slot].taken
    }

    /// Whether nothing waits in this slot and it was read to its end.
    pub fn at_end(&self, slot: usize) -> bool {
        self.slots[slot].items.is_empty() && self.slots[slot].at_end
    }

    /// Whether nothing waits in any slot.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.items.is_empty())
    }

    /// A record arrived. One that was there before (a source begun anew) is passed over.
    pub fn push(
        &mut self,
        slot: usize,
        offset: u64,
        timestamp: Millis,
        value: &[u8],
        binary: Option<Box<OwnedHeaders>>,
    ) {
        let slot = &mut self.slots[slot];
        if offset < slot.next {
            return;
        }
        if std::mem::take(&mut slot.expects_last) {
            slot.next = slot.taken;
            slot.changed = hash_of(offset, timestamp, value) != slot.last;
            if offset < slot.taken {
                return;
            }
        }
        slot.next = offset + 1;
        slot.at_end = false;
        slot.newest = slot.newest.max(timestamp);
        let start = slot.base + slot.bytes.len() as u64;
        slot.bytes.extend_from_slice(value);
        let len = u32::try_from(value.len()).expect("a Kafka record is below 2 GiB");
        let effective = if planted!(TimesGoBack) { timestamp } else { slot.newest };
        slot.items.push_back(Item { offset, timestamp, effective, start, len, binary });
    }

    /// The source read this slot to its end; records that arrive later say otherwise again.
    pub fn reached_end(&mut self, slot: usize) {
        self.slots[slot].at_end = true;
    }

    /// Chooses what an epoch takes now.
    pub fn select(&self, limits: Limits, selection: &mut Selection) {
        self.start(selection);
        let mut horizon = Millis::MAX;
        let mut heap = BinaryHeap::with_capacity(self.slots.len());
        for (at, slot) in self.slots.iter().enumerate() {
            match slot.items.front() {
                Some(item) => heap.push(Reverse((item.effective, at))),
                None => horizon = horizon.min(slot.horizon()),
            }
        }
        let mut bytes = 0;
        while let Some(Reverse((effective, at))) = heap.pop() {
            let slot = &self.slots[at];
            let place = selection.counts[at] as usize;
            bytes += slot.items[place].len as usize;
            let full = selection.order.len() >= limits.records || bytes > limits.bytes;
            if effective > horizon || (full && !selection.order.is_empty()) {
                break;
            }
            selection.take(at);
            match slot.items.get(place + 1) {
                Some(item) => heap.push(Reverse((item.effective, at))),
                None => horizon = horizon.min(slot.horizon()),
            }
        }
        selection.drained = self
            .slots
            .iter()
            .zip(&selection.counts)
            .all(|(slot, count)| slot.at_end && slot.items.len() == *count as usize);
    }

    /// Chooses what a recorded epoch took: all records of the moved slots before these offsets. `Ok(false)`: they
    /// have not all arrived yet.
    ///
    /// # Errors
    /// Names the slot and the offset of a recorded record that the input no longer has.
    pub fn select_recorded(
        &self,
        ends: &[(usize, u64)],
        selection: &mut Selection,
    ) -> Result<bool, (usize, u64)> {
        self.start(selection);
        let mut heap = BinaryHeap::with_capacity(ends.len());
        let mut total = 0;
        for &(at, end) in ends {
            let slot = &self.slots[at];
            if slot.next < end {
                return if slot.at_end { Err((at, end - 1)) } else { Ok(false) };
            }
            let count = slot.items.partition_point(|item| item.offset < end);
            if count == 0 || slot.items[count - 1].offset + 1 != end {
                return Err((at, end - 1));
            }
            total += count;
            heap.push(Reverse((slot.items[0].effective, at, end)));
        }
        while let Some(Reverse((_, at, end))) = heap.pop() {
            selection.take(at);
            let next = self.slots[at].items.get(selection.counts[at] as usize);
            if let Some(item) = next.filter(|item| item.offset < end) {
                heap.push(Reverse((item.effective, at, end)));
            }
        }
        assert_eq!(selection.len(), total, "every record before the ends is taken once");
        Ok(true)
    }

    /// The chosen records in entry order, as the engine wants them.
    pub fn records<T>(&self, selection: &Selection, apply: impl FnOnce(&[Record<'_>]) -> T) -> T {
        let items = || {
            selection.order.iter().map(|(at, place)| {
                let slot = &self.slots[*at as usize];
                (*at, slot, &slot.items[*place as usize])
            })
        };
        let headers: Vec<Option<BinaryHeaders<'_>>> =
            items().map(|(_, _, item)| item.binary.as_ref().map(|binary| binary.borrow())).collect();
        let records: Vec<Record<'_>> = items()
            .zip(&headers)
            .map(|((at, slot, item), binary)| Record {
                partition: at,
                offset: item.offset,
                timestamp: Some(item.timestamp),
                allowed: slot.allowed,
                value: slot.value(item),
                binary: binary.as_ref(),
            })
            .collect();
        apply(&records)
    }

    /// Forgets the chosen records; tells of each slot that moved its new end and the running hash of its input.
    pub fn take(&mut self, selection: &Selection) -> Vec<(usize, u64, u128)> {
        let mut moved = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let count = selection.counts.get(at).map_or(0, |count| *count as usize);
            if count > 0 {
                slot.take(count);
                moved.push((at, slot.taken, slot.digest.value()));
            }
        }
        moved
    }

    fn start(&self, selection: &mut Selection) {
        selection.order.clear();
        selection.counts.clear();
        selection.counts.resize(self.slots.len(), 0);
        selection.drained = false;
    }
}

impl Selection {
    fn take(&mut self, slot: usize) {
        self.order.push((slot as u32, self.counts[slot]));
        self.counts[slot] += 1;
    }
}

impl SlotQueue {
    /// How far others may go once all that has arrived here is taken.
    fn horizon(&self) -> Millis {
        if self.at_end { Millis::MAX } else { self.newest.plus(AHEAD_MAX) }
    }

    fn value(&self, item: &Item) -> &[u8] {
        let start = (item.start - self.base) as usize;
        &self.bytes[start..start + item.len as usize]
    }

    fn take(&mut self, count: usize) {
        let mut digest = self.digest.begin();
        for item in self.items.iter().take(count) {
            digest.number(item.offset);
            digest.number(item.timestamp.0 as u64);
            digest.bytes(self.value(item));
            if let Some(binary) = &item.binary {
                binary.digest(&mut digest);
            }
        }
        self.digest = digest.end();
        let last = &self.items[count - 1];
        self.last = hash_of(last.offset, last.timestamp, self.value(last));
        (self.taken, self.taken_at) = (self.items[count - 1].offset + 1, self.items[count - 1].effective);
        self.items.drain(..count);
        match self.items.front() {
            None => {
                self.base += self.bytes.len() as u64;
                self.bytes.clear();
            }
            Some(item) => {
                let gone = (item.start - self.base) as usize;
                if gone >= COMPACT_BYTES && gone >= self.bytes.len() / 2 {
                    self.bytes.drain(..gone);
                    self.base = item.start;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { records: 1_000, bytes: 1 << 20 };

    fn inbox(slots: usize) -> Inbox {
        let mut inbox = Inbox::new(1 << 20);
        (0..slots).for_each(|_| inbox.add_slot(0));
        inbox
    }

    fn taken(inbox: &mut Inbox, limits: Limits) -> (Vec<(u32, u64)>, bool) {
        let mut selection = Selection::default();
        inbox.select(limits, &mut selection);
        let order = inbox.records(&selection, |records| {
            records.iter().map(|record| (record.partition, record.offset)).collect()
        });
        inbox.take(&selection);
        (order, selection.drained)
    }

    #[test]
    fn entries_go_by_timestamp_made_non_decreasing_then_slot_then_offset() {
        let mut inbox = inbox(2);
        for (slot, offset, timestamp) in
            [(0, 0, 10), (0, 1, 5), (0, 2, 20), (1, 0, 7), (1, 1, 10), (1, 2, 11)]
        {
            inbox.push(slot, offset, Millis(timestamp), b"x", None);
        }
        (0..2).for_each(|slot| inbox.reached_end(slot));
        let (order, drained) = taken(&mut inbox, LIMITS);
        assert_eq!(order, [(1, 0), (0, 0), (0, 1), (1, 1), (1, 2), (0, 2)]);
        assert!(drained);
    }

    #[test]
    fn what_a_recorded_epoch_needs_is_taken_in_beyond_the_room() {
        let mut inbox = Inbox::new(1_024);
        inbox.add_slot(0);
        let mut offset = 0;
        while inbox.has_room(0) {
            inbox.push(0, offset, Millis(1), b"0123456789", None);
            offset += 1;
        }
        inbox.want(&[(0, offset + 2)]);
        for _ in 0..2 {
            assert!(inbox.has_room(0), "the epoch needs it");
            inbox.push(0, offset, Millis(1), b"0123456789", None);
            offset += 1;
        }
        assert!(!inbox.has_room(0), "what comes after it can wait");
        let mut selection = Selection::default();
        assert_eq!(inbox.select_recorded(&[(0, offset)], &mut selection), Ok(true));
        assert_eq!(selection.len() as u64, offset);
    }

    #[test]
    fn nothing_is_taken_from_a_slot_that_is_a_second_ahead_of_an_unread_one() {
        let mut inbox = inbox(2);
        inbox.push(0, 0, Millis(5_000), b"x", None);
        inbox.push(0, 1, Millis(9_000), b"x", None);
        assert_eq!(taken(&mut inbox, LIMITS).0, [], "slot 1 has not been heard of");
        inbox.push(1, 0, Millis(4_000), b"x", None);
        assert_eq!(taken(&mut inbox, LIMITS), (vec![(1, 0), (0, 0)], false), "5,000 is within a second");
        assert_eq!(taken(&mut inbox, LIMITS).0, [], "9,000 is not, and slot 1 may have more");
        inbox.reached_end(1);
        assert_eq!(taken(&mut inbox, LIMITS), (vec![(0, 1)], false), "it has no more; slot 0 may");
        inbox.reached_end(0);
        assert_eq!(taken(&mut inbox, LIMITS), (vec![], true));
    }

    #[test]
    fn limits_cut_but_one_record_always_goes() {
        let mut inbox = inbox(1);
        (0..5).for_each(|offset| inbox.push(0, offset, Millis(1), &[0; 100], None));
        inbox.reached_end(0);
        assert_eq!(taken(&mut inbox, Limits { records: 2, bytes: 1_000 }).0.len(), 2);
        assert_eq!(taken(&mut inbox, Limits { records: 9, bytes: 250 }), (vec![(0, 2), (0, 3)], false));
        assert_eq!(taken(&mut inbox, Limits { records: 9, bytes: 10 }), (vec![(0, 4)], true));
    }

    #[test]
    fn a_recorded_epoch_is_found_again_or_its_loss_is_told() {
        let fill = || {
            let mut inbox = inbox(2);
            for offset in [0, 1, 3, 4] {
                inbox.push(0, offset, Millis(offset as i64), b"a", None);
                inbox.push(1, offset, Millis(offset as i64), b"b", None);
            }
            inbox
        };
        let mut live = fill();
        let mut first = Selection::default();
        live.select(Limits { records: 3, bytes: 1 << 20 }, &mut first);
        let moved = live.take(&first);
        let ends: Vec<_> = moved.iter().map(|(slot, end, _)| (*slot, *end)).collect();

        let mut again = fill();
        let mut second = Selection::default();
        assert_eq!(again.select_recorded(&ends, &mut second), Ok(true));
        assert_eq!(first.order, second.order);
        assert_eq!(again.take(&second), moved, "same ends, same hashes");

        assert_eq!(again.select_recorded(&[(0, 9)], &mut second), Ok(false), "not there yet");
        assert_eq!(again.select_recorded(&[(0, 3)], &mut second), Err((0, 2)), "offset 2 does not exist");
        again.reached_end(0);
        assert_eq!(again.select_recorded(&[(0, 9)], &mut second), Err((0, 8)), "nor does it come any more");
    }

    #[test]
    fn what_arrives_twice_counts_once_and_arenas_do_not_grow() {
        let mut inbox = inbox(1);
        let value = vec![b'v'; 10_000];
        let mut seen = 0;
        for offset in 0..2_000 {
            inbox.push(0, offset, Millis(offset as i64), &value, None);
            inbox.push(0, offset, Millis(0), b"again", None);
            if offset % 3 == 0 {
                inbox.reached_end(0);
                seen += taken(&mut inbox, Limits { records: 2, bytes: 1 << 20 }).0.len();
            }
            assert!(inbox.slots[0].bytes.len() < 15_000_000);
        }
        while !inbox.is_empty() {
            seen += taken(&mut inbox, LIMITS).0.len();
        }
        assert_eq!(seen, 2_000);
    }
}
