//! How the choices of `ui` are spelled on the command line. The module itself does not know it.

use clap::{ValueEnum, builder::PossibleValue};

use crate::ui::{CiChoice, ColorChoice, LogFormat, ProgressChoice};

impl ValueEnum for ColorChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Text => ("text", "A line for people"),
            Self::Json => ("json", "A JSON object a line"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for CiChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Github, Self::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "GitHub, where GITHUB_ACTIONS is true"),
            Self::Github => ("github", "GitHub Actions: groups and annotations"),
            Self::None => ("none", "Nobody"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for ProgressChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Plain, Self::Json, Self::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Auto => ("auto", "Live on a terminal, plain lines elsewhere"),
            Self::Plain => ("plain", "A line with the time for each change"),
            Self::Json => (
                "json",
                "A JSON event a line, also for warnings and errors; nothing is asked",
            ),
            Self::None => ("none", "Nothing"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}
