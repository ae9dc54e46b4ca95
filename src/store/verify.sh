#!/bin/sh
# Checks this export with nothing but sh, sed, awk and sha256sum. Run it as: sh verify.sh
#
#   1. every header is where it says it belongs, and names the hash of the header before it, and of its payload;
#   2. every piece of evidence has the digest that its event names (salt, then bytes);
#   3. all headers together have the root that `checkpoint` states for this ledger (a tree as in RFC 6962).
#
# Prints OK and what it counted, or names what is wrong first and ends with 1. Whoever could change this
# folder could change the checkpoint too: compare it with one kept elsewhere, e.g. in a rendered entry.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")"

fail() { printf 'BROKEN %s: %s\n' "$1" "$2"; exit 1; }
sum() { sha256sum | sed 's/ .*//'; }
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$2"; }
digest() {
    sed -n 's/^{"data":{\("n":[0-9]*,\)\{0,1\}\("observation":{\)\{0,1\}"blob":{"digest":"\([0-9a-f]*\)".*/\3/p' "$1"
}
unhex() {
    printf "$(printf '%s\n' "$1" | awk '{ d = "0123456789abcdef"; for (i = 1; i < length($0); i += 2)
        printf "\\%03o", 16 * index(d, substr($0, i, 1)) + index(d, substr($0, i + 1, 1)) - 17 }')"
}
base64() {
    printf '%s\n' "$1" | awk '{ d = "0123456789abcdef"
        a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (i = 1; i < 64; i += 3) {
            v = 0; for (j = 0; j < 3; j++) v = 16 * v + index(d, substr($0, i + j, 1)) - 1
            printf "%s%s", substr(a, int(v / 64) + 1, 1), substr(a, v % 64 + 1, 1) }
        printf "%s=", substr(a, 4 * index(d, substr($0, 64, 1)) - 3, 1) }'
}
node() { { printf '\001'; unhex "$1$2"; } | sum; }

# 1 and 2: the index has one line for each stream: its folder, how many events it has, its name.
events=0 streams=0 evidence=0 gone=0 erased='' missing=''
while read -r dir count name || [ -n "$dir" ]; do
    case $count in '' | *[!0-9]*) fail index 'is not readable' ;; esac
    streams=$((streams + 1))
    prev=0000000000000000000000000000000000000000000000000000000000000000
    n=0
    while [ "$n" -lt "$count" ]; do
        n=$((n + 1)) events=$((events + 1))
        e=$(printf 'streams/%s/%04d' "$dir" "$n")
        h=$e.header.json p=$e.payload.json
        [ -f "$h" ] || fail "$h" "missing, $name has $count events"
        case $(cat "$h") in
        *'"seq":'"$n"',"stream":"'"$name"'","type":"'*) ;;
        *) fail "$h" "is not event $n of $name" ;;
        esac
        [ "$(field prev "$h")" = "$prev" ] || fail "$h" 'does not follow the header before it'
        prev=$(sum <"$h")
        want=$(field payload "$h")
        if [ ! -f "$p" ]; then
            missing="$missing $want:$p"
            continue
        fi
        [ "$(sum <"$p")" = "$want" ] || fail "$p" 'is not the payload that its header names'
        case $(field type "$h") in
        payload.erased) erased="$erased $(field payload "$p") $(field blob "$p")" ;;
        evidence.* | observation.*)
            d=$(digest "$p")
            if [ -z "$d" ]; then
                continue
            elif [ ! -f "evidence/$d.bin" ]; then
                missing="$missing $d:evidence/$d.bin"
            elif [ "$(cat "evidence/$d.salt" "evidence/$d.bin" | sum)" != "$d" ]; then
                fail "evidence/$d.bin" 'does not have the bytes that its event names'
            else
                evidence=$((evidence + 1))
            fi
            ;;
        esac
    done
    [ ! -f "$(printf 'streams/%s/%04d.header.json' "$dir" $((n + 1)))" ] || fail "streams/$dir" "has more than $count events"
done <index
for m in $missing; do
    case " $erased " in
    *" ${m%%:*} "*) gone=$((gone + 1)) ;;
    *) fail "${m#*:}" 'MISSING, and no event says that it was erased' ;;
    esac
done

# 3: the checkpoint says how many events there are and what their root is; `order` has them in order.
size=$(sed -n 2p checkpoint)
[ "$size" = "$events" ] || fail checkpoint "is over $size events, here are $events"
k=0 stack=''
while read -r e || [ -n "$e" ]; do
    [ -f "streams/$e.header.json" ] || fail "streams/$e.header.json" 'missing'
    top=$({ printf '\000'; cat "streams/$e.header.json"; } | sum)
    i=$k
    while [ $((i % 2)) -eq 1 ]; do
        top=$(node "${stack##* }" "$top") stack=${stack% *} i=$((i / 2))
    done
    stack="$stack $top" k=$((k + 1))
done <order
root=${stack##* } stack=${stack% *}
while [ -n "$stack" ]; do
    root=$(node "${stack##* }" "$root") stack=${stack% *}
done
ledger=$(field ledger "streams/$(sed -n 1p order).payload.json")
[ "$(sum <checkpoint)" = "$(printf 'blotter/%s\n%s\n%s\n' "$ledger" "$events" "$(base64 "$root")" | sum)" ] ||
    fail checkpoint "is not that of ledger $ledger over these events, their root is $root"

echo "OK $events events in $streams streams, $evidence pieces of evidence, $gone erased, root $root"
