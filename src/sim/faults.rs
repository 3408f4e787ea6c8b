//! What goes wrong on the way: lines that come again, lines that decode has to refuse. A refused line is always
//! an extra one, so the story that the log tells stays whole.

use crate::sim::act::Act;
use crate::sim::profile::{BEGIN, DUPLICATE_WITHIN_MS, DUPLICATES, REJECTS};
use crate::sim::world::World;
use crate::types::Millis;

/// Lines kept until they come again.
#[derive(Default)]
pub struct Faults {
    kept: Vec<Vec<u8>>,
    free: Vec<u32>,
    /// The line that is being broken.
    broken: Vec<u8>,
}

impl Faults {
    fn keep(&mut self, line: &[u8]) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(Vec::new());
            self.kept.len() as u32 - 1
        });
        let store = &mut self.kept[place as usize];
        store.clear();
        store.extend_from_slice(line);
        place
    }
}

/// Whole broken events; `%` takes the place of a time.
const BROKEN: [&str; 20] = [
    r#"{"specversion":"1.0","id":"b0","source":"/web/chat","type":"trunkline.contact.received","time":"%","data":{"channel":"telepathy","from":{"phone":"+12025550100"}}}"#,
    r#"{"specversion":"1.0","id":"b1","source":"/web/chat","type":"trunkline.agent.state","time":"%","data":{"agent":"a000001","division":"nowhere","state":"away"}}"#,
    r#"{"specversion":"1.0","id":"b2","source":"/crm","type":"trunkline.customer.updated","time":"yesterday","data":{"from":{"phone":"+12025550100"},"tier":"gold"}}"#,
    r#"{"specversion":"1.0","id":"b3","source":"/crm","type":"trunkline.customer.updated","time":"2026-02-30T10:00:00Z","data":{"from":{"phone":"+12025550100"}}}"#,
    r#"{"specversion":"0.3","id":"b4","source":"/desktop","type":"trunkline.conversation.held","time":"%","data":{"from":{"phone":"+12025550100"}}}"#,
    r#"{"specversion":"1.0","id":"b5","source":"/desktop","type":"trunkline.offer.maybe","time":"%","data":{}}"#,
    r#"{"specversion":"1.0","id":"b6","source":"/desktop","type":"trunkline.conversation.resolved","time":"%","data":{"conversation":"not an id"}}"#,
    r#"{"specversion":"1.0","id":"b7","source":"/desktop","type":"trunkline.conversation.replied","time":"%","data":{"agent":"a000002"}}"#,
    r#"{"specversion":"1.0","id":"b8","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"},"lifetime_value":12.5}}"#,
    r#"{"specversion":"1.0","id":"b9","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"},"lifetime_value":9007199254740993}}"#,
    r#"{"specversion":"1.0","id":"b10","id":"again","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"}}}"#,
    r#"{"specversion":"1.0","id":"b11","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"shoe_size":"44"}}}"#,
    r#"{"specversion":"1.0","id":"b12","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"},"lang":null}}"#,
    r#"{"specversion":"1.0","id":"b13","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"},"lang":"\ud83d"}}"#,
    r#"{"specversion":"1.0","id":"b14","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"},}}"#,
    r#"{"specversion":"1.0","id":"","source":"/crm","type":"trunkline.customer.updated","time":"%","data":{"from":{"phone":"+12025550100"}}}"#,
    r#"{"specversion":"1.0","id":"b16","source":"/crm","type":"trunkline.customer.updated","time":"%","data":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"#,
    r#"{"specversion":"1.0","id":"b17","source":"/web/chat","type":"trunkline.contact.received","time":"%"}"#,
    r#""contact.received""#,
    r#"<html><body>502 Bad Gateway</body></html>"#,
];

impl World {
    /// After a line: it may come again, and a broken one may follow.
    pub(super) fn spoil(&mut self, at: u32) {
        // Of all lines so many are to be repeats, hence of the originals a few more.
        if self.rng.rarely(1_000_000 * DUPLICATES / (1_000 - DUPLICATES)) {
            let place = self.faults.keep(self.lines.last());
            // Most are sent again at once, some by a queue that was stuck.
            let within = [1_000, 1_000, 1_000, 10_000, DUPLICATE_WITHIN_MS][self.rng.below(5) as usize];
            let delay = self.rng.below(within);
            self.plan_in(at, delay, Act::Again, place, 0, 0);
        }
        if self.rng.rarely(REJECTS * 1_053 / 1_000) && !self.is_full() {
            self.census_mut().rejects += 1;
            self.break_line(at);
        }
    }

    /// A line comes again.
    pub(super) fn again(&mut self, place: u32) {
        self.census_mut().duplicates += 1;
        let line = std::mem::take(&mut self.faults.kept[place as usize]);
        self.lines.copy(&line);
        self.faults.kept[place as usize] = line;
        self.faults.free.push(place);
    }

    fn break_line(&mut self, at: u32) {
        let kind = self.rng.below(32) as usize;
        let broken = &mut self.faults.broken;
        broken.clear();
        if let Some(whole) = BROKEN.get(kind) {
            let time = crate::sim::clock_text::ClockText::new().of(Millis(BEGIN.0 + i64::from(at)));
            let (before, after) = whole.split_once('%').unwrap_or((whole, ""));
            broken.extend_from_slice(before.as_bytes());
            if before.len() < whole.len() {
                broken.extend_from_slice(&time);
            }
            broken.extend_from_slice(after.as_bytes());
        } else if kind < 30 {
            // A line that was cut off.
            let last = self.lines.last();
            broken.extend_from_slice(&last[..self.rng.between(20, (last.len() - 1) as u32) as usize]);
        } else if kind == 30 {
            // A byte that is no UTF-8.
            broken.extend_from_slice(self.lines.last());
            let middle = broken.len() / 2;
            broken[middle] = 0xff;
        } else {
            // A text that never ends.
            broken.extend_from_slice(
                br#"{"specversion":"1.0","id":"b31","source":"/mail/imap-1","type":"trunkline.contact.received","time":"2026-11-16T08:00:00Z","data":{"text":""#,
            );
            broken.resize(20_000, b'x');
            broken.extend_from_slice(br#""}}"#);
        }
        self.lines.copy(broken);
    }
}
