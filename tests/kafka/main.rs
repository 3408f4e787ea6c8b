//! `trunkline run` on a real Kafka: the built binary, a broker of its own through `scripts/kafka` on free ports, every
//! output compared with `trunkline reference` of the same epoch log. Skipped, with the reason, where Java or Maven are
//! missing. `TRUNKLINE_TEST_KAFKA=host:port` uses a broker that is there; `TRUNKLINE_KAFKA_EVENTS` sets the size of
//! the large log, `TRUNKLINE_TEST_BIN` the binary (a release build, say).

#![allow(clippy::disallowed_types, reason = "a test of a real broker waits in real time, and not for ever")]

mod proxy;
mod broker;
mod tenant;
mod equality;
mod crashes;
mod chaos;
mod takeover;
mod faults;
mod snapshots;
mod rules;
#[cfg(feature = "failpoints")]
mod skip;
#[cfg(feature = "http")]
#[path = "../http/checker.rs"]
mod checker;
#[cfg(feature = "http")]
mod metrics;
