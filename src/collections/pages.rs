//! A growing array that never moves what it holds: pages of 4,096 entries, so that growth costs one page and no
//! pause. Entries are addressed by a dense index and live until the array does.

/// Entries of one page.
const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;

/// A paged array.
#[derive(Debug)]
pub struct Pages<T> {
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages { pages: Vec::new(), len: 0 }
    }
}

impl<T: Default> Pages<T> {
    /// Grows with default entries until `index` exists.
    #[inline]
    pub fn ensure(&mut self, index: usize) {
        while self.len <= index {
            self.push(T::default());
        }
    }
}

impl<T> Pages<T> {
    /// Entries held.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an entry and gives its index.
    #[inline]
    pub fn push(&mut self, entry: T) -> usize {
        if self.len == self.pages.len() * PAGE {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let index = self.len;
        self.pages[index >> PAGE_BITS].push(entry);
        self.len += 1;
        index
    }

    /// Asks the processor to fetch an entry; nothing if there is none.
    #[inline]
    pub fn prefetch(&self, index: usize) {
        if let Some(page) = self.pages.get(index >> PAGE_BITS) {
            crate::collections::prefetch::prefetch(page, index & (PAGE - 1));
        }
    }
}

impl<T> std::ops::Index<usize> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pages[index >> PAGE_BITS][index & (PAGE - 1)]
    }
}

impl<T> std::ops::IndexMut<usize> for Pages<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index >> PAGE_BITS][index & (PAGE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_vector_would() {
        let mut pages = Pages::default();
        let twin: Vec<u64> = (0..10_000).map(|n| n * n).collect();
        for (place, value) in twin.iter().enumerate() {
            assert_eq!(pages.push(*value), place);
        }
        pages.ensure(12_000);
        assert_eq!(pages.len(), 12_001);
        assert!(twin.iter().enumerate().all(|(place, value)| pages[place] == *value));
        assert_eq!(pages[11_000], 0);
        pages[9_999] = 7;
        assert_eq!(pages[9_999], 7);
        pages.prefetch(1 << 40);
    }
}
