//! Whether a stream gets colour.

use super::environment::Environment;

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// `--color` > `NO_COLOR` > `CLICOLOR_FORCE` > `CLICOLOR=0` > `TERM=dumb` > is that stream a terminal.
///
/// Source: <https://no-color.org> and <https://bixense.com/clicolors>; a variable that is set to nothing is not set.
pub fn decide(choice: ColorChoice, environment: &Environment, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            if environment.value("NO_COLOR").is_some() {
                false
            } else if environment
                .value("CLICOLOR_FORCE")
                .is_some_and(|value| value != "0")
            {
                true
            } else if environment.value("CLICOLOR") == Some("0") || environment.is_dumb() {
                false
            } else {
                terminal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_yields_to_the_one_before() {
        use ColorChoice::{Always, Auto, Never};
        const ALL: [(&str, &str); 4] = [
            ("NO_COLOR", "1"),
            ("CLICOLOR_FORCE", "1"),
            ("CLICOLOR", "0"),
            ("TERM", "dumb"),
        ];
        let none = Environment::default();
        for (choice, environment, terminal, expected) in [
            (Always, Environment::from(ALL), false, true),
            (
                Never,
                Environment::from([("CLICOLOR_FORCE", "1")]),
                true,
                false,
            ),
            (Auto, Environment::from(ALL), true, false),
            (
                Auto,
                Environment::from([("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")]),
                false,
                true,
            ),
            (
                Auto,
                Environment::from([("CLICOLOR_FORCE", "0")]),
                false,
                false,
            ),
            (Auto, Environment::from([("NO_COLOR", "")]), true, true),
            (Auto, Environment::from([("CLICOLOR", "0")]), true, false),
            (Auto, Environment::from([("CLICOLOR", "1")]), false, false),
            (Auto, Environment::from([("TERM", "dumb")]), true, false),
            (Auto, none.clone(), true, true),
            (Auto, none, false, false),
        ] {
            assert_eq!(
                decide(choice, &environment, terminal),
                expected,
                "{choice:?} {environment:?} terminal: {terminal}"
            );
        }
    }
}
