//! Quantities: `128Mi`, `1500m`, `2e3` (k8s.io/apimachinery `pkg/api/resource`).

use std::{cmp::Ordering, fmt};

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

/// The suffixes that a quantity is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// `k`, `M`, `G`, and `m`, `u`, `n`.
    Decimal,
    /// `Ki`, `Mi`, `Gi`.
    Binary,
    /// `e3`, `e6`.
    Exponent,
}

/// A quantity that can be written again, as Kubernetes writes it.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    pub quantity: Quantity,
    family: Family,
}

impl Amount {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let quantity = Quantity::parse(text)?;
        let suffix = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let family = match suffix {
            "" | "E" => Family::Decimal,
            _ if suffix.ends_with('i') => Family::Binary,
            _ if suffix.starts_with(['e', 'E']) => Family::Exponent,
            _ => Family::Decimal,
        };
        Some(Self { quantity, family })
    }

    #[must_use]
    pub fn of_integer(number: i64) -> Self {
        Self {
            quantity: Quantity::of_integer(number),
            family: Family::Decimal,
        }
    }

    /// The sum, in the suffixes of the first that is not zero. One that does not fit stays what it was.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let quantity = self.quantity.plus(other.quantity);
        Self {
            quantity: quantity.unwrap_or(self.quantity),
            family: if self.quantity.is_zero() {
                other.family
            } else {
                self.family
            },
        }
    }

    /// The difference, or zero where it is less.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        let left = self.quantity.minus(other.quantity);
        let left = left.filter(|left| !left.is_negative());
        Self {
            quantity: left.unwrap_or(Quantity { nanos: 0 }),
            ..self
        }
    }
}

impl fmt::Display for Amount {
    /// The fewest digits that say it exactly, with the suffix that this takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let nanos = self.quantity.nanos;
        let reduce = |mut mantissa: i128, base: i128, most: usize| {
            let mut power = 0;
            while mantissa != 0 && mantissa % base == 0 && power < most {
                (mantissa, power) = (mantissa / base, power + 1);
            }
            (mantissa, power)
        };
        if self.family == Family::Binary && nanos.abs() >= 1024 * NANOS {
            let whole = (nanos + (NANOS - 1) * nanos.signum()) / NANOS;
            let (mantissa, power) = reduce(whole, 1024, BINARY.len() - 1);
            return write!(f, "{mantissa}{}", BINARY[power]);
        }
        let (mantissa, power) = reduce(nanos, 1000, DECIMAL.len() - 1);
        match self.family {
            _ if mantissa == 0 => f.write_str("0"),
            Family::Exponent if power > 3 => write!(f, "{mantissa}e{}", 3 * (power - 3)),
            Family::Exponent | Family::Binary | Family::Decimal => {
                write!(f, "{mantissa}{}", DECIMAL[power])
            }
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
        for (written, again) in [
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("0.5Gi", "512Mi"),
            ("1024Mi", "1Gi"),
            ("1000Ki", "1000Ki"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("2000", "2k"),
            ("1.25e6", "1250e3"),
            ("0Gi", "0"),
        ] {
            let amount = Amount::parse(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(amount.to_string(), again, "{written}");
        }
        for bad in ["", "m", "1 Gi", "1.2.3", "1Kb", "one", "1e", "--1", "1ee3"] {
            assert_eq!(Quantity::parse(bad), None, "{bad:?}");
        }
    }
}
