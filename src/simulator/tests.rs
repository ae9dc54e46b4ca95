//! The simulator against clients that were not written for it: the AWS SDK and reqwest.

mod faults;
mod http;
mod scenarios;
mod sdk;

use super::*;

/// A moment at which the tests' clocks stand.
fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn seed() -> Simulator {
    Simulator::start(World::seed(noon())).unwrap()
}

fn broken(id: &str) -> Simulator {
    let simulator = seed();
    simulator.edit(|world| scenario::break_it(id, world)).unwrap();
    simulator
}

/// Another stack with other names, in another region.
fn bakery(versions: Vec<u64>) -> Names {
    Names {
        account: "210987654321".to_owned(),
        region: "eu-central-1".to_owned(),
        function: "oven".to_owned(),
        alias: "live".to_owned(),
        versions,
        state_machine: "bake".to_owned(),
        api: "/v1/shop".to_owned(),
        user: "baker".to_owned(),
    }
}
