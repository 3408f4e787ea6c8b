//! The customers: who each is follows from his number and the seed, so that a million of them cost four bytes
//! each, the place of the case that is open for him.

use crate::collections::prefetch::prefetch;
use crate::sim::cast::{Medium, Slot};
use crate::sim::directory::NOBODY;
use crate::sim::lines::{Lines, eight_digits, hex};
use crate::sim::rng::{Rng, mix};

/// Everybody who may call.
pub struct People {
    count: u32,
    seed: u64,
    /// The case that is open for each; `NOBODY`: none.
    open: Vec<u32>,
}

/// By what a medium knows those who come by it.
const MEDIUM_SHOWS: [Slot; Medium::COUNT] =
    [Slot::Phone, Slot::Cookie, Slot::Email, Slot::Phone, Slot::Handle];

/// Identifiers of one event: slot, owner, which of the owner's.
#[derive(Copy, Clone, Default)]
pub struct Carried {
    list: [(u8, u32, u8); 5],
    len: usize,
}

impl Carried {
    /// Adds one.
    pub fn add(&mut self, slot: Slot, owner: u32, which: u8) {
        if self.len < self.list.len() {
            self.list[self.len] = (slot as u8, owner, which);
            self.len += 1;
        }
    }

    /// Which of the owner's the first one is.
    pub fn first_which(&self) -> u8 {
        self.list[0].2
    }
}

impl People {
    /// So many people of a seed.
    pub fn new(count: u32, seed: u64) -> People {
        let count = count.max(1);
        People { count, seed, open: vec![NOBODY; count as usize] }
    }

    /// How many.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The case open for somebody.
    pub fn open_case(&self, person: u32) -> u32 {
        self.open[person as usize]
    }

    /// Asks for the memory of somebody's open case.
    #[inline]
    pub fn fetch(&self, person: u32) {
        prefetch(&self.open, person as usize);
    }

    /// Notes the case that is open for somebody.
    pub fn set_open_case(&mut self, person: u32, case: u32) {
        self.open[person as usize] = case;
    }

    /// Somebody who would call this division: the popular more often, most at their home division.
    pub fn pick(&self, rng: &mut Rng, division: u32, divisions: u32) -> u32 {
        let person = rng.popular(self.count);
        if divisions < 2 || rng.chance(150) {
            return person;
        }
        (person / divisions * divisions + division).min(self.count - 1)
    }

    /// Random bits of somebody's own, the same each time.
    pub fn traits(&self, person: u32) -> u64 {
        mix(self.seed ^ mix(u64::from(person)))
    }

    /// Place in `LANGUAGES` of what somebody speaks.
    pub fn language(&self, person: u32) -> usize {
        match self.traits(person) % 100 {
            0..60 => 0,
            60..78 => 1,
            78..86 => 2,
            86..94 => 3,
            _ => 4,
        }
    }

    /// What somebody is known by when he comes by a medium; the first is always there.
    pub fn carried(&self, rng: &mut Rng, person: u32, medium: Medium, logged_in: bool) -> Carried {
        let mut carried = Carried::default();
        let traits = self.traits(person);
        // Most have two numbers and addresses and three browsers, and use the first of them mostly.
        let which = |rng: &mut Rng, more: u32| if rng.chance(850) { 0 } else { rng.below(more) as u8 };
        let more = if medium == Medium::Chat { 3 } else { 2 };
        carried.add(MEDIUM_SHOWS[medium as usize], person, which(rng, more));
        if medium == Medium::Chat && rng.chance(150) {
            carried.add(Slot::Email, person, 0);
        }
        if logged_in && traits % 10 < 7 {
            carried.add(Slot::CustomerId, person, 0);
        }
        carried
    }

    /// What a medium shows of somebody anyhow: the number, address or browser at hand.
    pub fn shown(&self, person: u32, medium: Medium, which: u8) -> Carried {
        let mut carried = Carried::default();
        carried.add(MEDIUM_SHOWS[medium as usize], person, which);
        carried
    }

    /// Writes `from`. What the rules have no kind for is left out; with nothing left any kind serves.
    pub fn write_from(&self, lines: &mut Lines, rng: &mut Rng, carried: &Carried) {
        lines.literal(b"\"from\":{");
        self.write_kinds(lines, rng, carried);
    }

    /// Writes `identifier`, of which there is one; likewise.
    pub fn write_identifier(&self, lines: &mut Lines, rng: &mut Rng, carried: &Carried) {
        lines.literal(b"\"identifier\":{");
        self.write_kinds(lines, rng, carried);
    }

    fn write_kinds(&self, lines: &mut Lines, rng: &mut Rng, carried: &Carried) {
        let list = &carried.list[..carried.len];
        let mut written = 0u8;
        for (number, (slot, owner, which)) in list.iter().enumerate() {
            let Some(kind) = lines.texts.kinds[usize::from(*slot)] else { continue };
            if written >> slot & 1 == 1 {
                continue;
            }
            written |= 1 << slot;
            lines.put(kind);
            let others = &list[number + 1..];
            if others.iter().all(|other| other.0 != *slot) {
                self.value(lines, rng, *slot, *owner, *which);
                continue;
            }
            lines.literal(b"[");
            for (_, owner, which) in list[number..].iter().filter(|other| other.0 == *slot) {
                self.value(lines, rng, *slot, *owner, *which);
            }
            lines.close_list();
        }
        if written == 0
            && let Some(slot) = lines.texts.kinds.iter().position(Option::is_some)
        {
            lines.put(lines.texts.kinds[slot].expect("just found"));
            self.value(lines, rng, slot as u8, list[0].1, 0);
        }
        lines.close();
    }

    /// One identifier's text, in one of the spellings that mean the same, and a comma.
    fn value(&self, lines: &mut Lines, rng: &mut Rng, slot: u8, owner: u32, which: u8) {
        const DOMAINS: [&str; 4] = ["@mail.example", "@post.example", "@company.example", "@inbox.example"];
        let spelling = rng.below(100);
        match slot {
            0 => {
                lines.literal(b"\"C");
                lines.literal(&eight_digits(owner));
                lines.literal(b"\",");
            }
            1 => {
                match spelling {
                    0..10 => lines.literal(b"\"Customer."),
                    _ => lines.literal(b"\"customer."),
                }
                lines.literal(&eight_digits(owner));
                let domain = DOMAINS[(mix(u64::from(owner)) as usize + usize::from(which)) % DOMAINS.len()];
                lines.raw(domain.as_bytes());
                lines.literal(b"\",");
            }
            2 => self.telephone(lines, owner.wrapping_mul(4).wrapping_add(u32::from(which)), spelling),
            3 => {
                match spelling {
                    0..70 => lines.literal(b"\"@speaks_"),
                    _ => lines.literal(b"\"Speaks_"),
                }
                lines.literal(&eight_digits(owner));
                lines.literal(&[b'a' + which, b'"', b',']);
            }
            _ => {
                lines.literal(b"\"ck-");
                lines.literal(&hex(mix(self.seed ^ (u64::from(owner) << 8 | u64::from(which)))));
                lines.literal(b"\",");
            }
        }
    }

    /// `+12` and nine digits, sometimes spaced as people do, seldom without the country's code.
    fn telephone(&self, lines: &mut Lines, number: u32, spelling: u32) {
        let high = eight_digits(number / 10_000 % 100_000);
        let low = eight_digits(number % 10_000);
        let (area, middle, last) =
            ([high[3], high[4]], [high[5], high[6], high[7]], [low[4], low[5], low[6], low[7]]);
        let spaced = spelling < 8;
        match spelling {
            0 => lines.literal(b"\"(2"),
            1..8 => lines.literal(b"\"+1 (2"),
            _ => lines.literal(b"\"+12"),
        }
        lines.literal(&area);
        if spaced {
            lines.literal(b") ");
        }
        lines.literal(&middle);
        if spaced {
            lines.literal(b"-");
        }
        lines.literal(&last);
        lines.literal(b"\",");
    }
}
