//! The way of the data: the five stages in order, and nothing else.

pub mod decode;
pub mod identify;
pub mod understand;
pub mod route;
pub mod emit;
