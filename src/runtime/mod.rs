//! runtime.

pub mod replay;
