//! The engine's tests that go through its public interface, in one binary.

#[path = "../support/events.rs"]
mod events;

mod decode;
mod json_testsuite;
