//! One file per use: what the commands do, without a terminal.
