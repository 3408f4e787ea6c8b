//! The commands as a user meets them: the built binary in temporary directories; what it prints, what it leaves and
//! the code that it ends with.

mod bad_input;
mod generate;
mod logs;
mod usage;
mod world;
