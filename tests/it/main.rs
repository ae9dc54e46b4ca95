//! What holds the house from outside: the layers of the source, what is built in, and the binary as a person runs it.

mod attacks;
mod bad_input;
mod bad_peers;
mod dependencies;
mod drills;
mod erasing;
mod harness;
mod help;
mod iam;
mod layering;
mod old_ledgers;
mod page_time;
mod reading;
mod readme;
mod second_stack;
mod source;
