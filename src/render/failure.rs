//! A failure as people read it: `error:`, `caused by:`, `hint:`.

use super::{
    clean::{clean, clean_lines},
    page::Page,
    style::Tone,
};
use crate::failure::Failure;

/// Writes the three kinds of lines. Hints are commands to paste: they are never wrapped.
pub fn write(page: &mut Page, failure: &Failure) {
    labelled(page, &Tone::Bad.of("error:"), &failure.message);
    for cause in &failure.causes {
        labelled(page, "caused by:", cause);
    }
    for hint in &failure.hints {
        labelled(page, &Tone::Good.of("hint:"), hint);
    }
}

/// A warning is one line of the same shape.
pub fn warning(page: &mut Page, text: &str) {
    labelled(page, &Tone::Warning.of("warning:"), &clean(text));
}

/// Further lines of a text stand under its first one.
fn labelled(page: &mut Page, label: &str, text: &str) {
    let indent = console::measure_text_width(label) + 1;
    let text = clean_lines(text);
    let mut lines = text.lines();
    page.line(format!("{label} {}", lines.next().unwrap_or_default()));
    for line in lines {
        page.line(format!("{:indent$}{line}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::Kind,
        render::{Style, paint},
    };

    #[test]
    fn an_error_has_three_kinds_of_lines() {
        let failure = Failure::new(
            Kind::Denied,
            "Forbidden",
            "could not read VMRuntime vmruntime",
        )
        .caused_by("vmruntimes \"vmruntime\" is forbidden:\n\x1b[2JUser \"eve\"")
        .hint("bmctl auth check");
        let mut page = Page::new(Style {
            width: Some(40),
            unicode: true,
        });
        write(&mut page, &failure);
        warning(&mut page, "odd\nvalue");
        assert_eq!(
            paint(&page.finish(), false),
            "error: could not read VMRuntime vmruntime\n\
             caused by: vmruntimes \"vmruntime\" is forbidden:\n           User \"eve\"\n\
             hint: bmctl auth check\n\
             warning: odd value\n"
        );
    }
}
