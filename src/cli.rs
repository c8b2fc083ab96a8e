//! The flags that several commands share, and how values are read. Nothing here acts or knows a command.
//!
//! `commands` uses it: each of its commands has arguments of its own, and `commands::tree` puts all of them together.

mod choice;
mod flag;
mod program;
pub mod quoted;
mod stdout_format;
mod value;

pub use flag::{
    ConnectionArgs, DryRunArgs, DryRunChoice, GlobalArgs, NodeArgs, OutputArgs, OutputFormat,
    ReportFormat, ReportTarget, WaitArgs,
};
pub use program::{OWN_NAME, Program};
pub use stdout_format::StdoutFormat;
pub use value::{
    go_bool, go_duration, identity, image_format, label_selector, listed_name, name, path,
    report_target,
};
