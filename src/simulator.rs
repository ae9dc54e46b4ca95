//! A small stack on loopback that drills and tests run against, speaking the real wire protocols.
