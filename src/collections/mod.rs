//! Deterministic structures, generic over the domain: none hashes by itself, none reads a clock, and none lets
//! its history or an address show in an answer. Growth goes page by page or segment by segment, so that no call
//! copies a large structure; once warm, nothing allocates.

pub mod ageing_set;
pub mod bits;
pub mod blocks;
pub mod few;
pub mod heap;
pub mod index_table;
pub mod names;
pub mod pages;
pub mod prefetch;
pub mod recent;
#[cfg(test)]
pub(crate) mod seeded;
pub mod slots;
pub mod sparse_bits;
pub mod wheel;

pub use ageing_set::AgeingSet;
pub use bits::Bits;
pub use blocks::Blocks;
pub use few::Few;
pub use heap::{Heap, Positions};
pub use index_table::IndexTable;
pub use names::Names;
pub use pages::Pages;
pub use recent::Recent;
pub use slots::Slots;
pub use sparse_bits::SparseBits;
pub use wheel::Wheel;
