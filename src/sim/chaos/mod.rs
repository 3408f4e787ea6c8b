//! The simulator of faults: the real runtime (leader, core, inbox, journal, recovery, the writer of the epoch log and its
//! state machine, `verify`) with the real engine, over doors that fail by seed, in one thread. A seed that fails is
//! repeated by one command.
//!
//! * `broker`: what a Kafka broker would hold: partitions with open, committed and aborted records, two transactional ids.
//! * `network`: requests on their way to it: in order, late, lost, answered to nobody.
//! * `doors`: source, sink, store and clock of a process, which may die or stand still at every call.
//! * `world`: input that arrives, time that goes on, which faults a seed has.
//! * `run`: processes come, go, stand still and wake up; then all faults stop.
//! * `outputs`: what a reader of committed records finds.
//! * `oracle`: what must be there in the end, from the epoch log alone and by other code.
//! * `tamper`: a broker that loses or changes what was safe; it must be found.
//! * `tests`: the seeds; the planted bugs and what finds each.

mod broker;
mod doors;
mod network;
mod oracle;
mod outputs;
mod run;
mod tamper;
mod tests;
mod world;

/// What the random logs are made of, which the tests from outside use, too.
#[allow(dead_code, missing_docs, unreachable_pub, reason = "the tests from outside use all of it")]
#[path = "../../../tests/support"]
mod support {
    pub mod dice;
    pub mod engines;
    pub mod random_log;
    pub mod random_rules;
    pub mod random_texts;
    pub mod taken_up;
}
