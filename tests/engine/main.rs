//! Tests of the engine from outside: what goes in, what must come out.

#[path = "../support/mod.rs"]
mod support;

mod stories;
mod random;
