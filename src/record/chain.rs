//! How events hang together: the hash chain of a stream and the Merkle tree over all of them.
