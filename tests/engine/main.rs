//! Tests of the engine from outside, in one binary: what goes in, what must come out.

#[path = "../support/events.rs"]
mod events;
#[path = "../support/mod.rs"]
mod support;

mod bank;
mod decode;
mod erlang;
mod fuzz;
mod identity;
mod json_testsuite;
mod stories;
mod threads;
mod random;
mod restored;
mod twcs;
mod tidy;
