#!/bin/sh
# Checks this export with nothing but sh, sed, awk, sha256sum and ssh-keygen. Run it as: sh verify.sh
#
#   1. every header is where it says it belongs, and names the hash of the header before it, and of its payload;
#   2. every piece of evidence has the digest that its event names (salt, then bytes);
#   3. every approval was signed, as its event has it, by somebody in `allowed_signers`, who might then;
#   4. all headers together have the root that `checkpoint` states for this ledger (a tree as in RFC 6962), and
#      each file in `proofs` proves it of the head of one stream with the checkpoint alone;
#   5. the checkpoint is signed with the key that the ledger's own events name.
#
# Prints OK and what it counted, or names what is wrong first and ends with 1. Whoever had ledger and key could
# sign another checkpoint, and whoever made this folder chose `allowed_signers`: compare both with copies from
# elsewhere, e.g. the checkpoint with the one in a rendered entry.
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
# A text as it stands in JSON.
quoted() { awk '{ gsub(/\\/, "&&"); gsub(/"/, "\\\\&"); gsub(/\t/, "\\t"); printf "%s\\n", $0 }' "$1"; }
# An approval: its text and signature are those of the event, and the signature is somebody's who might sign.
approval() {
    a=approvals/$dir-$(printf %04d "$n")
    [ -f "$a.text" ] && [ -f "$a.sig" ] || fail "$a" 'the signed text or its signature is missing'
    for part in "$a.text" "$a.sig"; do
        PART=$(quoted "$part") awk '{ if (index($0, "\"" ENVIRON["PART"] "\"")) found = 1 } END { exit !found }' "$p" ||
            fail "$part" "is not what event $n of $name has"
    done
    [ -f allowed_signers ] || fail allowed_signers 'missing: nobody can say whose signature it is'
    at=$(field at "$h" | sed 's/[^0-9]//g; s/^\(.\{14\}\).*/\1/')
    who=$(TZ=UTC0 ssh-keygen -Y find-principals -Overify-time="$at" -f allowed_signers -s "$a.sig" 2>/dev/null | sed 1q)
    [ -n "$who" ] && TZ=UTC0 ssh-keygen -Y verify -Overify-time="$at" -n approval@blotter -f allowed_signers -I "$who" \
        -s "$a.sig" <"$a.text" >/dev/null 2>&1 || fail "$a.sig" "is not a signature of anybody who might sign then"
    approvals=$((approvals + 1))
}

# 1 and 2: the index has one line for each stream: its folder, how many events it has, its name.
key='' events=0 streams=0 evidence=0 approvals=0 gone=0 erased='' missing='' heads=''
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
        ledger.created | ledger.key_added)
            [ "$(field stream "$h")" != ledger ] || key=$(field key "$p") ;;
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
        case $(cat "$p") in *'"signature":{'*) approval ;; esac
    done
    heads="$heads $(printf '%s/%04d' "$dir" "$n")"
    [ ! -f "$(printf 'streams/%s/%04d.header.json' "$dir" $((n + 1)))" ] || fail "streams/$dir" "has more than $count events"
done <index
for m in $missing; do
    case " $erased " in
    *" ${m%%:*} "*) gone=$((gone + 1)) ;;
    *) fail "${m#*:}" 'MISSING, and no event says that it was erased' ;;
    esac
done

# 4: the checkpoint says how many events there are and what their root is; `order` has them in order.
size=$(sed -n 2p checkpoint)
[ "$size" = "$events" ] || fail checkpoint "is over $size events, here are $events"
k=0 stack='' leaves=''
while read -r e || [ -n "$e" ]; do
    [ -f "streams/$e.header.json" ] || fail "streams/$e.header.json" 'missing'
    top=$({ printf '\000'; cat "streams/$e.header.json"; } | sum)
    case " $heads " in *" $e "*) leaves="$leaves ${e%/*}:$k:$top" ;; esac
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

for l in $leaves; do
    file=proofs/${l%%:*} l=${l#*:}
    at=${l%:*} top=${l#*:} last=$((events - 1))
    [ -f "$file" ] || fail "$file" 'missing'
    {
        read -r line || line=
        [ "$line" = "$at $events" ] || fail "$file" "does not begin with $at $events"
        while read -r h || [ -n "$h" ]; do
            [ "$last" -gt 0 ] && [ ${#h} -eq 64 ] || fail "$file" 'is longer than a proof'
            if [ $((at % 2)) -eq 1 ] || [ "$at" -eq "$last" ]; then
                top=$(node "$h" "$top")
                while [ $((at % 2)) -eq 0 ] && [ "$at" -ne 0 ]; do at=$((at / 2)) last=$((last / 2)); done
            else
                top=$(node "$top" "$h")
            fi
            at=$((at / 2)) last=$((last / 2))
        done
    } <"$file"
    [ "$last" -eq 0 ] && [ "$top" = "$root" ] || fail "$file" 'does not prove that the head is in the log'
done

# 5: the file of signers has to be what the events say, and the signature written as signatures are.
signed=unsigned
if [ -n "$key" ]; then
    origin=$(sed -n 1p checkpoint)
    [ -f checkpoint.sig ] || fail checkpoint.sig "missing, though the ledger has the key $key"
    [ "$(sum <checkpoint.signers)" = "$(printf '%s namespaces="checkpoint@blotter" %s\n' "$origin" "$key" | sum)" ] ||
        fail checkpoint.signers 'does not name the key that the events name'
    [ "$(sum <checkpoint.sig)" = "$(sed -n '1{/^-----BEGIN SSH SIGNATURE-----$/p;d;}; /^[A-Za-z0-9+/=]*$/p; /^-----END SSH SIGNATURE-----$/{p;q;}' checkpoint.sig | sum)" ] ||
        fail checkpoint.sig 'is not written as a signature is'
    ssh-keygen -Y verify -n checkpoint@blotter -f checkpoint.signers -I "$origin" -s checkpoint.sig <checkpoint >/dev/null 2>&1 ||
        fail checkpoint.sig 'is not by the key that the events name, or not over this checkpoint'
    signed=signed
fi

echo "OK $events events in $streams streams, $evidence pieces of evidence, $approvals signed approvals, $gone erased, $signed root $root"
