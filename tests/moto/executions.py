"""The part of the moto run about Step Functions: executions that failed for real, and running ones that are stopped once approved."""

import json
import time

import requests

REGION = "us-east-1"
ACCOUNT = "123456789012"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:parcels"
FILE = "INC-902-stuck-parcels.md"

RUNBOOK = """# INC-902: Stuck parcels

Parcels do not move on. Their executions fail, or wait for ever.

```toml runbook
severity = "P2"

[aws]
region = "us-east-1"
account = "123456789012"

[vars]
machine = "arn:aws:states:us-east-1:123456789012:stateMachine:parcels"
```

## Signals

```toml signal
id = "parcels-fail"
text = "parcels failed in the last day"
when = { probe = "failed", if = "length(recent) > 0" }
```

## Steps

### 1. Look for what failed

```toml probe
id = "failed"
kind = "aws.sfn.executions"
state-machine = "{{vars.machine}}"
status = ["FAILED", "TIMED_OUT", "ABORTED"]
limit = 10
details = 10
timeout = "20s"
expect = ["length(recent) == 0"]
show = "executions[].{name: name, status: status, cause: cause}"
[select]
recent = "executions[?age(startDate) < `86400`]"
```

### 2. Stop what hangs

```toml probe
id = "running"
kind = "aws.sfn.executions"
state-machine = "{{vars.machine}}"
status = "RUNNING"
limit = 100
timeout = "20s"
expect = ["length(executions) == 0"]
show = "executions[].name"
```

```toml probe
id = "gone"
kind = "aws.sfn.executions"
state-machine = "{{vars.machine}}-that-is-not-there"
status = "RUNNING"
timeout = "20s"
expect = ["length(executions) == 0"]
```

```toml action
id = "stop"
kind = "aws.sfn.stop-executions"
state-machine = "{{vars.machine}}"
executions = "{{probe.running.executions[].executionArn}}"
error = "Stuck"
cause = "cleared in incident {{incident.number}}"
requires = [{ probe = "running", if = "length(executions) > 0" }]
approve = { from = ["T-JOSH"], expires = "15m" }
```

```toml verify
after = "stop"
probes = ["running"]
within = "1m"
```
"""

PLAN = {
    "StartAt": "Which",
    "States": {
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fails", "BooleanEquals": True, "Next": "Lost"}],
            "Default": "Waiting",
        },
        "Lost": {"Type": "Fail", "Error": "Parcel.Lost", "Cause": "nobody has seen it"},
        "Waiting": {"Type": "Wait", "Seconds": 3600, "End": True},
    },
}


def plant(ask, endpoint):
    """Puts a state machine into moto with two executions that failed and three that wait; returns the client.

    `ask` makes a client of a service.
    """
    # Without its interpreter, moto lets every execution succeed; it is asked for before the machine exists.
    requests.post(f"{endpoint}/moto-api/config", json={"stepfunctions": {"execute_state_machine": True}}, timeout=10).raise_for_status()
    role = ask("iam").create_role(RoleName="parcels", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    sfn = ask("stepfunctions")
    sfn.create_state_machine(name="parcels", definition=json.dumps(PLAN), roleArn=role["Role"]["Arn"])
    start = lambda name, fails: sfn.start_execution(stateMachineArn=MACHINE, name=name, input=json.dumps({"fails": fails}))
    for name in ("lost-1", "lost-2"):
        start(name, True)
    for name in ("waits-1", "waits-2", "waits-3"):
        start(name, False)
    until = time.monotonic() + 20
    while names(sfn, "FAILED") != ["lost-1", "lost-2"]:
        if time.monotonic() > until:
            raise RuntimeError("moto's executions did not fail")
        time.sleep(0.05)
    return sfn


def names(sfn, status):
    """The names of the executions in that state."""
    listed = sfn.list_executions(stateMachineArn=MACHINE, statusFilter=status)["executions"]
    return sorted(e["name"] for e in listed)


def walk(blotter, sfn, check):
    """One incident: what failed is seen with its cause, what waits is stopped, and nothing else is touched."""
    check("before", (names(sfn, "FAILED"), names(sfn, "RUNNING")), (["lost-1", "lost-2"], ["waits-1", "waits-2", "waits-3"]))
    page = blotter.json("open INC-902")
    incident = page["incident"]["number"]
    seen = {e["probe"]: e for e in page["evidence"]}
    check("what the probes saw", {p: (e["outcome"], e["verdict"]) for p, e in seen.items()}, {
        "failed": ("answered", "unmet"),
        "running": ("answered", "unmet"),
        "gone": ("answered", "unknown"),
    })
    check("why the last one is unknown", "StateMachineDoesNotExist" in seen["gone"]["observed"], True)
    kept = json.loads(blotter.run(f"show {incident}.{seen['failed']['ref']}"))
    failed = [(e["name"], e["status"], e["error"], e["cause"]) for e in kept["executions"]]
    check("the failed ones and why", sorted(failed), [(n, "FAILED", "Parcel.Lost", "nobody has seen it") for n in ("lost-1", "lost-2")])
    check("newest first", [e["startDate"] for e in kept["executions"]], sorted((e["startDate"] for e in kept["executions"]), reverse=True))
    triage = blotter.json("triage", code=10)
    matched = {m["runbook"]: [s["signal"] for s in m["matched"]] for m in triage["matches"]}
    check("triage", matched.get("INC-902"), ["parcels-fail"])

    plan = blotter.json(f"propose stop -i {incident}")["actions"][0]
    for name in ("waits-1", "waits-2", "waits-3", ACCOUNT):
        check(f"the plan names {name}", name in plan["text"], True)
    check("nothing is stopped yet", names(sfn, "RUNNING"), ["waits-1", "waits-2", "waits-3"])
    blotter.run(f"approve {incident}.a1 --key {blotter.key}", actor="T-JOSH")
    done = blotter.json(f"execute {incident}.a1")
    check("the action", done["actions"][0]["status"], "succeeded")
    check("stopped, and only those", (names(sfn, "ABORTED"), names(sfn, "RUNNING")), (["waits-1", "waits-2", "waits-3"], []))
    check("the incident", done["incident"]["status"], "mitigated")
    again = blotter.json(f"collect --probe failed -i {incident}")
    last = [e for e in again["evidence"] if e["probe"] == "failed"][-1]
    aborted = json.loads(blotter.run(f"show {incident}.{last['ref']}"))["executions"]
    check("three queries, one answer", sorted((e["name"], e["status"]) for e in aborted), sorted(
        [(n, "FAILED") for n in ("lost-1", "lost-2")] + [(n, "ABORTED") for n in ("waits-1", "waits-2", "waits-3")]
    ))
    blotter.run(f"resolve|-i|{incident}|--summary|stopped three|--impact|three parcels were late")
