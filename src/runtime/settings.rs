//! What a leader is told at its start; the configuration file of `run` becomes this.

use crate::runtime::gauges::Gauges;
use crate::runtime::in_hand::InHand;
use crate::runtime::inbox::Limits;
use crate::runtime::snapshot::Snapshots;
use crate::types::DurationMs;

/// What a crash may do to the output.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing: an epoch's output and its record are one transaction.
    #[default]
    ExactlyOnce,
    /// The output of the last epochs is sent again: the record is safe before any output of its epoch leaves.
    AtLeastOnce,
}

/// Settings of one tenant's leader.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose events.
    pub tenant: String,
    /// Drawn at random for this process: 16 hexadecimal digits.
    pub writer: String,
    /// Of an epoch.
    pub limits: Limits,
    /// What a crash may do to the output.
    pub delivery: Delivery,
    /// Epochs that may be processed but not yet recorded, or recorded but not yet sent: at least 1.
    pub epochs_in_flight: u32,
    /// Bytes of waiting values an input partition.
    pub inbox_bytes: usize,
    /// How often new input partitions are looked for.
    pub discover_every: DurationMs,
    /// Where snapshots lie; `None`: none is taken, and each start replays the whole epoch log.
    pub snapshots: Option<Snapshots>,
    /// Where it writes down what it hands to the engine.
    pub in_hand: InHand,
    /// So many records are taken one by one at first: the engine panicked at one of them.
    pub careful: u64,
    /// Where the leader tells of itself.
    pub gauges: Gauges,
}

impl Settings {
    /// The defaults, for a tenant.
    pub fn new(tenant: &str, writer: &str) -> Settings {
        Settings {
            tenant: tenant.to_owned(),
            writer: writer.to_owned(),
            limits: Limits { records: EPOCH_MAX_EVENTS, bytes: EPOCH_MAX_BYTES },
            delivery: Delivery::default(),
            epochs_in_flight: EPOCHS_IN_FLIGHT,
            inbox_bytes: INBOX_BYTES,
            discover_every: DurationMs::seconds(30),
            snapshots: None,
            in_hand: InHand::default(),
            careful: 0,
            gauges: Gauges::default(),
        }
    }
}

/// Most records of an epoch: tens of thousands make the record and its transaction cheap beside the work.
pub const EPOCH_MAX_EVENTS: usize = 50_000;
/// Most bytes of an epoch.
pub const EPOCH_MAX_BYTES: usize = 32 << 20;
/// Epochs in flight.
pub const EPOCHS_IN_FLIGHT: u32 = 3;
/// Bytes that wait, a partition.
pub const INBOX_BYTES: usize = 16 << 20;
