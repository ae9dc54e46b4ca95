#!/bin/sh
# A client that nobody here wrote asks our simulator: `sh tests/awscli/run.sh target/debug/examples/simulator`.
# Needs `aws` (version 1) on the path. What it shows: the simulator speaks AWS, not merely what our own client expects.
set -eu
simulator=$1

work=$(mktemp -d)
mkfifo "$work/in"
"$simulator" INC-004 <"$work/in" >"$work/said" &
pid=$!
exec 3>"$work/in" # the simulator ends when this does
trap 'exec 3>&-; wait "$pid" || true; rm -r "$work"' EXIT
tries=0
until grep -q '^ready' "$work/said"; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || { echo "the simulator does not start"; exit 1; }
    sleep 0.1
done
said() { sed -n "s/^$1 //p" "$work/said"; }

account=$(said account)
region=$(said region)
endpoint=$(said endpoint)
function=mission-control-api
machine=arn:aws:states:$region:$account:stateMachine:peck-approval-workflow
log_group=/aws/lambda/$function

# Nothing of this machine: no configuration, no profile, no pager, no proxy.
ask() {
    env -i PATH="$PATH" HOME="$work" LC_ALL=C.UTF-8 AWS_PAGER= AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true \
        AWS_ACCESS_KEY_ID=AKIATEST AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION="$region" AWS_ENDPOINT_URL="$endpoint" \
        aws "$@"
}

good=0
bad=0
# check WHAT WANTED GOT: WANTED is a shell pattern.
check() {
    # shellcheck disable=SC2254
    case $3 in
    $2) good=$((good + 1)) && printf 'ok    %s\n' "$1" ;;
    *) bad=$((bad + 1)) && printf 'FAIL  %s\n      wanted: %s\n      got:    %s\n' "$1" "$2" "$3" ;;
    esac
}
# answers WHAT WANTED COMMAND…: what the command prints, white space as single blanks.
answers() {
    what=$1 wanted=$2
    shift 2
    got=$(ask "$@" 2>&1) || got="exit $?: $got"
    check "$what" "$wanted" "$(printf '%s' "$got" | tr -s '[:space:]' ' ')"
}
# refused WHAT WANTED COMMAND…: the command fails and says so.
refused() {
    what=$1 wanted=$2
    shift 2
    if got=$(ask "$@" 2>&1); then got="no error: $got"; fi
    check "$what" "$wanted" "$(printf '%s' "$got" | tr -s '[:space:]' ' ')"
}

answers "sts: who calls" "$account arn:aws:iam::$account:user/oncall" \
    sts get-caller-identity --query '[Account, Arn]' --output text

answers "lambda: the alias" "41 prod" \
    lambda get-alias --function-name "$function" --name prod --query '[FunctionVersion, Name]' --output text
answers "lambda: all versions" '$LATEST 40 41 42' \
    lambda list-versions-by-function --function-name "$function" --query 'Versions[].Version' --output text
answers "lambda: versions page by page" '$LATEST 40 41 42' \
    lambda list-versions-by-function --function-name "$function" --page-size 1 --query 'Versions[].Version' --output text
answers "lambda: aliases" "prod" \
    lambda list-aliases --function-name "$function" --query 'Aliases[].Name' --output text
refused "lambda: no such function" "*ResourceNotFoundException*" \
    lambda get-alias --function-name nobody --name prod
refused "lambda: an alias that moved meanwhile is left alone" "*PreconditionFailedException*" \
    lambda update-alias --function-name "$function" --name prod --function-version 40 --revision-id 00000000-0000-0000-0000-000000000000
refused "lambda: a version that is not there" "*ResourceNotFoundException*" \
    lambda update-alias --function-name "$function" --name prod --function-version 99
answers "lambda: neither changed anything" "41" \
    lambda get-alias --function-name "$function" --name prod --query FunctionVersion --output text
revision=$(ask lambda get-alias --function-name "$function" --name prod --query RevisionId --output text)
answers "lambda: the right revision moves the alias" "40" \
    lambda update-alias --function-name "$function" --name prod --function-version 40 --revision-id "$revision" --query FunctionVersion --output text
refused "lambda: and is used up" "*PreconditionFailedException*" \
    lambda update-alias --function-name "$function" --name prod --function-version 41 --revision-id "$revision"

# The simulator gives out pages, the first of them empty: awscli has to follow the tokens.
events=$(ask logs filter-log-events --log-group-name "$log_group" --filter-pattern '"duck.registered"' --output json | grep -c '"eventId"')
check "logs: a pattern, over all pages" "7[0-9]" "$events"
answers "logs: a first page may be empty and have a token" "0 True" \
    logs filter-log-events --log-group-name "$log_group" --no-paginate --query '[length(events), nextToken != null]' --output text
limited=$(ask logs filter-log-events --log-group-name "$log_group" --max-items 3 --output json | grep -c '"eventId"')
check "logs: so many and no more" "3" "$limited"
refused "logs: no such group" "*ResourceNotFoundException*" \
    logs filter-log-events --log-group-name /nowhere

answers "states: what hangs" "peck-stuck-4 peck-stuck-3 peck-stuck-2 peck-stuck-1" \
    stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING --query 'sort(executions[].name)' --output text
answers "states: page by page" "peck-stuck-4 peck-stuck-3 peck-stuck-2 peck-stuck-1" \
    stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING --page-size 1 --query 'sort(executions[].name)' --output text
stuck=$(ask stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING --query "executions[?name=='peck-stuck-1'].executionArn" --output text)
answers "states: one of them" "RUNNING peck-stuck-1" \
    stepfunctions describe-execution --execution-arn "$stuck" --query '[status, name]' --output text
answers "states: stop it" "1[0-9]*.[0-9]*" \
    stepfunctions stop-execution --execution-arn "$stuck" --error Operator --cause "stopped by hand" --query stopDate --output text
answers "states: it says why it stopped" "ABORTED Operator stopped by hand" \
    stepfunctions describe-execution --execution-arn "$stuck" --query '[status, error, cause]' --output text
refused "states: no such machine" "*StateMachineDoesNotExist*" \
    stepfunctions list-executions --state-machine-arn "$machine-gone"

answers "ses: the account" "False HEALTHY 200.0" \
    sesv2 get-account --query '[ProductionAccessEnabled, EnforcementStatus, SendQuota.Max24HourSend]' --output text
answers "ses: ask for production" "" \
    sesv2 put-account-details --mail-type TRANSACTIONAL --website-url https://example.org --use-case-description "certificates" --production-access-enabled
answers "ses: the request is under review" "https://example.org PENDING" \
    sesv2 get-account --query '[Details.WebsiteURL, Details.ReviewDetails.Status]' --output text

now=$(date -u +%Y-%m-%dT%H:%M:00Z)
hour_ago=$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:00Z)
answers "cloudwatch: a sum" "240.0" \
    cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name Invocations --dimensions "Name=FunctionName,Value=$function" \
    --start-time "$hour_ago" --end-time "$now" --period 3600 --statistics Sum --query 'sum(Datapoints[].Sum)' --output text
answers "cloudwatch: a metric that nobody reports has no datapoints" "0" \
    cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name Nothing \
    --start-time "$hour_ago" --end-time "$now" --period 60 --statistics Sum --query 'length(Datapoints)' --output text
answers "cloudwatch: the metrics" "2" \
    cloudwatch list-metrics --namespace AWS/Lambda --metric-name Errors --query 'length(Metrics)' --output text
refused "cloudwatch: a period that is none" "*InvalidParameterValue*" \
    cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name Errors \
    --start-time "$hour_ago" --end-time "$now" --period 7 --statistics Sum

printf '\nawscli: %s passed, %s failed\n' "$good" "$bad"
[ "$bad" -eq 0 ]
