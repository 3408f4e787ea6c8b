//! Who plays: read off the rules, whatever rules they are. Which kinds of identifier there are, which channel is
//! of which medium, which queue is reached how (a *lane*), which lanes draw on the same staff (a *pool*: the
//! telephone or the rest of one division), and what each agent can do.

use crate::rules::{Form, Rules};
use crate::sim::rng::mix;
use crate::types::{ChannelId, DivisionId, QueueId};

/// How people talk on a channel.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Medium {
    /// Telephone: one at a time, the line stays open.
    Voice,
    /// Chat: many short messages, impatient.
    Chat,
    /// Mail: few messages, patient.
    Mail,
    /// Text messages.
    Text,
    /// Social networks.
    Social,
}

impl Medium {
    /// How many there are.
    pub const COUNT: usize = 5;

    fn of(name: &str) -> Medium {
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["phone", "voice", "call"]) {
            Medium::Voice
        } else if has(&["chat", "messenger", "web"]) {
            Medium::Chat
        } else if has(&["mail", "form", "ticket"]) && name != "platform" {
            Medium::Mail
        } else if has(&["sms", "text", "whatsapp", "message"]) {
            Medium::Text
        } else {
            Medium::Social
        }
    }
}

/// What the world knows people by; each is a kind of the rules or none.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Slot {
    /// The company's own number.
    CustomerId,
    /// Mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Name in a social network.
    Handle,
    /// A browser.
    Cookie,
}

/// One way to a queue: by one channel.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Where to.
    pub queue: QueueId,
    /// Whose.
    pub division: DivisionId,
    /// By which channel.
    pub channel: ChannelId,
    /// Of which medium.
    pub medium: Medium,
    /// Whether channel and intent alone lead there by the routes.
    pub steerable: bool,
    /// Places in `Rules::intents` that go with it; empty: any.
    pub intents: Vec<u16>,
    /// How often, beside the other lanes of its pool.
    pub share: u32,
}

/// Lanes that draw on the same agents.
#[derive(Clone, Debug)]
pub struct PoolCast {
    /// Whose.
    pub division: DivisionId,
    /// Telephone, or everything else.
    pub voice: bool,
    /// Places in `Cast::lanes`.
    pub lanes: Vec<u16>,
    /// Sum of their shares.
    pub shares: u32,
}

/// An agent's definition, in as few bits as it can be.
#[derive(Copy, Clone, Debug)]
pub struct AgentCast {
    /// Where.
    pub pool: u16,
    /// Lanes' places within the pool whose queues are served, first rank first.
    pub lanes: [u8; LANES_OF_AN_AGENT_MAX],
    /// How many of them count.
    pub lane_count: u8,
    /// Bit l: speaks `LANGUAGES[l]`.
    pub languages: u8,
    /// Whether on the telephone and for one chat besides.
    pub blended: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Name of the kind for each slot.
    pub kinds: [Option<String>; 5],
    /// By `ChannelId`.
    pub media: Vec<Medium>,
    /// By `ChannelId`.
    pub weights: Vec<u32>,
    /// By `QueueId`, in milliseconds.
    pub wrap_ups: Vec<u32>,
    /// Ways to the queues.
    pub lanes: Vec<Lane>,
    /// Pools.
    pub pools: Vec<PoolCast>,
    /// By number.
    pub agents: Vec<AgentCast>,
    /// Numbers of the agents of each pool.
    pub members: Vec<Vec<u32>>,
    /// By division: the voice and the other pool, where there is one.
    pub pools_of: Vec<[Option<u16>; 2]>,
}

/// What the rules lack for a world.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// No kinds of identifiers: nobody could be recognised.
    #[error("the rules declare no [identity.kinds]: customers need at least one kind of identifier")]
    NoKinds,
    /// No channels.
    #[error("the rules declare no [channels]: contacts need one to come by")]
    NoChannels,
    /// No queues.
    #[error("the rules declare no [queues]: there is nowhere to send contacts to")]
    NoQueues,
    /// Agents' names have six digits.
    #[error("{0} agents are too many: at most 1,000,000")]
    TooManyAgents(u32),
}

/// Most lanes whose queues one agent serves.
pub const LANES_OF_AN_AGENT_MAX: usize = 8;
/// Lanes of an agent of a large division.
const LANES_OF_A_SPECIALIST: usize = 3;
/// Agents of a division below which nobody is a specialist: a few who serve three queues each would leave one
/// queue to nobody and another to all.
const SMALL_DIVISION: u32 = 400;
/// Places of lanes in a pool are bytes.
const LANES_OF_A_POOL_MAX: usize = 256;

impl Cast {
    /// Reads it off the rules.
    pub fn new(rules: &Rules, agents: u32, seed: u64) -> Result<Cast, CastError> {
        if rules.identity.kinds.is_empty() {
            return Err(CastError::NoKinds);
        }
        if rules.channels.is_empty() {
            return Err(CastError::NoChannels);
        }
        if rules.queues.is_empty() {
            return Err(CastError::NoQueues);
        }
        if agents > 1_000_000 {
            return Err(CastError::TooManyAgents(agents));
        }
        let media: Vec<Medium> = rules.channels.iter().map(|channel| Medium::of(&channel.name)).collect();
        let lanes = lanes(rules, &media);
        let (pools, pools_of) = pools(rules, &lanes);
        let mut cast = Cast {
            kinds: kinds(rules),
            weights: rules.channels.iter().map(|channel| channel.weight).collect(),
            wrap_ups: rules.queues.iter().map(|queue| queue.wrap_up.0.clamp(0, 3_600_000) as u32).collect(),
            media,
            lanes,
            agents: Vec::new(),
            members: vec![Vec::new(); pools.len()],
            pools,
            pools_of,
        };
        cast.agents = (0..agents).map(|number| cast.agent(number, agents, seed)).collect();
        for (number, agent) in cast.agents.iter().enumerate() {
            cast.members[usize::from(agent.pool)].push(number as u32);
        }
        Ok(cast)
    }

    /// A lane of a pool by its place there.
    pub fn lane(&self, pool: u16, place: u8) -> &Lane {
        &self.lanes[usize::from(self.pools[usize::from(pool)].lanes[usize::from(place)])]
    }

    fn agent(&self, number: u32, agents: u32, seed: u64) -> AgentCast {
        let pools = &self.pools_of;
        let staffed: Vec<&[Option<u16>; 2]> =
            pools.iter().filter(|pair| pair.iter().any(Option::is_some)).collect();
        let division = number as usize % staffed.len();
        let turn = number / staffed.len() as u32;
        let each = agents / staffed.len() as u32;
        let bits = mix(seed ^ mix(u64::from(number) + 0x0a9e));
        let pool = match *staffed[division] {
            // Nine of twenty are on the telephone.
            [Some(voice), Some(other)] => {
                if turn * 9 % 20 < 9 {
                    voice
                } else {
                    other
                }
            }
            [voice, other] => voice.or(other).expect("a staffed division has a pool"),
        };
        let cast = &self.pools[usize::from(pool)];
        let mut lanes = [0; LANES_OF_AN_AGENT_MAX];
        let first =
            self.place_by_share(cast, u64::from(turn).wrapping_mul(0x9e37_79b9) % u64::from(cast.shares));
        let most = if each < SMALL_DIVISION { LANES_OF_AN_AGENT_MAX } else { LANES_OF_A_SPECIALIST };
        let count = cast.lanes.len().min(most);
        for (place, lane) in lanes.iter_mut().enumerate().take(count) {
            *lane = ((usize::from(first) + place) % cast.lanes.len()) as u8;
        }
        // A small division's agents speak everything, or nobody would answer the few.
        let languages = if each < SMALL_DIVISION { 0b1_1111 } else { languages(bits) };
        AgentCast {
            pool,
            lanes,
            lane_count: count as u8,
            languages,
            blended: cast.voice && bits >> 40 & 31 == 0,
        }
    }

    fn place_by_share(&self, pool: &PoolCast, mut ticket: u64) -> u8 {
        for (place, lane) in pool.lanes.iter().enumerate() {
            let share = u64::from(self.lanes[usize::from(*lane)].share);
            if ticket < share {
                return place as u8;
            }
            ticket -= share;
        }
        0
    }
}

/// English nearly always, the others less and less; at least one.
fn languages(bits: u64) -> u8 {
    let mut spoken = if bits & 15 < 15 { 1 } else { 0 };
    for (language, sixteenths) in [(1, 6), (2, 3), (3, 3), (4, 3)] {
        if bits >> (4 * language) & 15 < sixteenths {
            spoken |= 1 << language;
        }
    }
    if spoken == 0 { 2 } else { spoken }
}

fn kinds(rules: &Rules) -> [Option<String>; 5] {
    let mut slots: [Option<String>; 5] = Default::default();
    for kind in &rules.identity.kinds {
        let wanted = match &kind.form {
            Form::Email { .. } => Slot::Email,
            Form::Phone { .. } => Slot::Phone,
            Form::Handle => Slot::Handle,
            Form::Opaque if kind.limit == 1 || kind.name.contains("customer") => Slot::CustomerId,
            Form::Opaque => Slot::Cookie,
        } as usize;
        if slots[wanted].is_none() {
            slots[wanted] = Some(kind.name.clone());
        }
    }
    slots
}

fn lanes(rules: &Rules, media: &[Medium]) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for (number, queue) in rules.queues.iter().enumerate() {
        let id = QueueId(number as u16);
        let route = rules.routes.iter().find(|route| route.queue == id && route.when.channel.is_some());
        let mask = route.and_then(|route| route.when.channel).unwrap_or(u16::MAX);
        let when = route.map(|route| &route.when);
        let plain = when.is_some_and(|when| {
            when.intent.is_some()
                && when.tier.is_none()
                && when.lang.is_none()
                && when.reach.is_none()
                && when.public.is_none()
                && when.sentiment.is_none()
                && when.failed_attempts.is_none()
                && when.open.is_none()
                && when.hour_of_week.is_none()
        });
        let intents = when.and_then(|when| when.intent.clone()).unwrap_or_default();
        for (channel, medium) in media.iter().enumerate().filter(|(channel, _)| mask >> channel & 1 == 1) {
            let share = match medium {
                Medium::Voice if when.is_some_and(|when| when.tier.is_some()) => 15,
                Medium::Voice => 40,
                Medium::Chat => 20,
                Medium::Mail => 15,
                Medium::Text => 15,
                Medium::Social => 15,
            };
            lanes.push(Lane {
                queue: id,
                division: queue.division,
                channel: ChannelId(channel as u8),
                medium: *medium,
                steerable: plain,
                intents: intents.clone(),
                share,
            });
        }
    }
    lanes
}

fn pools(rules: &Rules, lanes: &[Lane]) -> (Vec<PoolCast>, Vec<[Option<u16>; 2]>) {
    let mut pools = Vec::new();
    let mut pools_of = vec![[None; 2]; rules.divisions.len()];
    for (division, pair) in pools_of.iter_mut().enumerate() {
        for (place, voice) in [(0, true), (1, false)] {
            let of_pool =
                |lane: &&Lane| lane.division.at() == division && (lane.medium == Medium::Voice) == voice;
            let places: Vec<u16> = (0..lanes.len() as u16)
                .filter(|lane| of_pool(&&lanes[usize::from(*lane)]))
                .take(LANES_OF_A_POOL_MAX)
                .collect();
            if !places.is_empty() {
                pair[place] = Some(pools.len() as u16);
                let shares = places.iter().map(|lane| lanes[usize::from(*lane)].share).sum();
                pools.push(PoolCast { division: DivisionId(division as u16), voice, lanes: places, shares });
            }
        }
    }
    (pools, pools_of)
}
