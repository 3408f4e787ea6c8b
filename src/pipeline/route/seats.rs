//! Who has room for what: of each profile the groups that are not empty, and by channel the profiles that have one with
//! room. Classes know profiles alone, so a group may be founded, filled and emptied without any of them hearing of it.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::collections::bits::Bits;
use crate::collections::few::Few;
use crate::types::ChannelId;

/// A group that is not empty, as those see it who look for somebody with room.
#[derive(Copy, Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Seat {
    /// Its number.
    pub group: u32,
    /// Bit c: room for channel c.
    pub room: u16,
}

/// The groups that are not empty.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Seats {
    /// By profile. Most have few, so they lie in one line.
    of: Vec<Few<Seat, 4>>,
    /// By channel: profiles with a group that has room for it.
    roomy: Vec<Bits>,
}

const _: () = assert!(size_of::<Few<Seat, 4>>() == 64);

impl Seats {
    /// No profile is known.
    pub fn new(channels: usize) -> Seats {
        Seats { of: Vec::new(), roomy: (0..channels).map(|_| Bits::default()).collect() }
    }

    /// One more profile; nobody has it.
    pub fn add_profile(&mut self) {
        self.of.push(Few::default());
    }

    /// The groups of a profile that are not empty.
    #[inline]
    pub fn of(&self, profile: u32) -> &[Seat] {
        &self.of[profile as usize]
    }

    /// Profiles with a group that has room for a channel.
    #[inline]
    pub fn roomy(&self, channel: ChannelId) -> &Bits {
        &self.roomy[channel.at()]
    }

    /// A group of a profile has got its first agent.
    pub fn fill(&mut self, profile: u32, seat: Seat) {
        self.of[profile as usize].push(seat);
        for (channel, profiles) in self.roomy.iter_mut().enumerate() {
            if seat.room >> channel & 1 == 1 {
                profiles.set(profile);
            }
        }
    }

    /// A group of a profile has lost its last agent.
    pub fn empty(&mut self, profile: u32, group: u32) {
        let seats = &mut self.of[profile as usize];
        let place = seats.iter().position(|seat| seat.group == group).expect("it was not empty");
        seats.swap_remove(place);
        let room = seats.iter().fold(0, |room, seat| room | seat.room);
        for (channel, profiles) in self.roomy.iter_mut().enumerate() {
            profiles.put(profile, room >> channel & 1 == 1);
        }
    }
}
