//! Runs the simulated stack until it is ended, for tools that are not blotter: `cargo run --example simulator -- INC-001`.
//!
//! Prints `endpoint URL` (of every AWS service), `api URL` (of the HTTP API), `account`, `region` and the scenarios that
//! there are, one a line, then `ready`. Further words are faults, such as `lambda/GetAlias=throttle*2`.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::time::SystemTime;

use blotter::record::time::Timestamp;
use blotter::simulator::{Clock, Rule, Simulator, World, scenario};

fn main() -> Result<(), Box<dyn Error>> {
    let millis = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    let start = Timestamp::from_millis(millis()).ok_or("the clock of this machine is out of range")?;
    let mut world = World::seed(Clock::reading(move || Timestamp::from_millis(millis()).unwrap_or(start)));
    let mut words = std::env::args().skip(1);
    if let Some(id) = words.next().filter(|w| w != "healthy") {
        scenario::break_it(&id, &mut world)?;
    }
    let (account, region) = (world.names.account.clone(), world.names.region.clone());
    let stack = Simulator::start(world)?;
    for word in words {
        stack.fault(word.parse::<Rule>()?);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "endpoint {}\napi {}\naccount {account}\nregion {region}", stack.url(), stack.api_url())?;
    for (id, text) in scenario::all() {
        writeln!(out, "scenario {id}: {text}")?;
    }
    writeln!(out, "ready: ends when standard input does")?;
    out.flush()?;
    drop(out);
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
