//! Several lists of operations as one, in the order of the rows.

use crate::types::operation::{Operation, Operations};

/// Where the operations of a batch stand: list and place in it, in the order of the rows.
#[derive(Debug, Default)]
pub struct Order {
    places: Vec<(u32, u32)>,
    /// Of each list: the row of its next operation (`u32::MAX`: none is left), and its place.
    heads: Vec<(u32, u32)>,
}

impl Order {
    /// Puts the lists in order. Each is in order by itself, and none has a row of another; there are few.
    pub fn merge(&mut self, lists: &[&Operations]) {
        self.places.clear();
        self.heads.clear();
        self.heads.extend(lists.iter().map(|list| (row_at(list, 0), 0)));
        while let Some(list) = (0..self.heads.len()).min_by_key(|list| self.heads[*list].0) {
            let (row, mut place) = self.heads[list];
            if row == u32::MAX {
                break;
            }
            let others = self.heads.iter().enumerate().filter(|(other, _)| *other != list);
            let until = others.map(|(_, (row, _))| *row).min().unwrap_or(u32::MAX);
            while row_at(lists[list], place) < until {
                self.places.push((list as u32, place));
                place += 1;
            }
            self.heads[list] = (row_at(lists[list], place), place);
        }
    }

    /// The operations in order.
    pub fn over<'o>(&'o self, lists: &'o [&'o Operations]) -> Ordered<'o> {
        Ordered { lists, places: &self.places }
    }
}

/// Operations of several lists, in order.
#[derive(Copy, Clone, Debug)]
pub struct Ordered<'o> {
    lists: &'o [&'o Operations],
    places: &'o [(u32, u32)],
}

impl<'o> Ordered<'o> {
    /// Operations in all.
    #[inline]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// An operation and the list that it is from.
    #[inline]
    pub fn get(&self, at: usize) -> Option<(&'o Operations, &'o Operation)> {
        let (list, place) = *self.places.get(at)?;
        let operations = self.lists[list as usize];
        Some((operations, &operations.rows[place as usize]))
    }
}

#[inline]
fn row_at(list: &Operations, place: u32) -> u32 {
    list.rows.get(place as usize).map_or(u32::MAX, |operation| operation.row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::operation::Action;
    use crate::types::{ConversationId, CustomerId};

    fn list(rows: &[u32]) -> Operations {
        let operation = |row: &u32| Operation {
            row: *row,
            conversation: ConversationId::NONE,
            customer: CustomerId::default(),
            action: Action::Touched,
        };
        Operations { rows: rows.iter().map(operation).collect(), ..Operations::default() }
    }

    #[test]
    fn lists_become_one_in_the_order_of_rows() {
        let lists = [list(&[3, 3, 4, 9]), list(&[]), list(&[0, 7]), list(&[5])];
        let lists: Vec<&Operations> = lists.iter().collect();
        let mut order = Order::default();
        for _ in 0..2 {
            order.merge(&lists);
            let ordered = order.over(&lists);
            let rows: Vec<u32> =
                (0..ordered.len()).map(|at| ordered.get(at).expect("a place").1.row).collect();
            assert_eq!(rows, [0, 3, 3, 4, 5, 7, 9]);
        }
        assert!(order.over(&lists).get(7).is_none());
        order.merge(&[]);
        assert_eq!(order.over(&[]).len(), 0);
    }
}
