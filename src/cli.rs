//! The command line: parsing, the terminal, errors and exit codes. Only this room prints.
