//! Trunkline: one queue over all channels. This page is the architecture of the program; its example is run as a test.
//!
#![doc = include_str!("architecture.md")]
#![deny(unsafe_code)]

#[macro_use]
mod plants;

#[cfg(test)]
extern crate self as trunkline;

pub mod types;
pub mod collections;
pub mod rules;
pub mod pipeline;
pub mod runtime;
pub mod io;
pub mod observe;
pub mod model;
pub mod sim;
pub mod cli;
