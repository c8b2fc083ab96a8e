//! Quantities: `128Mi`, `1500m`, `2e3` (k8s.io/apimachinery `pkg/api/resource`).

use std::cmp::Ordering;

/// An amount, exact in billionths as far as it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// In nanos: the smallest unit that Kubernetes knows.
    nanos: i128,
}

const NANOS: i128 = 1_000_000_000;

impl Quantity {
    /// Reads a quantity; none where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (base, exponent) = scale(suffix)?;
        let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let shift = exponent - i32::try_from(fraction.len()).ok()? + 9;
        let mut nanos = digits.checked_mul(base)?;
        if shift >= 0 {
            let factor = 10_i128.checked_pow(u32::try_from(shift).ok()?)?;
            nanos = nanos.checked_mul(factor)?;
        } else {
            let factor = 10_i128.checked_pow(u32::try_from(-shift).ok()?)?;
            // What is smaller than a billionth is rounded up.
            nanos = (nanos + factor - 1) / factor;
        }
        Some(Self {
            nanos: if negative { -nanos } else { nanos },
        })
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// The amount as an integer, where it is one and fits.
    #[must_use]
    pub fn as_integer(self) -> Option<i64> {
        (self.nanos % NANOS == 0)
            .then(|| i64::try_from(self.nanos / NANOS).ok())
            .flatten()
    }

    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "an approximation is what is asked for"
    )]
    pub fn approximately(self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn sign(self) -> i64 {
        match self.nanos.cmp(&0) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let nanos = self.nanos.checked_add(other.nanos)?;
        Some(Self { nanos })
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        let nanos = self.nanos.checked_sub(other.nanos)?;
        Some(Self { nanos })
    }

    #[must_use]
    pub fn of_integer(number: i64) -> Self {
        Self {
            nanos: i128::from(number) * NANOS,
        }
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?;
            (1, exponent.parse().ok().filter(|e: &i32| e.abs() <= 24)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_compared() {
        for (a, b, order) in [
            ("1", "1000m", Ordering::Equal),
            ("1Ki", "1024", Ordering::Equal),
            ("1.5Gi", "1610612736", Ordering::Equal),
            ("1e3", "1k", Ordering::Equal),
            (".5", "500m", Ordering::Equal),
            ("100m", "0.2", Ordering::Less),
            ("-1", "0", Ordering::Less),
            ("1E", "1Ei", Ordering::Less),
        ] {
            let read = |text| Quantity::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read(a).cmp(&read(b)), order, "{a} {b}");
        }
        for bad in ["", "m", "1 Gi", "1.2.3", "1Kb", "one", "1e", "--1", "1ee3"] {
            assert_eq!(Quantity::parse(bad), None, "{bad:?}");
        }
    }
}
