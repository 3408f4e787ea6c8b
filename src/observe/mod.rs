//! Looks, never steers: what a running engine tells of itself (`runtime::gauges`), for people and for monitoring.
//!
//! `openmetrics` is the text form, `metrics` what is told in it; `hgrm` is a distribution as HdrHistogram's own tools
//! plot it; `http` the server in front of them. Every reading is taken when somebody asks, on the server's own thread.

pub mod hgrm;
pub mod metrics;
pub mod openmetrics;
#[cfg(feature = "http")]
pub mod http;
