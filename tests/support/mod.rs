//! What several test files share: engines to run a log, stories, random logs.

pub mod call_centre;
pub mod dice;
pub mod engines;
pub mod random_log;
pub mod random_rules;
pub mod random_texts;
pub mod story;
pub mod taken_up;
pub mod words;
