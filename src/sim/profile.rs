//! The four worlds and their numbers. A profile is a set of habits; who the people are and what rules they live
//! under stands elsewhere (`cast`, `rulebook`).

use crate::types::Millis;

/// Which world.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Profile {
    /// An enterprise's working day over all channels, agents about nine tenths busy.
    Omni,
    /// A torrent of cheap social messages that hardly anybody answers.
    Firehose,
    /// A steady day, and in it a burst of ten times the contacts.
    Surge,
    /// One public thread that everybody joins, identifiers that many share, chains of merges.
    Viral,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 4] = [Profile::Omni, Profile::Firehose, Profile::Surge, Profile::Viral];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Profile::Omni => "omni",
            Profile::Firehose => "firehose",
            Profile::Surge => "surge",
            Profile::Viral => "viral",
        }
    }

    /// The profile of a word.
    pub fn of(word: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.word() == word)
    }

    /// Its habits.
    pub const fn habits(self) -> Habits {
        match self {
            Profile::Omni | Profile::Surge => Habits::OFFICE,
            Profile::Firehose => Habits::TORRENT,
            Profile::Viral => Habits::STORM,
        }
    }
}

/// When people work and call.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Everybody logs in within the first seconds; the load stays as it is.
    Steady,
    /// A working day of 14 hours: shifts begin through the morning, the load has its rushes.
    Day,
}

/// A world to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which world.
    pub profile: Profile,
    /// People who may call.
    pub customers: u32,
    /// People who answer.
    pub agents: u32,
    /// Everything random comes from this.
    pub seed: u64,
    /// Lines of the log: exactly so many, unless the day ends before.
    pub events: u64,
    /// Steady or a day.
    pub pace: Pace,
}

/// When every world begins: Monday, 16 November 2026, 07:00 UTC.
pub const BEGIN: Millis = Millis(1_794_812_400_000);
/// Length of a working day.
pub const DAY_MS: u32 = 14 * 3_600_000;
/// Length of a shift, breaks included.
pub const SHIFT_MS: u32 = 8 * 3_600_000;

impl Plan {
    /// The world of a profile with its own sizes.
    pub const fn new(profile: Profile, seed: u64, events: u64) -> Plan {
        let (customers, agents) = match profile {
            Profile::Omni | Profile::Surge => (1_000_000, 20_000),
            Profile::Firehose => (1_000_000, 400),
            Profile::Viral => (300_000, 1_000),
        };
        Plan { profile, customers, agents, seed, events, pace: Pace::Steady }
    }
}

/// How people behave. Shares are per thousand unless they say otherwise.
#[derive(Copy, Clone, Debug)]
pub struct Habits {
    /// Offered work as a share of the staff's capacity; 0: `flood_per_s` counts instead.
    pub load: u32,
    /// New cases a second, whatever the staff.
    pub flood_per_s: u32,
    /// Cases of the public thread.
    pub thread_share: u32,
    /// Contacts that carry an identifier shared by many.
    pub shared_identifier: u32,
    /// Contacts that carry their neighbour's identifier too, so that merges chain.
    pub chain: u32,
    /// Contacts of somebody logged in.
    pub logged_in: u32,
    /// Messages sent again while waiting.
    pub nudge: u32,
    /// Those who give up and come back by another channel.
    pub pivot: u32,
    /// Resolved ones who come back.
    pub come_back: u32,
    /// Profile updates by new case.
    pub profile_update: u32,
    /// Links (logins) by new case.
    pub link: u32,
    /// Identifiers said to be somebody else's by new case.
    pub unlink: u32,
    /// Erasures by new case.
    pub erase: u32,
    /// New cases whose customer also tries another way while waiting, and then logs in.
    pub second_door: u32,
    /// Callers who would rather be called than call.
    pub callback: u32,
    /// Contacts that name the agent they would like.
    pub preferred_agent: u32,
    /// New conversations that a supervisor looks at after a while.
    pub supervised: u32,
    /// Transfers that leave the division.
    pub to_division: u32,
    /// Transfers to one colleague.
    pub to_colleague: u32,
    /// Breaks that are none: the desktop is started again, with the work still at hand.
    pub restart: u32,
    /// Longest text in phrases.
    pub phrases: u32,
}

impl Habits {
    const OFFICE: Habits = Habits {
        load: 900,
        flood_per_s: 0,
        thread_share: 0,
        shared_identifier: 4,
        chain: 1,
        logged_in: 450,
        nudge: 400,
        pivot: 450,
        come_back: 70,
        profile_update: 120,
        link: 70,
        unlink: 2,
        erase: 1,
        second_door: 30,
        callback: 30,
        preferred_agent: 20,
        supervised: 80,
        to_division: 120,
        to_colleague: 150,
        restart: 250,
        phrases: 5,
    };
    const TORRENT: Habits = Habits {
        load: 0,
        flood_per_s: 6_000,
        thread_share: 30,
        shared_identifier: 0,
        chain: 0,
        logged_in: 30,
        nudge: 150,
        pivot: 100,
        come_back: 20,
        profile_update: 10,
        link: 5,
        unlink: 0,
        erase: 0,
        second_door: 0,
        callback: 0,
        preferred_agent: 0,
        supervised: 0,
        to_division: 0,
        to_colleague: 0,
        restart: 0,
        phrases: 1,
    };
    const STORM: Habits = Habits {
        load: 0,
        flood_per_s: 400,
        thread_share: 600,
        shared_identifier: 120,
        chain: 150,
        logged_in: 250,
        nudge: 300,
        pivot: 300,
        come_back: 60,
        profile_update: 60,
        link: 100,
        unlink: 12,
        erase: 6,
        second_door: 100,
        callback: 0,
        preferred_agent: 10,
        supervised: 20,
        to_division: 100,
        to_colleague: 100,
        restart: 100,
        phrases: 4,
    };
}

/// Duplicates a thousand lines.
pub const DUPLICATES: u32 = 50;
/// Latest that a duplicate follows its original.
pub const DUPLICATE_WITHIN_MS: u32 = 60_000;
/// Events whose time lies before their place in the log, a thousand.
pub const LATE: u32 = 20;
/// Most that such an event is late.
pub const LATE_BY_MS: u32 = 240_000;
/// Lines that decode has to refuse, a million.
pub const REJECTS: u32 = 1_000;
/// Contacts of the burst of `surge`, as a multiple of the steady load.
pub const BURST: u32 = 10;
