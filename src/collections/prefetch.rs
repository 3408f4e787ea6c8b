//! Asking the processor for a cache line ahead of its use. The one thing here that the language has no safe word
//! for; it changes no value and can only make a later read faster.
#![allow(unsafe_code)]

/// Asks for the line in which `slice[index]` begins. Out of bounds, or on a processor for which Rust has no stable
/// intrinsic, nothing happens.
#[inline]
pub fn prefetch<T>(slice: &[T], index: usize) {
    if let Some(item) = slice.get(index) {
        line_of(item);
    }
}

/// Asks for the line in which `item` begins.
#[inline]
pub fn line_of<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and cannot fault; the address is that of a live reference besides.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// Asks for all lines that `item` lies in.
#[inline]
pub fn lines_of<T>(item: &T) {
    line_of(item);
    #[cfg(target_arch = "x86_64")]
    for line in 1..size_of::<T>().div_ceil(64) {
        // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast::<i8>().wrapping_add(64 * line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_nothing_and_accepts_every_index() {
        let items = [1_u64, 2, 3];
        for index in [0, 2, 3, usize::MAX] {
            prefetch(&items, index);
        }
        prefetch::<u64>(&[], 0);
        assert_eq!(items, [1, 2, 3]);
    }
}
