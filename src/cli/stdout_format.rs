//! `-o`: what stdout gets.

use std::ffi::OsStr;

use clap::{
    Arg, Command, ValueEnum,
    builder::{EnumValueParser, PossibleValue, StringValueParser, TypedValueParser},
    error::{ContextKind, ContextValue},
};
use k8s_jsonpath::Template;

use super::OutputFormat;

/// How a template is announced, as for kubectl.
const JSONPATH: &str = "jsonpath=";

/// The document in a format, or what a template makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum StdoutFormat {
    Document(OutputFormat),
    /// `jsonpath={.error.reason}`, and the template as it was typed.
    JsonPath(String, Template),
}

impl StdoutFormat {
    /// As it is typed; nothing where it is no format.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text.strip_prefix(JSONPATH) {
            Some(template) => Self::of_template(template).ok(),
            None => OutputFormat::from_str(text, false).ok().map(Self::Document),
        }
    }

    /// All of them, with what they are.
    pub fn all() -> impl Iterator<Item = PossibleValue> {
        let template = PossibleValue::new(JSONPATH).help(
            "Parts of the document, by a template as kubectl has it: jsonpath='{.error.reason}'",
        );
        let formats = OutputFormat::value_variants().iter();
        let names = formats.filter_map(ValueEnum::to_possible_value);
        names.chain([template])
    }

    fn of_template(template: &str) -> Result<Self, String> {
        let parsed = template.parse()?;
        Ok(Self::JsonPath(template.to_owned(), parsed))
    }

    /// As it is typed.
    #[must_use]
    pub fn typed(&self) -> String {
        match self {
            Self::Document(format) => format
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default(),
            Self::JsonPath(template, _) => format!("{JSONPATH}{template}"),
        }
    }
}

/// Reads [`StdoutFormat`].
#[derive(Clone)]
pub struct StdoutFormatParser;

impl TypedValueParser for StdoutFormatParser {
    type Value = StdoutFormat;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<StdoutFormat, clap::Error> {
        if value.as_encoded_bytes().starts_with(JSONPATH.as_bytes()) {
            return StringValueParser::new()
                .try_map(|typed| StdoutFormat::of_template(&typed[JSONPATH.len()..]))
                .parse_ref(command, argument, value);
        }
        EnumValueParser::<OutputFormat>::new()
            .parse_ref(command, argument, value)
            .map(StdoutFormat::Document)
            .map_err(also_known)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(StdoutFormat::all()))
    }
}

/// What is named beside what was typed wrong.
fn also_known(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidValue) {
        let names = known.iter().cloned().chain([JSONPATH.to_owned()]).collect();
        error.insert(ContextKind::ValidValue, ContextValue::Strings(names));
    }
    error
}
