//! How other systems let a waiting contact gain priority, and the same in these rules. A page, no code.
//!
#![doc = include_str!("ageing.md")]
