//! What must survive: a power cut at any moment, a system call that fails, a disk without room, a killed process.
//!
//! The disk is made to fail with `shim.c`, a library that is loaded into a process in front of libc and watches one folder. It
//! is built here with the C compiler that SQLite needs anyway. Each process under test is either the `blotter` binary or
//! this binary again (see `child`).

#![cfg(target_os = "linux")]

#[cfg(test)]
mod call;
#[cfg(test)]
mod child;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harm;
#[cfg(test)]
mod person;
#[cfg(test)]
mod power;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod team;
