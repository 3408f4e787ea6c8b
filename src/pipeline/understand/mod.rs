//! understand.
