//! What a command costs in a ledger of years, against the same command in one of ten incidents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blotter::app::Clock;
use blotter::simulator::{self, Simulator, World, scenario};

use super::{Done, Sample, Table, ledger, peak, process};

/// Incidents and events of the small ledger and of the large one.
const SIZES: [(u64, u64); 2] = [(10, 500), (10_000, 500_000)];

const SETTINGS: &str = "actor = \"T-OPS\"\n[people.T-OPS]\n[people.T-JOSH]\n[people.T-ANA]\n";

/// A folder with a ledger, and how to call the program there.
struct Place<'a> {
    dir: PathBuf,
    incidents: u64,
    /// What answers for the world.
    aws: &'a str,
}

impl<'a> Place<'a> {
    fn make(dir: &Path, aws: &'a str, (incidents, events): (u64, u64)) -> Done<Self> {
        let dir = dir.join(format!("of-{incidents}"));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("blotter.toml"), SETTINGS)?;
        ledger::generate(&dir.join("ledger.db"), incidents, events, Clock::system().now())?;
        Ok(Self { dir, incidents, aws })
    }

    /// `NEWEST-5` among the words is the number of an incident.
    fn words(&self, words: &[String]) -> Vec<String> {
        let number = |w: &String| w.strip_prefix("NEWEST-").and_then(|n| n.parse::<u64>().ok()).map(|n| self.incidents - n);
        words.iter().map(|w| number(w).map_or_else(|| w.clone(), |n| n.to_string())).collect()
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(BLOTTER);
        command.env_clear().env("HOME", &self.dir).env("COLUMNS", "100").env("AWS_ENDPOINT_URL", self.aws).current_dir(&self.dir);
        command.env("AWS_ACCESS_KEY_ID", "AKIABENCH").env("AWS_SECRET_ACCESS_KEY", "bench");
        command.args(self.words(words)).args(["--store", "ledger.db"]);
        command
    }

    /// Seconds of the whole process.
    fn time(&self, words: &[String], codes: &[i32]) -> Done<f64> {
        Ok(process(&mut self.command(words), codes)?.0)
    }
}

const BLOTTER: &str = env!("CARGO_BIN_EXE_blotter");

/// A line of the table: its name, the words of the command, those of one that goes before it untimed, what it may cost.
struct Case {
    name: &'static str,
    words: Vec<String>,
    before: Option<Vec<String>>,
    must: Option<f64>,
    rounds: u32,
}

fn case(name: &'static str, words: &[&str], must: Option<f64>) -> Case {
    Case { name, words: words.iter().map(|w| (*w).to_owned()).collect(), before: None, must, rounds: 15 }
}

/// Lines of the table: each command as a ratio of the large ledger to the small one, and the memory it takes beyond.
pub(crate) fn aging(table: &mut Table, dir: &Path) -> Done<()> {
    let now = Clock::system();
    let mut world = World::seed(simulator::Clock::reading(move || now.now()));
    scenario::break_it("INC-001", &mut world)?;
    let stack = Simulator::start(world)?;
    let places = [Place::make(dir, stack.url(), SIZES[0])?, Place::make(dir, stack.url(), SIZES[1])?];
    let render = vec!["render".to_owned()];
    let first = places[1].time(&render, &[0])?;
    places[0].time(&render, &[0])?;
    for case in cases(&stack.api_url()) {
        measure(table, &places, &case)?;
    }
    table.count("first `render` of 10,000 incidents", "s", first);
    documents(table, &places)
}

fn cases(api: &str) -> Vec<Case> {
    let answers = format!("api={api}");
    let open = case("open INC-001", &["open", "INC-001", "--another", "--json", "--var", &answers], Some(1.5));
    let mut changed = case("render after one change", &["render"], None);
    changed.before = Some(["note", "-i", "NEWEST-5", "one more thing"].map(str::to_owned).to_vec());
    vec![
        case("list", &["list"], Some(1.5)),
        case("show", &["show", "NEWEST-0"], Some(1.5)),
        case("search (rare word)", &["search", "incident4"], Some(1.5)),
        case("search (common words)", &["search", "queue draining"], Some(1.5)),
        case("note", &["note", "-i", "NEWEST-0", "seen"], Some(1.5)),
        open,
        case("stats", &["stats"], None),
        changed,
        case("render of what is current", &["render"], None),
    ]
}

fn measure(table: &mut Table, places: &[Place<'_>; 2], case: &Case) -> Done<()> {
    let (mut small, mut large, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
    let (mut beyond, mut most) = (Sample::default(), Sample::default());
    for round in 0..=case.rounds {
        let mut times = [0.0; 2];
        for (place, time) in places.iter().zip(&mut times) {
            if let Some(before) = &case.before {
                place.time(before, &[0])?;
            }
            *time = place.time(&case.words, &[0])?;
        }
        // The first one warms the caches.
        if round > 0 {
            small.add(times[0] * 1000.0);
            large.add(times[1] * 1000.0);
            ratio.add(times[1] / times[0]);
        }
    }
    for _ in 0..3 {
        let mut peaks = [None; 2];
        for (place, mib) in places.iter().zip(&mut peaks) {
            if let Some(before) = &case.before {
                place.time(before, &[0])?;
            }
            *mib = peak(&place.command(&case.words), &[0])?;
        }
        if let [Some(a), Some(b)] = peaks {
            beyond.add(b - a);
            most.add(b);
        }
    }
    let name = case.name;
    table.sample(&format!("`{name}`, 10 incidents"), "ms", &small, None);
    table.sample(&format!("`{name}`, 10,000 incidents"), "ms", &large, None);
    table.sample(&format!("`{name}`, 10,000 incidents"), "x small", &ratio, case.must.map(|m| ("<=", m)));
    table.sample(&format!("`{name}`, its peak memory"), "MiB", &most, None);
    table.sample(&format!("`{name}`, peak memory beyond the small one's"), "MiB", &beyond, case.must.map(|_| ("<=", 10.0)));
    Ok(())
}

/// Checking every published line, for each incident.
fn documents(table: &mut Table, places: &[Place<'_>; 2]) -> Done<()> {
    let words = ["verify", "--documents"].map(str::to_owned);
    for place in places {
        // The made-up approvals are unsigned, of which it tells.
        let told = [13];
        let (alone, both) = (place.time(&words[..1], &told)?, place.time(&words, &told)?);
        let each = (both - alone) * 1000.0 / place.incidents as f64;
        table.count(&format!("`verify`, {} incidents", place.incidents), "s", alone);
        table.count(&format!("what `--documents` adds for each of {} incidents", place.incidents), "ms", each);
    }
    Ok(())
}
