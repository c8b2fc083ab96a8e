//! What was measured, as a table in Markdown.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A table with one line for each thing that was measured.
pub struct Sheet {
    pub columns: Vec<&'static str>,
    pub lines: Vec<Vec<String>>,
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        let rules: Vec<&str> = (0..self.columns.len())
            .map(|at| if at == 0 { "---" } else { "---:" })
            .collect();
        writeln!(f, "| {} |", rules.join(" | "))?;
        for line in &self.lines {
            writeln!(f, "| {} |", line.join(" | "))?;
        }
        Ok(())
    }
}

/// A page that people read, with a mark before and after each table.
pub struct Page {
    path: PathBuf,
    /// What it begins with, where it is not there yet.
    beginning: &'static str,
}

impl Page {
    pub fn of_the_sandbox() -> Self {
        Self::new("docs/benchmarks.md", "")
    }

    pub fn of_a_control_plane() -> Self {
        Self::new(
            "docs/benchmarks-kube-apiserver.md",
            "# Benchmarks on a real API server\n\nAs in [benchmarks.md](benchmarks.md), but on etcd and kube-apiserver of the folder in \
             `KUBEBUILDER_ASSETS`.\n",
        )
    }

    fn new(path: &str, beginning: &'static str) -> Self {
        Self {
            path: Path::new(env!("CARGO_MANIFEST_DIR")).join(path),
            beginning,
        }
    }

    /// Puts a table between its marks, or at the end where there are none.
    pub fn keep(&self, name: &str, text: &str) {
        let page = fs::read_to_string(&self.path).unwrap_or_else(|_| self.beginning.to_owned());
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let (before, after) = match page.split_once(&begin) {
            Some((before, rest)) => {
                let (_, after) = rest.split_once(&end).unwrap();
                (before.to_owned(), after)
            }
            None => (format!("{page}\n## {name}\n\n"), "\n"),
        };
        fs::write(&self.path, format!("{before}{begin}{text}{end}{after}")).unwrap();
    }
}

/// With as many digits as mean something.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.0..0.001 => format!("{:.0} µs", seconds * 1e6),
        0.001..0.01 => format!("{:.1} ms", seconds * 1e3),
        0.01..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

pub fn memory(kib: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
    let mib = kib as f64 / 1024.0;
    format!("{mib:.1} MiB")
}

pub fn ratio(of: f64, to: f64) -> String {
    format!("{:.2}", of / to)
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// How the values grow with the sizes: the exponent of the power law that fits best (1 is linear).
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    #[allow(clippy::cast_precision_loss, reason = "a handful of points")]
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let slope: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let spread: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    slope / spread
}
