//! The `blotter` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    blotter::cli::main()
}
