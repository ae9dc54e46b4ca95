//! The first three steps of INC-001 as a person would paste them, one after the other, with `curl` and the AWS CLI, against one
//! `blotter open`: same servers, same run.

use std::path::Path;
use std::process::Command;

use blotter::app::Clock;
use blotter::simulator::{self, Simulator, World, scenario};

use super::{Done, Sample, Table, process};

/// Is it down, what do the logs say, what does the alias point at.
const STEPS: &str = r#"
curl -s -o /dev/null -w '%{http_code}\n' "$API/beak/system/status"
"$AWS" logs filter-log-events --log-group-name /aws/lambda/mission-control-api --start-time "$(date -d '15 minutes ago' +%s000)" \
    --filter-pattern ERROR --region us-east-1 --query 'events[*].message' --output text | tail -20
"$AWS" lambda get-alias --function-name mission-control-api --name prod --region us-east-1
"#;

/// A line of the table.
pub(crate) fn pasting(table: &mut Table, dir: &Path) -> Done<()> {
    let aws = match super::python(&["awscli==1.46.3"]) {
        Ok(python) => Path::new(&python).with_file_name("aws"),
        Err(why) => {
            println!("no AWS CLI here, so nothing is pasted: {why}");
            return Ok(());
        }
    };
    let now = Clock::system();
    let mut world = World::seed(simulator::Clock::reading(move || now.now()));
    scenario::break_it("INC-001", &mut world)?;
    let stack = Simulator::start(world)?;
    let dress = |command: &mut Command| {
        command.env_clear().env("HOME", dir).env("PATH", "/usr/bin:/bin").env("AWS_ENDPOINT_URL", stack.url()).current_dir(dir);
        command.env("AWS_ACCESS_KEY_ID", "AKIABENCH").env("AWS_SECRET_ACCESS_KEY", "bench");
    };
    let (mut theirs, mut ours, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
    for round in 0..6 {
        let mut script = Command::new("/bin/sh");
        dress(script.args(["-ec", STEPS]));
        let (pasted, printed) = process(script.env("AWS", &aws).env("API", stack.api_url()), &[0])?;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        if !printed.contains("FunctionVersion") || !printed.contains("ERROR") {
            return Err(format!("the steps saw nothing: {printed}").into());
        }
        let mut open = Command::new(env!("CARGO_BIN_EXE_blotter"));
        dress(&mut open);
        open.args(["open", "INC-001", "--json", "--another", "--as", "T-OPS", "--var"]).arg(format!("api={}", stack.api_url()));
        let (own, _) = process(open.args(["--store", "pasted/ledger.db"]), &[0])?;
        // The first one fills the caches of the interpreter and makes the ledger.
        if round > 0 {
            theirs.add(pasted * 1000.0);
            ours.add(own * 1000.0);
            ratio.add(pasted / own);
        }
    }
    table.sample("INC-001 steps 1 to 3 pasted, `curl` and AWS CLI", "ms", &theirs, None);
    table.sample("`open INC-001` with all its probes, recorded", "ms", &ours, None);
    table.sample("`open INC-001` against the pasted steps", "x faster", &ratio, Some((">=", 20.0)));
    Ok(())
}
