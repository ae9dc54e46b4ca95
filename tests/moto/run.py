"""Runs the real binary through one incident against moto, a stand-in for AWS that nobody here wrote.

    target/ci-venv/bin/python tests/moto/run.py target/debug/blotter

Starts moto and a status endpoint on loopback, plants a function with three versions behind an alias and a log group with
errors, and walks page to postmortem: open, collect, propose, approve, execute, verify, resolve, render. A second incident
stops executions of Step Functions. Exits 1 at the first thing that is not so.

What moto cannot show, and is therefore tried against our own simulator: it ignores RevisionId, takes patterns such as
`?A ?B` for match-all, drops the error and the cause of a stopped execution, and does not speak the CBOR of CloudWatch. The
runbooks here do without them.
"""

import http.server
import io
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

import boto3
import executions
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
ACCOUNT = "123456789012"
FUNCTION = "shop-api"
ALIAS = "live"
LOG_GROUP = f"/aws/lambda/{FUNCTION}"

RUNBOOK = """# INC-901: Dead shop

The shop does not answer. Most often a deploy moved the alias to a broken version.

```toml runbook
severity = "P1"

[aws]
region = "us-east-1"
account = "123456789012"

[vars]
api = "http://127.0.0.1:1"
function = "shop-api"
alias = "live"
```

## Signals

```toml signal
id = "shop-failing"
text = "GET /status does not return 200"
when = { probe = "status", verdict = "unmet" }
```

## Steps

### 1. Confirm the outage

```toml probe
id = "status"
kind = "http"
url = "{{vars.api}}/status"
timeout = "10s"
expect = ["status == 200"]
```

### 2. Read the function's errors

```toml probe
id = "errors"
kind = "aws.logs.filter"
log-group = "/aws/lambda/{{vars.function}}"
pattern = "ERROR"
since = "15m"
limit = 1000
timeout = "20s"
expect = ["length(events) == 0"]
show = "events[-5:].message"
```

### 3. See where the alias points

```toml probe
id = "alias"
kind = "aws.lambda.alias"
function = "{{vars.function}}"
alias = "{{vars.alias}}"
expect = ["drifted == false"]
```

```toml probe
id = "versions"
kind = "aws.lambda.versions"
function = "{{vars.function}}"
limit = 200
show = "Versions[-5:].Version"
```

### 4. Roll back

```toml action
id = "rollback"
kind = "aws.lambda.update-alias"
function = "{{vars.function}}"
alias = "{{vars.alias}}"
from-version = "{{probe.alias.FunctionVersion}}"
to-version = "{{deploy.last-known-good}}"
requires = [{ probe = "status", verdict = "unmet" }]
approve = { from = ["T-JOSH"], min = 1, expires = "15m" }
```

### 5. Verify recovery

```toml verify
after = "rollback"
probes = ["status"]
passes = 3
every = "1s"
within = "1m"
```

## Escalation

```toml escalate
id = "no-recovery"
after = "rollback"
unless = "recovered"
within = "5m"
to = "T-JOSH"
```
"""

SETTINGS = """store = "ledger/blotter.db"
runbooks = "runbooks"

[people.T-OPS]

[people.T-JOSH]
contact = "+1 555 0100"

[vars]
api = "{api}"
"""


class Failed(Exception):
    """Something is not as it has to be."""


checks = 0


def check(what, got, wanted):
    """Compares, counts, and says what was compared."""
    global checks
    if got != wanted:
        raise Failed(f"{what}: wanted {wanted!r}, got {got!r}")
    checks += 1
    print(f"ok    {what}: {wanted!r}", flush=True)


def clients(endpoint):
    """What makes a client of a service of moto."""
    return lambda service: boto3.client(
        service, region_name=REGION, endpoint_url=endpoint, aws_access_key_id="AKIATEST", aws_secret_access_key="test"
    )


def plant(ask):
    """Puts the stack into moto: three versions, an alias on the newest, and a log with errors of the last minutes."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = ask("iam").create_role(RoleName="shop", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    aws_lambda = ask("lambda")

    def code(n):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", f"def handler(event, context): return {n}\n")
        return packed.getvalue()

    aws_lambda.create_function(FunctionName=FUNCTION, Runtime="python3.12", Role=role, Handler="index.handler", Code={"ZipFile": code(0)})
    for n in (1, 2, 3):
        aws_lambda.update_function_code(FunctionName=FUNCTION, ZipFile=code(n))
        aws_lambda.publish_version(FunctionName=FUNCTION, Description=f"release {n}")
    aws_lambda.create_alias(FunctionName=FUNCTION, Name=ALIAS, FunctionVersion="3")

    logs = ask("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    now = int(time.time() * 1000)
    for stream, lines in (("a", 4), ("b", 3)):
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        events = [{"timestamp": now - (lines - n) * 60_000, "message": f"ERROR cannot find module 'cart' ({stream}{n})"} for n in range(lines)]
        events.append({"timestamp": now, "message": "INFO all is well"})
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)
    return aws_lambda


def live(aws_lambda):
    """The version that the alias points to."""
    return aws_lambda.get_alias(FunctionName=FUNCTION, Name=ALIAS)["FunctionVersion"]


def serve(aws_lambda):
    """Starts the shop's status route: it works as well as the version that is live."""

    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_well = live(aws_lambda) != "3"
            body = json.dumps({"well": is_well}).encode()
            self.send_response(200 if is_well else 502)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Blotter:
    """The binary, in a folder of its own and with nothing of this machine's environment."""

    def __init__(self, binary, folder, endpoint):
        self.binary, self.folder = binary, folder
        self.key = folder / "josh"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        public = (folder / "josh.pub").read_text()
        (folder / "allowed_signers").write_text(f'T-JOSH namespaces="approval@blotter" {public}')
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "TZ": "UTC",
            "NO_COLOR": "1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, line, code=0, actor="T-OPS"):
        """Runs a command line; it has to end with `code`."""
        words = [self.binary, *line.split("|")] if "|" in line else [self.binary, *line.split()]
        done = subprocess.run(
            [*words, "--as", actor], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, text=True
        )
        if done.returncode != code:
            raise Failed(f"blotter {' '.join(words[1:])}: exit {done.returncode}, wanted {code}\n{done.stdout}\n{done.stderr}")
        print(f"ok    blotter {' '.join(words[1:])}: exit {code}", flush=True)
        global checks
        checks += 1
        return done.stdout

    def json(self, line, code=0, actor="T-OPS"):
        """Runs a command line with `--json` and reads its answer."""
        return json.loads(self.run(f"{line}|--json" if "|" in line else f"{line} --json", code, actor))


def walk(blotter, aws_lambda):
    """One incident, from page to documents."""
    blotter.run(f"runbook check {blotter.folder}/runbooks/INC-901-dead-shop.md")
    blotter.run(f"deploy record --function {FUNCTION} --alias {ALIAS} --account {ACCOUNT} --region {REGION} --from 1 --version 2 --status good")

    page = blotter.json("open INC-901")
    seen = {e["probe"]: e for e in page["evidence"]}
    check("what the probes saw", {p: (e["outcome"], e["verdict"]) for p, e in seen.items()}, {
        "status": ("answered", "unmet"),
        "errors": ("answered", "unmet"),
        "alias": ("answered", "unmet"),
        "versions": ("answered", None),
    })
    events = json.loads(blotter.run("show e2"))
    messages = [e["message"] for e in events["events"]]
    check("errors in the log, and nothing else", (len(messages), all(m.startswith("ERROR") for m in messages)), (7, True))
    check("they are in the order of time", [e["timestamp"] for e in events["events"]], sorted(e["timestamp"] for e in events["events"]))
    triage = blotter.json("triage", code=10)
    check("triage finds the runbook", "INC-901" in [m["runbook"] for m in triage["matches"]], True)

    again = blotter.json("collect --probe alias")
    check("collecting again adds evidence", len(again["evidence"]), 5)

    planned = blotter.json("propose rollback")["actions"][0]
    check("the plan", (planned["kind"], planned["status"]), ("aws.lambda.update-alias", "proposed"))
    for word in (FUNCTION, ALIAS, "3", "2", ACCOUNT, REGION):
        check(f"the plan names {word}", word in planned["text"], True)
    blotter.run("execute a1", code=12)
    blotter.run("approve a1", code=12)
    check("nothing has moved yet", live(aws_lambda), "3")
    approved = blotter.json(f"approve a1 --key {blotter.key}", actor="T-JOSH")["actions"][0]
    check("approved by", [a["approver"] for a in approved["approvals"]], ["T-JOSH"])
    done = blotter.json("execute a1")
    check("the action", done["actions"][0]["status"], "succeeded")
    check("the alias", live(aws_lambda), "2")
    check("the incident", done["incident"]["status"], "mitigated")
    check("the recovery", "recovery.verified" in [e["type"] for e in done["timeline"]], True)
    blotter.run("execute a1", code=12)
    blotter.run("verify")

    blotter.run("resolve|--summary|rolled back to 2|--impact|the shop was down")
    blotter.run("render")
    log = (blotter.folder / "exports/GOVERNANCE-LOG.md").read_text()
    deploys = (blotter.folder / "exports/DEPLOY-LOG.md").read_text()
    for word in ("INC-901", "T-OPS", "T-JOSH", f"{FUNCTION}:{ALIAS}", "rolled back to 2", "the shop was down"):
        check(f"the governance log names {word}", word in log, True)
    check("the deploy log has the rollback", f"{FUNCTION}:{ALIAS}" in deploys, True)
    newest = blotter.json("deploy list")["deploys"][0]
    check("the deploy record", (newest["from"], newest["to"], newest["status"]), ("3", "2", "good"))
    blotter.run("render")
    check("rendering again changes nothing", (blotter.folder / "exports/GOVERNANCE-LOG.md").read_text() == log, True)
    check("the record", blotter.json("verify")["ok"], True)
    blotter.run("export bundle")
    shell = subprocess.run(["sh", "verify.sh"], cwd=blotter.folder / "bundle", capture_output=True, text=True)
    check(f"a stranger's check of the export ({(shell.stdout + shell.stderr).strip().splitlines()[-1]})", shell.returncode, 0)


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    ask = clients(endpoint)
    aws_lambda = plant(ask)
    sfn = executions.plant(ask, endpoint)
    status = serve(aws_lambda)
    try:
        with tempfile.TemporaryDirectory(prefix="blotter-moto-") as name:
            folder = pathlib.Path(name)
            (folder / "runbooks").mkdir()
            (folder / "runbooks/INC-901-dead-shop.md").write_text(RUNBOOK)
            (folder / "blotter.toml").write_text(SETTINGS.format(api=f"http://127.0.0.1:{status.server_port}"))
            (folder / "runbooks" / executions.FILE).write_text(executions.RUNBOOK)
            blotter = Blotter(binary, folder, endpoint)
            walk(blotter, aws_lambda)
            executions.walk(blotter, sfn, check)
    except Failed as failed:
        print(f"FAIL  {failed}")
        return 1
    finally:
        status.shutdown()
        moto.stop()
    print(f"\nmoto: {checks} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
