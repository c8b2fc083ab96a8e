//! The thin binary: arguments in, exit code out. Everything else is the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    bmctl::ui::fault::end_program(bmctl::commands::fault::tell);
    bmctl::run(std::env::args_os()).into()
}
