//! What the store promises, tried on real files.

mod append;
mod backup;
mod blob;
mod damage;
mod deploy;
mod erase;
mod export;
mod fence;
mod flip;
mod full;
mod open;
mod projection;
mod read;
mod schema;
mod signed;
mod support;
mod together;
