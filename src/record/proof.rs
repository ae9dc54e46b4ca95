//! Inclusion proofs: that one event is among those a checkpoint is over, with no other event at hand (RFC 9162, 2.1.3).

use super::chain::node;
use super::id::Hash;

/// All leaves of a tree with the roots of its perfect subtrees, by height: what proofs are cut from.
#[derive(Clone, Debug, Default)]
pub struct Levels(Vec<Vec<Hash>>);

impl Levels {
    /// Appends one leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        for height in 0.. {
            if self.0.len() == height {
                self.0.push(Vec::new());
            }
            let level = &mut self.0[height];
            level.push(top);
            match level.as_slice() {
                [.., left, right] if level.len().is_multiple_of(2) => top = node(left, right),
                _ => break,
            }
        }
    }

    /// How many leaves there are.
    pub fn size(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Root over the leaves `from..to`, of which there is at least one; `from` is where a perfect subtree as high begins.
    fn root(&self, from: usize, to: usize) -> Hash {
        let n = to - from;
        if n.is_power_of_two() {
            return self.0[n.trailing_zeros() as usize][from / n];
        }
        let k = n.next_power_of_two() / 2;
        node(&self.root(from, from + k), &self.root(from + k, to))
    }

    /// The proof that leaf `index` (from 0) is in the tree, its own sibling first; `None` when there is no such leaf.
    pub fn proof(&self, index: usize) -> Option<Vec<Hash>> {
        let (mut from, mut to) = (0, self.size());
        if index >= to {
            return None;
        }
        let mut path = Vec::new();
        while to - from > 1 {
            let middle = from + (to - from).next_power_of_two() / 2;
            if index < middle {
                path.push(self.root(middle, to));
                to = middle;
            } else {
                path.push(self.root(from, middle));
                from = middle;
            }
        }
        path.reverse();
        Some(path)
    }
}

/// The root that `leaf` and its proof come to; `None` when the proof is not one for leaf `index` of `size`.
pub fn root_of(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            root = node(sibling, &root);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            root = node(&root, sibling);
        }
        at /= 2;
        last /= 2;
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::chain::{Tree, leaf};

    #[test]
    fn every_leaf_of_every_tree_is_proven_and_nothing_else() {
        let (mut levels, mut tree) = (Levels::default(), Tree::new());
        for size in 1..=70_u64 {
            let own = leaf(&size.to_be_bytes());
            levels.push(own);
            tree.push(own);
            for index in 0..size {
                let path = levels.proof(usize::try_from(index).unwrap()).unwrap();
                let l = leaf(&(index + 1).to_be_bytes());
                assert_eq!(root_of(l, index, size, &path), Some(tree.root()), "{index} of {size}");
                assert_ne!(root_of(leaf(b"other"), index, size, &path), Some(tree.root()));
                assert_ne!(root_of(l, (index + 1) % size, size, &path), Some(tree.root()).filter(|_| size > 1));
                assert_eq!(root_of(l, index, size, &[path.as_slice(), &[own]].concat()), None);
            }
        }
        assert_eq!((levels.proof(70), Levels::default().proof(0), root_of(Hash::ZERO, 0, 0, &[])), (None, None, None));
    }
}
