//! A small stack on loopback that drills and tests run against, speaking the real wire protocols:
//! Lambda, CloudWatch, CloudWatch Logs, Step Functions, SES and STS as AWS clients speak them, and the
//! stack's own HTTP API. It can be broken ([`scenario`]), its time can be moved ([`Clock`]), and every
//! call can be made to go wrong ([`Fault`]).
//!
//! It knows nothing of the rooms that it is there to try, except instants.

pub mod clock;
mod cloudwatch;
pub mod fault;
mod http_api;
mod lambda;
mod logs;
mod mischief;
mod pattern;
mod reply;
mod request;
pub mod scenario;
mod seed;
pub mod series;
mod serve;
mod ses;
mod sfn;
mod sts;
#[cfg(test)]
mod tests;
pub mod world;

use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

pub use clock::Clock;
pub use fault::{Fault, Rule};
pub use request::Service;
pub use world::{Names, World};

use crate::record::time::Timestamp;
use serve::{Shared, lock};

/// One call that reached the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub service: Service,
    /// `UpdateAlias`; for the HTTP API `GET /prod/…`.
    pub operation: String,
    /// When it came, by the stack's clock.
    pub at: Timestamp,
    /// The region that it was signed for.
    pub region: Option<String>,
    /// Whether it took effect, whatever became of its answer.
    pub applied: bool,
}

/// A running stack. It stops when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Binds a free port of 127.0.0.1 and serves `world` there, on a thread of its own.
    pub fn start(world: World) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            world: Arc::new(Mutex::new(world)),
            rules: Mutex::default(),
            calls: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new().name("simulator".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = serve::accept(listener, served) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { url, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:<port>`: the endpoint of every AWS service and the host of the HTTP API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Base URL of the HTTP API without its last part: `<url>/prod` when the API lies at `/prod/beak`.
    pub fn api_url(&self) -> String {
        let world = lock(&self.shared.world);
        let stage = world.names.api.rsplit_once('/').map_or("", |(stage, _)| stage);
        format!("{}{stage}", self.url)
    }

    /// The stack's state, shared with the server.
    pub fn world(&self) -> Arc<Mutex<World>> {
        Arc::clone(&self.shared.world)
    }

    /// Looks at the stack, or changes it, between two requests.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut lock(&self.shared.world))
    }

    /// Makes calls go wrong from now on. Earlier rules come first.
    pub fn fault(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// Takes all rules back.
    pub fn clear_faults(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// How often an operation was called, `service/Operation`, whether or not it took effect.
    pub fn count(&self, what: &str) -> usize {
        let is = |call: &Call| what.split_once('/') == Some((call.service.name(), call.operation.as_str()));
        lock(&self.shared.calls).iter().filter(|call| is(call)).count()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
