//! Ranges of addresses: `10.0.0.0/8`, `2001:db8::/32`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that share the first bits of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Cidr {
    network: IpAddr,
    prefix: u32,
}

impl Cidr {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (network, prefix) = text.split_once('/').ok_or("Malformed CIDR, one '/' required")?;
        let prefix = prefix.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer".to_owned())?;
        let network: IpAddr = network.parse().map_err(|_| format!("Nonstandard IP address: {network}"))?;
        let cidr = Self { network, prefix };
        let (_, width) = bits(network);
        if prefix <= width {
            Ok(cidr)
        } else {
            Err(format!("Malformed CIDR, mask bits must be at most {width}"))
        }
    }

    /// The one of this length that an address is in, named by its first address; none where addresses are not so long.
    pub(super) fn around(address: IpAddr, prefix: u32) -> Option<Self> {
        let (number, width) = bits(address);
        let shift = width.checked_sub(prefix)?;
        let first = number.checked_shr(shift).and_then(|head| head.checked_shl(shift)).unwrap_or(0);
        let network = match address {
            IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(first).ok()?).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(first).into(),
        };
        Some(Self { network, prefix })
    }

    /// The same addresses, named by the first of them.
    pub(super) fn canonical(self) -> Option<Self> {
        Self::around(self.network, self.prefix)
    }

    /// How many bits its addresses share.
    pub(super) fn length(self) -> u32 {
        self.prefix
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let ((network, width), (address, other)) = (bits(self.network), bits(address));
        let shift = width - self.prefix;
        let head = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
        width == other && head(network) == head(address)
    }
}

/// An address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}
