//! The real doors: files, the machine's own readings and clock. Nothing else touches the operating system.

pub mod file;
pub mod machine;
