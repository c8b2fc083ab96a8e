//! Generated files are what the program would generate today.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use bmctl::{
    api::crd,
    commands::Cli,
    commands::{completion, help::Topic},
    explain::{self, Group},
    render::schema,
};
use clap::{CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::{bench::Bench, golden};

pub fn trials() -> Vec<Trial> {
    tests![
        "docs":
        definitions_are_current,
        completions_are_current,
        schemas_are_current,
        the_command_line_is_current,
        the_runbook_is_current,
        commands_of_the_runbook_are_true,
        every_dependency_is_explained,
    ]
}

/// Each crate that a package names has a line of its own in the page, and each line is about one of them.
fn every_dependency_is_explained() -> Result<(), Failed> {
    let manifests = [
        include_str!("../../Cargo.toml"),
        include_str!("../../src/apiserver/Cargo.toml"),
        include_str!("../../src/jsonpath/Cargo.toml"),
    ];
    let mut named = BTreeSet::new();
    for section in manifests.iter().flat_map(|text| text.split("\n[")) {
        let (title, lines) = section.split_once("]\n").unwrap_or_default();
        if title != "dependencies" && !title.ends_with(".dependencies")
            || title.starts_with("workspace")
        {
            continue;
        }
        for line in lines
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let (name, value) = line.split_once([' ', '.']).unwrap_or((line, ""));
            // One that has another name here than everywhere.
            let renamed = value
                .split_once("package = \"")
                .and_then(|(_, rest)| rest.split_once('"'));
            named.insert(renamed.map_or(name, |(name, _)| name).to_owned());
        }
    }
    let page = include_str!("../../docs/dependencies.md");
    let table = page.split("\n## ").next().unwrap_or_default();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: BTreeSet<String> = rows.map(str::to_owned).collect();
    if named.len() < 40 || named != explained {
        let differ: Vec<&String> = named.symmetric_difference(&explained).collect();
        return Err(format!(
            "{} are named; explained or named, and not both: {differ:?}",
            named.len()
        )
        .into());
    }
    Ok(())
}

fn the_runbook_is_current() -> Result<(), Failed> {
    let mut text =
        "# What it means, why it happens, what to do\n\nThe runbook: every node check, condition, error and exit code. \
        Generated from the program, which says the\nsame with `bmctl explain ID`. Words in capitals in a command are to be \
        replaced.\n"
            .to_owned();
    for group in Group::ALL {
        let _ = write!(text, "\n## {}\n", heading(group));
        for entry in explain::catalogue() {
            if entry.group == group {
                let _ = write!(
                    text,
                    "\n### {}\n\n{}\n\n- **Cause**: {}\n- **Fix**: {}\n",
                    entry.id, entry.meaning, entry.cause, entry.fix
                );
                if !entry.commands.is_empty() {
                    let _ = write!(text, "\n```sh\n{}\n```\n", entry.commands.join("\n"));
                }
            }
        }
    }
    golden::is_current("docs/explain.md", &text)
}

fn heading(group: Group) -> &'static str {
    match group {
        Group::Check => "Node checks",
        Group::Condition => "Conditions of VMRuntime",
        Group::ConditionReason => "Reasons of conditions",
        Group::Error => "Errors",
        Group::ExitCode => "Exit codes",
    }
}

/// Every command of our own that the runbook says to paste is one that the command line takes.
fn commands_of_the_runbook_are_true() -> Result<(), Failed> {
    for entry in explain::catalogue() {
        for command in &entry.commands {
            let own = command.split(" | ").find(|part| part.starts_with("bmctl "));
            let Some(own) = own else { continue };
            if let Err(error) = Cli::try_parse_from(own.split(' ')) {
                return Err(format!("{}: {command}\n{error}", entry.id).into());
            }
        }
    }
    Ok(())
}

fn completions_are_current() -> Result<(), Failed> {
    for shell in Shell::value_variants() {
        let file = match shell {
            Shell::Bash => "bmctl.bash",
            Shell::Elvish => "bmctl.elv",
            Shell::Fish => "bmctl.fish",
            Shell::PowerShell => "_bmctl.ps1",
            Shell::Zsh => "_bmctl",
            other => return Err(format!("{other} has no file").into()),
        };
        golden::is_current(&format!("completions/{file}"), &completion::script(*shell))?;
        let printed = Bench::new().bmctl(&format!("completion {shell}")).code(0)?;
        if printed.stdout != completion::script(*shell) {
            return Err(format!("bmctl completion {shell} prints something else").into());
        }
    }
    Ok(())
}

fn the_command_line_is_current() -> Result<(), Failed> {
    let mut text = "# The command line\n\nGenerated from the program: what scripts can rely on, then every command.\n"
        .to_owned();
    for topic in Topic::ALL {
        let _ = write!(
            text,
            "\n## bmctl help {}\n\n```text\n{}```\n",
            topic.name(),
            topic.text()
        );
    }
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut command, "bmctl", &mut text);
    golden::is_current("docs/cli.md", &text)
}

/// They describe every report that there is.
fn schemas_are_current() -> Result<(), Failed> {
    let result = schema::result();
    for (file, schema) in [("result", &result), ("event", &schema::events())] {
        let text = serde_json::to_string_pretty(schema)? + "\n";
        golden::is_current(&format!("docs/schema/{file}.schema.json"), &text)?;
    }
    let kinds = Regex::new("const KIND: &'static str = \"(\\w+)\"").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path)?;
        for (_, [kind]) in kinds.captures_iter(&source).map(|found| found.extract()) {
            if result["$defs"][kind].is_null() {
                return Err(format!("{kind} is not in render::schema::result").into());
            }
        }
    }
    Ok(())
}

/// The help of a command, and then of those below it.
fn describe(command: &mut clap::Command, path: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        text,
        "\n## {path}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    );
    for below in command.get_subcommands_mut() {
        if !below.is_hide_set() {
            let path = format!("{path} {}", below.get_name());
            describe(below, &path, text);
        }
    }
}

fn definitions_are_current() -> Result<(), Failed> {
    for (folder, definitions) in [
        ("docs/crds", crd::runtime_definitions()),
        ("docs/crds/sandbox", crd::machine_definitions()),
    ] {
        for definition in definitions {
            let file = format!(
                "{folder}/{}.yaml",
                definition.metadata.name.as_ref().unwrap()
            );
            golden::is_current(&file, &yaml(&definition))?;
        }
    }
    Ok(())
}

fn yaml(definition: &CustomResourceDefinition) -> String {
    let data = serde_json::to_value(definition).unwrap();
    let text = serde_saphyr::to_string(&data).unwrap();
    let back: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(data, back, "what is written is what is read");
    format!("# Generated from src/api. Do not edit.\n{text}")
}
