#!/bin/sh
# Compiles the members of this workspace, and nothing else, so that libFuzzer sees which branches are taken:
# `RUSTC_WORKSPACE_WRAPPER=fuzz/instrument.sh cargo build -p blotter-fuzz`. What they depend on is shared with every other build.
exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
