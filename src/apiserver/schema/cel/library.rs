//! The kinds of values that Kubernetes adds to the language: quantities, IP addresses and networks, semantic versions
//! (k8s.io/apiserver `pkg/cel/library`).

use std::{cmp::Ordering, net::IpAddr, sync::Arc};

use cel::{Context, ExecutionError, Value as CelValue, extractors::This, objects::Opaque};

use crate::object::quantity::Quantity;

/// The functions of this library, by name.
pub(super) const FUNCTIONS: [&str; 26] = [
    "add",
    "asApproximateFloat",
    "asInteger",
    "cidr",
    "compareTo",
    "containsCIDR",
    "containsIP",
    "family",
    "ip",
    "isCIDR",
    "isGreaterThan",
    "isIP",
    "isInteger",
    "isLessThan",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isUnspecified",
    "major",
    "minor",
    "patch",
    "prefixLength",
    "quantity",
    "semver",
    "sign",
    "sub",
];

/// A value of one of the added kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Extra {
    Quantity(Quantity),
    Ip(IpAddr),
    Network { address: IpAddr, length: u8 },
    Version(Version),
}

impl Opaque for Extra {
    fn runtime_type_name(&self) -> &str {
        match self {
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Ip(_) => "net.IP",
            Self::Network { .. } => "net.CIDR",
            Self::Version(_) => "kubernetes.Semver",
        }
    }
}

type Outcome = Result<CelValue, ExecutionError>;

impl Extra {
    fn quantity(text: &str) -> Option<Self> {
        Quantity::parse(text).map(Self::Quantity)
    }

    fn ip(text: &str) -> Option<Self> {
        // An IPv4 address in the clothes of IPv6 is not taken.
        let address = text.parse().ok()?;
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        (!mapped).then_some(Self::Ip(address))
    }

    fn network(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        (length <= bits(address)).then_some(Self::Network { address, length })
    }

    fn version(text: &str) -> Option<Self> {
        Version::parse(text).map(Self::Version)
    }

    fn value(self) -> CelValue {
        CelValue::Opaque(Arc::new(self))
    }

    fn of(value: &CelValue) -> Option<&Self> {
        match value {
            CelValue::Opaque(opaque) => opaque.downcast_ref(),
            _ => None,
        }
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Quantity(a), Self::Quantity(b)) => Some(a.cmp(b)),
            (Self::Version(a), Self::Version(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// `1.2.3-rc.1`; what follows a plus sign does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: [u64; 3],
    /// A version with a stage comes before the one without: so does `false` before `true`.
    is_final: bool,
    stage: Vec<Stage>,
}

/// Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Number(u64),
    Word(String),
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next()?;
        let (numbers, stage) = match text.split_once('-') {
            Some((numbers, stage)) => (numbers, Some(stage)),
            None => (text, None),
        };
        let number = |text: &str| -> Option<u64> {
            let plain = text == "0" || !text.starts_with('0');
            let digits = text.chars().all(|c| c.is_ascii_digit());
            (plain && digits).then(|| text.parse().ok()).flatten()
        };
        let numbers: Vec<u64> = numbers.split('.').map(number).collect::<Option<_>>()?;
        let word = |text: &str| -> Option<Stage> {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if text.is_empty() || !text.chars().all(plain) {
                return None;
            }
            Some(number(text).map_or_else(|| Stage::Word(text.to_owned()), Stage::Number))
        };
        Some(Self {
            numbers: numbers.try_into().ok()?,
            is_final: stage.is_none(),
            stage: stage
                .into_iter()
                .flat_map(|stage| stage.split('.'))
                .map(word)
                .collect::<Option<_>>()?,
        })
    }
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The first bits of an address as a number, both families apart.
fn prefix(address: IpAddr, length: u8) -> (u8, u128) {
    let (width, number) = match address {
        IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (128, v6.to_bits()),
    };
    (
        width,
        number.checked_shr(u32::from(width - length)).unwrap_or(0),
    )
}

fn contains(network: (IpAddr, u8), address: IpAddr, length: u8) -> bool {
    let (own, most) = network;
    bits(own) == bits(address) && length >= most && prefix(own, most) == prefix(address, most)
}

fn no_overload(function: &str) -> ExecutionError {
    ExecutionError::function_error(function, "no such overload")
}

/// A constructor and its question: `quantity` and `isQuantity`.
fn constructor(
    context: &mut Context,
    name: &'static str,
    question: &'static str,
    fault: &'static str,
    read: fn(&str) -> Option<Extra>,
) {
    let made = context.add_function(name, move |text: Arc<String>| -> Outcome {
        let value = read(&text).map(Extra::value);
        value.ok_or_else(|| ExecutionError::function_error(name, fault))
    });
    let asked = context.add_function(question, move |text: Arc<String>| read(&text).is_some());
    debug_assert!(made.is_ok() && asked.is_ok(), "{name} is declared twice");
}

/// A function of one value of an added kind.
fn method(context: &mut Context, name: &'static str, compute: fn(&Extra) -> Option<CelValue>) {
    let declared = context.add_function(name, move |This(this): This<CelValue>| -> Outcome {
        let value = Extra::of(&this).and_then(compute);
        value.ok_or_else(|| no_overload(name))
    });
    debug_assert!(declared.is_ok(), "{name} is declared twice");
}

/// A function of such a value and another value.
fn relation(
    context: &mut Context,
    name: &'static str,
    compute: fn(&Extra, &CelValue) -> Option<CelValue>,
) {
    let declared = context.add_function(
        name,
        move |This(this): This<CelValue>, other: CelValue| -> Outcome {
            let value = Extra::of(&this).and_then(|this| compute(this, &other));
            value.ok_or_else(|| no_overload(name))
        },
    );
    debug_assert!(declared.is_ok(), "{name} is declared twice");
}

/// Declares the functions.
pub(super) fn declare(context: &mut Context) {
    let quantities = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    constructor(
        context,
        "quantity",
        "isQuantity",
        quantities,
        Extra::quantity,
    );
    constructor(
        context,
        "ip",
        "isIP",
        "IP Address parse error during conversion from string",
        Extra::ip,
    );
    constructor(
        context,
        "cidr",
        "isCIDR",
        "network address parse error during conversion from string",
        Extra::network,
    );
    constructor(
        context,
        "semver",
        "isSemver",
        "No Major.Minor.Patch elements found",
        Extra::version,
    );
    compare(context);
    quantities_alone(context);
    networks(context);
    for (name, at) in [("major", 0), ("minor", 1), ("patch", 2)] {
        let part = [major, minor, patch][at];
        method(context, name, part);
    }
}

fn major(version: &Extra) -> Option<CelValue> {
    number(version, 0)
}

fn minor(version: &Extra) -> Option<CelValue> {
    number(version, 1)
}

fn patch(version: &Extra) -> Option<CelValue> {
    number(version, 2)
}

fn number(version: &Extra, at: usize) -> Option<CelValue> {
    let Extra::Version(version) = version else {
        return None;
    };
    i64::try_from(version.numbers[at]).ok().map(CelValue::Int)
}

fn compare(context: &mut Context) {
    relation(context, "compareTo", |this, other| {
        let order = this.compare(Extra::of(other)?)?;
        Some(CelValue::Int(order as i64))
    });
    relation(context, "isLessThan", |this, other| {
        Some(CelValue::Bool(this.compare(Extra::of(other)?)?.is_lt()))
    });
    relation(context, "isGreaterThan", |this, other| {
        Some(CelValue::Bool(this.compare(Extra::of(other)?)?.is_gt()))
    });
}

fn quantities_alone(context: &mut Context) {
    fn own(this: &Extra) -> Option<Quantity> {
        match this {
            Extra::Quantity(quantity) => Some(*quantity),
            Extra::Ip(_) | Extra::Network { .. } | Extra::Version(_) => None,
        }
    }
    fn amount(other: &CelValue) -> Option<Quantity> {
        match other {
            CelValue::Int(number) => Some(Quantity::of_integer(*number)),
            other => own(Extra::of(other)?),
        }
    }
    method(context, "isInteger", |this| {
        Some(CelValue::Bool(own(this)?.as_integer().is_some()))
    });
    method(context, "asInteger", |this| {
        own(this)?.as_integer().map(CelValue::Int)
    });
    method(context, "asApproximateFloat", |this| {
        Some(CelValue::Float(own(this)?.approximately()))
    });
    method(context, "sign", |this| {
        Some(CelValue::Int(own(this)?.sign()))
    });
    relation(context, "add", |this, other| {
        own(this)?
            .plus(amount(other)?)
            .map(|sum| Extra::Quantity(sum).value())
    });
    relation(context, "sub", |this, other| {
        own(this)?
            .minus(amount(other)?)
            .map(|rest| Extra::Quantity(rest).value())
    });
}

fn networks(context: &mut Context) {
    fn address(this: &Extra) -> Option<IpAddr> {
        match this {
            Extra::Ip(address) => Some(*address),
            Extra::Quantity(_) | Extra::Network { .. } | Extra::Version(_) => None,
        }
    }
    fn network(this: &Extra) -> Option<(IpAddr, u8)> {
        match this {
            Extra::Network { address, length } => Some((*address, *length)),
            Extra::Quantity(_) | Extra::Ip(_) | Extra::Version(_) => None,
        }
    }
    method(context, "family", |this| {
        let family = if bits(address(this)?) == 32 { 4 } else { 6 };
        Some(CelValue::Int(family))
    });
    method(context, "isLoopback", |this| {
        Some(CelValue::Bool(address(this)?.is_loopback()))
    });
    method(context, "isUnspecified", |this| {
        Some(CelValue::Bool(address(this)?.is_unspecified()))
    });
    method(context, "prefixLength", |this| {
        Some(CelValue::Int(network(this)?.1.into()))
    });
    relation(context, "containsIP", |this, other| {
        let inside = match other {
            CelValue::String(text) => address(&Extra::ip(text)?)?,
            other => address(Extra::of(other)?)?,
        };
        Some(CelValue::Bool(contains(
            network(this)?,
            inside,
            bits(inside),
        )))
    });
    relation(context, "containsCIDR", |this, other| {
        let (inside, length) = match other {
            CelValue::String(text) => network(&Extra::network(text)?)?,
            other => network(Extra::of(other)?)?,
        };
        Some(CelValue::Bool(contains(network(this)?, inside, length)))
    });
}
