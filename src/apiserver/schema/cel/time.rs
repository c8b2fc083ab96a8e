//! Durations and timestamps: values with operators of their own (cel-go `common/types/duration.go`, `timestamp.go`).
//!
//! The crate has them with a clock and a database of time zones that nobody else here needs. Zones are `UTC` and fixed
//! offsets.

#![allow(clippy::trivially_copy_pass_by_ref)] // the crate's macros hand every argument over by reference

use std::{any::Any, cmp::Ordering};

use cel::{
    Env, ExecutionError,
    common::{
        traits::{Adder, Comparer, Subtractor},
        types::{CelInt, CelString, DURATION_TYPE, TIMESTAMP_TYPE, Type},
        value::{CowVal, StaticVal, Val},
    },
};
use jiff::{
    SignedDuration, Timestamp, Zoned,
    tz::{Offset, TimeZone},
};

/// Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span(i64);

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Timestamp);

impl Span {
    /// As Go writes durations: `1h30m`, `-1.5s`, `300ms`.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1_i128, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        let mut total = 0_i128;
        loop {
            let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
            let (number, after) = rest.split_at(digits);
            let unit_ends = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_ends);
            total = total.checked_add(nanoseconds(number, unit)?)?;
            rest = after;
            if rest.is_empty() {
                return i64::try_from(sign * total).ok().map(Self);
            }
        }
    }

    /// As cel-go makes a text of it: seconds, with as many digits as it takes.
    fn text(self) -> String {
        const SECOND: u64 = 1_000_000_000;
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (
            self.0.unsigned_abs() / SECOND,
            self.0.unsigned_abs() % SECOND,
        );
        let digits = format!("{part:09}");
        match digits.trim_end_matches('0') {
            "" => format!("{sign}{whole}s"),
            digits => format!("{sign}{whole}.{digits}s"),
        }
    }
}

/// So many of a unit. Digits below a nanosecond are cut off.
fn nanoseconds(number: &str, unit: &str) -> Option<i128> {
    let unit: i128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<i128>().ok(),
    };
    let part: String = part.chars().take(18).collect();
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    digits(whole)?
        .checked_mul(unit)?
        .checked_add(digits(&part)?.checked_mul(unit)? / scale)
}

impl Moment {
    /// RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let is_full = text.contains(['T', 't']) && !text.contains('[');
        text.parse().ok().filter(|_| is_full).map(Self)
    }

    /// What formats `date` and `date-time` take.
    pub fn of_format(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse(&format!("{text}T00:00:00Z")))
    }

    fn plus(self, nanoseconds: i64) -> Option<Self> {
        let moved = self.0.checked_add(SignedDuration::from_nanos(nanoseconds));
        moved.ok().map(Self)
    }

    /// The same on the clock of a zone.
    fn on_clock(self, zone: &str) -> Result<Zoned, ExecutionError> {
        let unknown =
            || ExecutionError::function_error("timestamp", format!("unknown time zone {zone}"));
        if matches!(zone, "" | "UTC") {
            return Ok(self.0.to_zoned(TimeZone::UTC));
        }
        let (hours, minutes) = zone.split_once(':').ok_or_else(unknown)?;
        let number = |text: &str| text.parse::<i32>().map_err(|_| unknown());
        let (hours_number, minutes) = (number(hours)?, number(minutes)?);
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        let seconds = (hours_number * 60 + sign * minutes) * 60;
        let offset = Offset::from_seconds(seconds).map_err(|_| unknown())?;
        Ok(self.0.to_zoned(TimeZone::fixed(offset)))
    }
}

fn no_overload(operator: &str) -> ExecutionError {
    ExecutionError::no_such_overload(operator, Vec::new())
}

fn overflow(what: &str) -> ExecutionError {
    ExecutionError::function_error(what, format!("{what} overflow"))
}

/// What both have in common: they are added, subtracted and compared by value.
macro_rules! value_of_type {
    ($value:ty, $type:ident) => {
        impl Val for $value {
            fn get_type(&self) -> &Type {
                <Self as Val>::cel_type()
            }

            fn cel_type() -> &'static Type {
                &$type
            }

            fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
            where
                Self: 'v,
            {
                Some(self)
            }

            fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
            where
                Self: 'v,
            {
                Some(self)
            }

            fn as_comparer(&self) -> Option<&dyn Comparer> {
                Some(self)
            }

            fn equals(&self, other: &dyn Val) -> bool {
                other.downcast_ref::<Self>() == Some(self)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
            where
                Self: 'v,
            {
                Box::new(*self)
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $value {}
    };
}

value_of_type!(Span, DURATION_TYPE);
value_of_type!(Moment, TIMESTAMP_TYPE);

impl Adder for Span {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        if let Some(moment) = other.downcast_ref::<Moment>() {
            let sum = moment.plus(self.0).ok_or_else(|| overflow("timestamp"))?;
            return Ok(CowVal::owned(sum));
        }
        let other = other.downcast_ref::<Self>();
        let other = other.ok_or_else(|| no_overload("_+_"))?;
        let sum = self.0.checked_add(other.0);
        Ok(CowVal::owned(Self(sum.ok_or_else(|| overflow("integer"))?)))
    }
}

impl Subtractor for Span {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let other = other.downcast_ref::<Self>();
        let other = other.ok_or_else(|| no_overload("_-_"))?;
        let rest = self.0.checked_sub(other.0);
        Ok(CowVal::owned(Self(
            rest.ok_or_else(|| overflow("integer"))?,
        )))
    }
}

impl Comparer for Span {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let other = other.downcast_ref::<Self>();
        Ok(self.cmp(other.ok_or_else(|| no_overload("_<_"))?))
    }
}

impl Adder for Moment {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let span = other.downcast_ref::<Span>();
        let sum = self.plus(span.ok_or_else(|| no_overload("_+_"))?.0);
        Ok(CowVal::owned(sum.ok_or_else(|| overflow("timestamp"))?))
    }
}

impl Subtractor for Moment {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        if let Some(moment) = other.downcast_ref::<Self>() {
            let span = i64::try_from(self.0.duration_since(moment.0).as_nanos());
            return Ok(CowVal::owned(Span(span.map_err(|_| overflow("integer"))?)));
        }
        let span = other.downcast_ref::<Span>();
        let back = span.ok_or_else(|| no_overload("_-_"))?.0.checked_neg();
        let moment = back.and_then(|back| self.plus(back));
        Ok(CowVal::owned(moment.ok_or_else(|| overflow("timestamp"))?))
    }
}

impl Comparer for Moment {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let other = other.downcast_ref::<Self>();
        Ok(self.cmp(other.ok_or_else(|| no_overload("_<_"))?))
    }
}

fn span_of_text(text: &CelString<'_>) -> Result<Span, ExecutionError> {
    let text = text.inner();
    Span::parse(text).ok_or_else(|| {
        let why = format!("time: invalid duration {text:?}");
        ExecutionError::function_error("duration", why)
    })
}

fn span_of_span(span: &Span) -> Span {
    *span
}

fn span_as_text(span: &Span) -> CelString<'static> {
    CelString::from(span.text())
}

fn span_as_number(span: &Span) -> CelInt {
    CelInt::from(span.0)
}

fn moment_of_text(text: &CelString<'_>) -> Result<Moment, ExecutionError> {
    let text = text.inner();
    Moment::parse(text).ok_or_else(|| {
        let why = format!("parsing time {text:?}: not in RFC 3339");
        ExecutionError::function_error("timestamp", why)
    })
}

fn moment_of_number(seconds: &CelInt) -> Result<Moment, ExecutionError> {
    let moment = Timestamp::from_second(*seconds.inner());
    moment.map(Moment).map_err(|_| overflow("timestamp"))
}

fn moment_of_moment(moment: &Moment) -> Moment {
    *moment
}

fn moment_as_text(moment: &Moment) -> CelString<'static> {
    CelString::from(moment.0.to_string())
}

fn moment_as_number(moment: &Moment) -> CelInt {
    CelInt::from(moment.0.as_second())
}

/// The parts of a time on the clock: alone, and in a zone.
macro_rules! parts {
    ($($name:ident, $in_zone:ident, $called:literal, $id:literal, $id_in_zone:literal: $part:expr;)*) => {
        $(
            fn $name(moment: &Moment) -> Result<CelInt, ExecutionError> {
                let part: fn(&Zoned) -> i64 = $part;
                moment.on_clock("").map(|clock| CelInt::from(part(&clock)))
            }

            fn $in_zone(moment: &Moment, zone: &CelString<'_>) -> Result<CelInt, ExecutionError> {
                let part: fn(&Zoned) -> i64 = $part;
                moment.on_clock(zone.inner()).map(|clock| CelInt::from(part(&clock)))
            }
        )*

        fn declare_parts(env: &mut Env) -> Result<(), cel::DeclarationError> {
            $(
                cel::add_member_overload!(env, fn $name: (Moment) -> Result<CelInt>, name = $called, id = $id)?;
                cel::add_member_overload!(env, fn $in_zone: (Moment, CelString) -> Result<CelInt>,
                    name = $called, id = $id_in_zone)?;
            )*
            Ok(())
        }
    };
}

parts! {
    year, year_in, "getFullYear", "timestamp_to_year", "timestamp_to_year_with_tz": |clock| clock.year().into();
    month, month_in, "getMonth", "timestamp_to_month", "timestamp_to_month_with_tz":
        |clock| i64::from(clock.month()) - 1;
    date, date_in, "getDate", "timestamp_to_day_of_month_1_based", "timestamp_to_day_of_month_1_based_with_tz":
        |clock| clock.day().into();
    day, day_in, "getDayOfMonth", "timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz":
        |clock| i64::from(clock.day()) - 1;
    weekday, weekday_in, "getDayOfWeek", "timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz":
        |clock| clock.weekday().to_sunday_zero_offset().into();
    yearday, yearday_in, "getDayOfYear", "timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz":
        |clock| i64::from(clock.day_of_year()) - 1;
    hour, hour_in, "getHours", "timestamp_to_hours", "timestamp_to_hours_with_tz": |clock| clock.hour().into();
    minute, minute_in, "getMinutes", "timestamp_to_minutes", "timestamp_to_minutes_with_tz":
        |clock| clock.minute().into();
    second, second_in, "getSeconds", "timestamp_to_seconds", "timestamp_to_seconds_with_tz":
        |clock| clock.second().into();
    milli, milli_in, "getMilliseconds", "timestamp_to_milliseconds", "timestamp_to_milliseconds_with_tz":
        |clock| clock.millisecond().into();
}

fn hours(span: &Span) -> CelInt {
    CelInt::from(span.0 / 3_600_000_000_000)
}

fn minutes(span: &Span) -> CelInt {
    CelInt::from(span.0 / 60_000_000_000)
}

fn seconds(span: &Span) -> CelInt {
    CelInt::from(span.0 / 1_000_000_000)
}

fn milliseconds(span: &Span) -> CelInt {
    CelInt::from(span.0 / 1_000_000)
}

/// The functions of this library that no other has, by name.
pub(super) const FUNCTIONS: [&str; 12] = [
    "duration",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "timestamp",
];

/// Declares the types and their functions.
pub(super) fn declare(env: &mut Env) -> Result<(), cel::DeclarationError> {
    env.add_type(DURATION_TYPE)?;
    env.add_type(TIMESTAMP_TYPE)?;
    cel::add_overload!(env, fn span_of_text: (CelString) -> Result<Span>, name = "duration", id = "string_to_duration")?;
    cel::add_overload!(env, fn span_of_span: (Span) -> Span, name = "duration", id = "duration_to_duration")?;
    cel::add_overload!(env, fn span_as_text: (Span) -> CelString, name = "string", id = "duration_to_string")?;
    cel::add_overload!(env, fn span_as_number: (Span) -> CelInt, name = "int", id = "duration_to_int")?;
    cel::add_overload!(env, fn moment_of_text: (CelString) -> Result<Moment>, name = "timestamp", id = "string_to_timestamp")?;
    cel::add_overload!(env, fn moment_of_number: (CelInt) -> Result<Moment>, name = "timestamp", id = "int64_to_timestamp")?;
    cel::add_overload!(env, fn moment_of_moment: (Moment) -> Moment, name = "timestamp", id = "timestamp_to_timestamp")?;
    cel::add_overload!(env, fn moment_as_text: (Moment) -> CelString, name = "string", id = "timestamp_to_string")?;
    cel::add_overload!(env, fn moment_as_number: (Moment) -> CelInt, name = "int", id = "timestamp_to_int64")?;
    cel::add_member_overload!(env, fn hours: (Span) -> CelInt, name = "getHours", id = "duration_to_hours")?;
    cel::add_member_overload!(env, fn minutes: (Span) -> CelInt, name = "getMinutes", id = "duration_to_minutes")?;
    cel::add_member_overload!(env, fn seconds: (Span) -> CelInt, name = "getSeconds", id = "duration_to_seconds")?;
    cel::add_member_overload!(env, fn milliseconds: (Span) -> CelInt, name = "getMilliseconds", id = "duration_to_milliseconds")?;
    declare_parts(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_does() {
        for (text, written) in [
            ("1h30m", Some("5400s")),
            ("-1.5s", Some("-1.5s")),
            ("300ms", Some("0.3s")),
            ("1us", Some("0.000001s")),
            ("0", Some("0s")),
            ("1.000000001h", Some("3600.0000036s")),
            ("", None),
            ("5", None),
            ("1d", None),
            (".s", None),
            ("9999999h", None),
        ] {
            let read = Span::parse(text).map(Span::text);
            assert_eq!(read.as_deref(), written, "{text}");
        }
    }
}
