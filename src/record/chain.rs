//! How events hang together: the hash chain of a stream and the Merkle tree over all of them.
//!
//! The tree is that of RFC 6962 over the headers in order of their position; its text form is the body of a
//! [C2SP checkpoint](https://c2sp.org/tlog-checkpoint).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::event::Header;
use super::id::Hash;
use super::incident::Head;

/// Why a header does not follow the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainFault {
    /// Another sequence number should stand here.
    #[error("sequence number {found} where {expected} belongs")]
    Seq {
        /// What should stand here.
        expected: u64,
        /// What stands here.
        found: u64,
    },
    /// The header names another predecessor.
    #[error("`prev` is {}, but the event before has {}", found.short(), expected.short())]
    Prev {
        /// Hash of the event before.
        expected: Hash,
        /// What the header says.
        found: Hash,
    },
}

/// Checks that `header` follows `head`; the head it makes is `(header.seq, its hash)`.
///
/// # Errors
/// [`ChainFault`] names what does not fit.
pub fn follows(head: Head, header: &Header) -> Result<(), ChainFault> {
    if header.seq != head.seq + 1 {
        return Err(ChainFault::Seq { expected: head.seq + 1, found: header.seq });
    }
    if header.prev != head.hash {
        return Err(ChainFault::Prev { expected: head.hash, found: header.prev });
    }
    Ok(())
}

/// The tree's leaf for one header: SHA-256(0x00 ‖ header).
pub fn leaf(header: &[u8]) -> Hash {
    Hash::of(&[&[0], header])
}

/// The node above two others: SHA-256(0x01 ‖ left ‖ right).
pub(super) fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], &left.0, &right.0])
}

/// The right-hand edge of a Merkle tree: all that is needed to append to it and to name its root.
///
/// Holds the roots of the perfect subtrees that make up the tree, largest first: at most 64 hashes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf, see [`leaf`]. Costs two hashes on average, log₂ of the size at most.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                top = node(&left, &top);
            }
        }
        self.peaks.push(top);
        self.size += 1;
    }

    /// The root; of an empty tree SHA-256 of nothing, as RFC 6962 has it.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::of(&[]) };
        peaks.fold(*last, |right, left| node(left, &right))
    }

    /// The hashes one after another, as they are stored.
    pub fn peaks(&self) -> Vec<u8> {
        self.peaks.iter().flat_map(|h| h.0).collect()
    }

    /// Reads what [`Tree::peaks`] wrote; `None` when the length does not fit the size.
    pub fn from_peaks(size: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && hashes.len() == size.count_ones() as usize)
            .then(|| Self { size, peaks: hashes.iter().map(|h| Hash(*h)).collect() })
    }
}

/// A statement about the whole log: "the first `size` events have this root".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// How many events it covers.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// `blotter/<ledger id>\n<size>\n<base64 of the root>\n`.
    pub text: String,
}

impl Checkpoint {
    /// States what `tree` is, for the ledger `id`.
    pub fn new(ledger: &str, tree: &Tree) -> Self {
        Self::stating(ledger, tree.size(), tree.root())
    }

    /// States that the first `size` events of `ledger` have this root.
    pub fn stating(ledger: &str, size: u64, root: Hash) -> Self {
        let text = format!("blotter/{ledger}\n{size}\n{}\n", STANDARD.encode(root.0));
        Self { size, root, text }
    }

    /// Reads the text form; accepts only exactly what [`Checkpoint::new`] writes for the ledger `id`.
    pub fn parse(ledger: &str, text: &str) -> Option<Self> {
        let body = text.strip_prefix("blotter/")?.strip_prefix(ledger)?.strip_prefix('\n')?;
        let (size, rest) = body.split_once('\n')?;
        let root: [u8; 32] = STANDARD.decode(rest.strip_suffix('\n')?).ok()?.try_into().ok()?;
        let number: u64 = size.parse().ok()?;
        (number.to_string() == size).then(|| Self { size: number, root: Hash(root), text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::testing::{Story, note};

    #[test]
    fn an_event_follows_the_one_before_it_and_no_other() {
        let mut story = Story::opened();
        story.add(note("a"));
        story.add(note("b"));
        let head = |n: usize| Head { seq: n as u64, hash: story.events[n - 1].hash };
        let header = |n: usize| &story.events[n - 1].header;
        assert_eq!(follows(Head::EMPTY, header(1)), Ok(()));
        assert_eq!((follows(head(1), header(2)), follows(head(2), header(3))), (Ok(()), Ok(())));
        assert_eq!(follows(head(1), header(3)), Err(ChainFault::Seq { expected: 2, found: 3 }), "one is left out");
        assert_eq!(follows(head(2), header(2)), Err(ChainFault::Seq { expected: 3, found: 2 }), "one comes twice");
        let other = Head { hash: head(1).hash, ..head(2) };
        assert_eq!(follows(other, header(3)), Err(ChainFault::Prev { expected: other.hash, found: head(2).hash }));
    }

    /// The definition of RFC 6962, section 2.1, word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(&[]),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                node(&defined(&many[..k]), &defined(&many[k..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::new();
        assert_eq!(tree.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (input, root) in inputs.iter().zip(roots) {
            tree.push(leaf(&crate::record::id::unhex(input).unwrap()));
            assert_eq!(tree.root().to_string(), root);
        }
    }

    proptest! {
        #[test]
        fn the_edge_knows_the_root_of_the_whole_tree(n in 0_u64..300) {
            let leaves: Vec<Hash> = (0..n).map(|i| leaf(&i.to_be_bytes())).collect();
            let mut tree = Tree::new();
            for l in &leaves {
                tree.push(*l);
            }
            prop_assert_eq!((tree.size(), tree.root()), (n, defined(&leaves)));
            prop_assert_eq!(Tree::from_peaks(n, &tree.peaks()), Some(tree.clone()));
            prop_assert_eq!(Tree::from_peaks(n + 1, &tree.peaks()).is_some(), (n + 1).count_ones() == n.count_ones());
        }
    }

    #[test]
    fn checkpoints_read_back_and_only_for_their_ledger() {
        let mut tree = Tree::new();
        tree.push(leaf(b"a"));
        let c = Checkpoint::new("7f", &tree);
        assert!(c.text.starts_with("blotter/7f\n1\n") && c.text.ends_with("=\n"));
        assert_eq!(Checkpoint::parse("7f", &c.text), Some(c.clone()));
        assert_eq!(Checkpoint::parse("7", &c.text), None);
        assert_eq!(Checkpoint::parse("7f", &c.text.replace("\n1\n", "\n01\n")), None);
        assert_eq!(Checkpoint::parse("7f", &format!("{}x", c.text)), None);
    }
}
