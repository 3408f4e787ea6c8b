//! Ids. Names of the rules (channels, queues, divisions, kinds) are indices into the rules in force; customers
//! and conversations carry content-derived ids whose text form is what the outside world sees.

use borsh::{BorshDeserialize, BorshSerialize};
use std::cmp::Ordering;
use std::fmt;
use std::io;

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident, $repr:ty) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub $repr);

        impl $name {
            /// The index as a place in the table that the id belongs to.
            #[inline]
            pub const fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_id!(/** An identifier kind: its place in `Rules::identity.kinds`, ordered by (rank, name) until rules change. */ KindId, u8);
index_id!(/** A channel: its place in `Rules::channels`, which is ordered by name. */ ChannelId, u8);
index_id!(/** A queue: its place in `Rules::queues`, which is ordered by name. */ QueueId, u16);
index_id!(/** A template: its place in `Rules::templates`, which is ordered. */ TemplateId, u16);
index_id!(/** A division: its place in `Rules::divisions`, which is ordered by name. */ DivisionId, u16);

/// Most kinds, channels, queues and divisions that rules may declare; bounds the flat arrays of the stages.
pub const KINDS_MAX: usize = 16;
/// Most channels: an agent's room is a bit mask of 16.
pub const CHANNELS_MAX: usize = 16;
/// Most queues of one tenant.
pub const QUEUES_MAX: usize = 4_096;
/// Most divisions of one tenant.
pub const DIVISIONS_MAX: usize = 256;

/// A customer: the first 64 bits of the keyed hash of the founding identifier, and the number of customers
/// that were founded before under the same 64 bits.
///
/// Text form: 13 Crockford base32 characters (upper case, most significant first), then `~g` if `generation > 0`.
/// Ordered as the text form is, bytewise. 12 bytes, so that a conversation's id has 16: rows are full of them.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C, packed(4))]
pub struct CustomerId {
    /// The 64 bits.
    pub hash: u64,
    /// How many customers were founded before under these bits.
    pub generation: u32,
}

/// Written out, since nobody may refer to a member of a packed struct.
impl BorshSerialize for CustomerId {
    fn serialize<W: io::Write>(&self, to: &mut W) -> io::Result<()> {
        let (hash, generation) = (self.hash, self.generation);
        (hash, generation).serialize(to)
    }
}

impl BorshDeserialize for CustomerId {
    fn deserialize_reader<R: io::Read>(from: &mut R) -> io::Result<CustomerId> {
        let (hash, generation) = BorshDeserialize::deserialize_reader(from)?;
        Ok(CustomerId { hash, generation })
    }
}

/// A conversation: the customer's id when it was opened, and the how-manieth conversation of that id, from 1.
///
/// Text form: `<customer>.<ordinal>`. Ordered by the customer's text bytewise, then by the ordinal as a number.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct ConversationId {
    /// The customer's id at the opening.
    pub customer: CustomerId,
    /// Counted from 1 for each customer id; 0 stands for "none".
    pub ordinal: u32,
}

impl ConversationId {
    /// No conversation.
    pub const NONE: ConversationId =
        ConversationId { customer: CustomerId { hash: 0, generation: 0 }, ordinal: 0 };

    /// Whether this names a conversation at all.
    #[inline]
    pub const fn is_some(self) -> bool {
        self.ordinal != 0
    }

    /// Reads the text form: exactly what `Display` writes, nothing else (upper case, no leading zeros).
    /// `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<ConversationId> {
        let dot = text.iter().rposition(|b| *b == b'.')?;
        let customer = CustomerId::parse(&text[..dot])?;
        let ordinal = decimal(&text[dot + 1..])?;
        (ordinal > 0).then_some(ConversationId { customer, ordinal })
    }
}

const _: () = assert!(size_of::<CustomerId>() == 12 && size_of::<ConversationId>() == 16);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// By character: its value; 255 for what is none of the alphabet.
const CROCKFORD_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 32 {
        values[CROCKFORD[value as usize] as usize] = value;
        value += 1;
    }
    values
};
/// Characters of a customer's 64 bits.
pub const CUSTOMER_CHARS: usize = 13;

impl CustomerId {
    /// The 13 characters of the 64 bits.
    #[inline]
    pub fn characters(self) -> [u8; CUSTOMER_CHARS] {
        let mut text = [0; CUSTOMER_CHARS];
        for (place, character) in text.iter_mut().enumerate() {
            let shift = 5 * (CUSTOMER_CHARS - 1 - place);
            *character = CROCKFORD[(self.hash >> shift & 31) as usize];
        }
        text
    }

    /// Reads the text form: exactly what `Display` writes. `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<CustomerId> {
        let (head, tail) = text.split_at_checked(CUSTOMER_CHARS)?;
        let mut bits: u128 = 0;
        for character in head {
            let digit = CROCKFORD_VALUES[usize::from(*character)];
            if digit > 31 {
                return None;
            }
            bits = bits << 5 | u128::from(digit);
        }
        let hash = u64::try_from(bits).ok()?;
        let generation = match tail {
            [] => 0,
            [b'~', digits @ ..] => decimal(digits).filter(|g| *g > 0)?,
            _ => return None,
        };
        Some(CustomerId { hash, generation })
    }
}

/// A decimal number without sign or leading zeros that fits 32 bits.
fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    u32::try_from(number).ok()
}

impl Ord for CustomerId {
    fn cmp(&self, other: &Self) -> Ordering {
        // Base32 with an ascending alphabet keeps the order of the bits; generations are compared as text.
        { self.hash }.cmp(&{ other.hash }).then_with(|| {
            if self.generation == other.generation {
                Ordering::Equal
            } else if self.generation == 0 || other.generation == 0 {
                self.generation.cmp(&other.generation)
            } else {
                self.generation.to_string().cmp(&other.generation.to_string())
            }
        })
    }
}

impl PartialOrd for CustomerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ConversationId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.customer.cmp(&other.customer).then(self.ordinal.cmp(&other.ordinal))
    }
}

impl PartialOrd for ConversationId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.characters();
        f.write_str(std::str::from_utf8(&characters).expect("the alphabet is ASCII"))?;
        if self.generation > 0 { write!(f, "~{}", self.generation) } else { Ok(()) }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.customer, self.ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (hash, generation, ordinal) in
            [(0, 0, 1), (u64::MAX, 0, 42), (0x1234_5678_9abc_def0, 3, 7), (31, 10, u32::MAX)]
        {
            let id = ConversationId { customer: CustomerId { hash, generation }, ordinal };
            assert_eq!(ConversationId::parse(id.to_string().as_bytes()), Some(id), "{id}");
        }
        assert_eq!(CustomerId { hash: u64::MAX, generation: 0 }.to_string(), "FZZZZZZZZZZZZ");
    }

    #[test]
    fn refuses_every_other_text() {
        for text in [
            "",
            ".",
            "1",
            "0000000000000",
            "0000000000000.",
            "0000000000000.0",
            "0000000000000.01",
            "000000000000.1",
            "G000000000000.1",
            "000000000000o.1",
            "000000000000a.1",
            "0000000000000~0.1",
            "0000000000000~01.1",
            "0000000000000~.1",
            "0000000000000.4294967296",
            "0000000000000.-1",
            "0000000000000. 1",
        ] {
            assert_eq!(ConversationId::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn orders_as_its_text_does() {
        let id = |hash, generation| CustomerId { hash, generation };
        let ids = [id(5, 0), id(5, 1), id(5, 10), id(5, 2), id(6, 0), id(u64::MAX, 0)];
        for pair in ids.windows(2) {
            assert!(
                pair[0] < pair[1] && pair[0].to_string() < pair[1].to_string(),
                "{} < {}",
                pair[0],
                pair[1]
            );
        }
        let conversation = |ordinal| ConversationId { customer: id(5, 0), ordinal };
        assert!(conversation(2) < conversation(10), "ordinals compare as numbers");
    }
}
