//! The naive sequential engine on ordered maps and plain scans: the oracle that the pipeline is compared with.
//! It shares only types and rules with what it checks, and may not use the pipeline.

pub mod json;
pub mod instant;
pub mod normalise;
pub mod event;
pub mod decode;
pub mod output;
