//! What several test files share: engines to run a log, stories, random logs.

pub mod engines;
pub mod story;
pub mod words;
