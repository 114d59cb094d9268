//! Which addresses a plugin's requests may go to: the public internet, and what a grant opens by its range.
//!
//! Works on addresses, not on texts: by the time that one is here, every spelling (decimal, octal, mapped) is the same
//! address. Source: the IANA special-purpose registries for IPv4 and IPv6, read 2026-11.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses at which clouds hand credentials to whoever asks. A grant has to name one exactly.
const METADATA: [(IpAddr, &str); 9] = [
    (IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), "the instance metadata service"),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)), "the container credentials service"),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)), "the pod identity service"),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), "Azure's platform service"),
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), "Alibaba's metadata service"),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)), "the instance metadata service"),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)), "the pod identity service"),
    (IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)), "Google's metadata service"),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)), "Oracle's metadata service"),
];

/// IPv4 ranges that are not the public internet: network, bits, name.
const V4: [(Ipv4Addr, u8, &str); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// IPv6 ranges with a name of their own; what lies outside 2000::/3 is refused anyway.
const V6: [(Ipv6Addr, u8, &str); 14] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "NAT64"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "local NAT64"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard-only"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private (unique local)"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// Reads a range of a grant: `10.0.0.0/8`, or one address.
pub(super) fn range(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().map(|net| net.trunc()).or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Why a request may not go to `address`, or none when it may; `opened` are the ranges that the grant opens.
pub(crate) fn refusal(address: IpAddr, opened: &[IpNet]) -> Option<&'static str> {
    let address = address.to_canonical();
    // Behind NAT64 and 6to4 an address of theirs leads to the metadata service too.
    let leads_to = embedded(address).unwrap_or(address);
    if let Some((_, name)) = METADATA.iter().find(|(metadata, _)| *metadata == leads_to) {
        let exact = IpNet::from(address);
        return if opened.contains(&exact) { None } else { Some(name) };
    }
    if opened.iter().any(|range| range.contains(&address)) {
        return None;
    }
    match address {
        IpAddr::V4(address) => V4.iter().find(|(network, bits, _)| in_v4(address, *network, *bits)).map(|(_, _, name)| *name),
        IpAddr::V6(address) => {
            let named = V6.iter().find(|(network, bits, _)| in_v6(address, *network, *bits)).map(|(_, _, name)| *name);
            let global_unicast = in_v6(address, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
            named.or(if global_unicast { None } else { Some("not global unicast") })
        }
    }
}

/// The IPv4 address that a gateway makes of an address of NAT64 or 6to4.
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, .., g, h] = address.segments();
    let v4 = |high: u16, low: u16| Some(IpAddr::from(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))));
    match (a, b) {
        (0x64, 0xff9b) => v4(g, h),
        (0x2002, _) => v4(b, c),
        _ => None,
    }
}

fn in_v4(address: Ipv4Addr, network: Ipv4Addr, bits: u8) -> bool {
    let shift = 32 - u32::from(bits);
    address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
}

fn in_v6(address: Ipv6Addr, network: Ipv6Addr, bits: u8) -> bool {
    let shift = 128 - u32::from(bits);
    address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str, opened: &[&str]) -> &'static str {
        let opened: Vec<IpNet> = opened.iter().map(|text| range(text).unwrap()).collect();
        refusal(address.parse().unwrap(), &opened).unwrap_or("public")
    }

    #[test]
    fn only_public_addresses_are_open() {
        let rows = [
            ("1.1.1.1", "public"),
            ("93.184.215.14", "public"),
            ("100.63.255.255", "public"),
            ("172.32.0.1", "public"),
            ("223.255.255.255", "public"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.1.2.3", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("100.100.100.200", "Alibaba's metadata service"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "Azure's platform service"),
            ("169.254.169.254", "the instance metadata service"),
            ("169.254.170.2", "the container credentials service"),
            ("169.254.1.1", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay"),
            ("198.19.0.1", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.1.1.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("2606:4700::1111", "public"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "not global unicast"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "the instance metadata service"),
            ("::ffff:1.1.1.1", "public"),
            ("64:ff9b::a9fe:a9fe", "the instance metadata service"),
            ("64:ff9b:1::1", "local NAT64"),
            ("2001::1", "Teredo"),
            ("2001:10::1", "reserved for protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("fc00::1", "private (unique local)"),
            ("fd00:ec2::254", "the instance metadata service"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ];
        for (address, expected) in rows {
            assert_eq!(told(address, &[]), expected, "{address}");
        }
    }

    #[test]
    fn a_range_opens_itself_and_nothing_else() {
        assert_eq!(told("10.1.2.3", &["10.1.0.0/16"]), "public");
        assert_eq!(told("10.2.2.3", &["10.1.0.0/16"]), "private");
        assert_eq!(told("127.0.0.1", &["127.0.0.1"]), "public");
        assert_eq!(told("::ffff:127.0.0.1", &["127.0.0.0/8"]), "public");
        assert_eq!(told("64:ff9b::a00:1", &["10.0.0.0/8"]), "NAT64");
        assert_eq!(told("fd12::1", &["fd00::/8"]), "public");
    }

    #[test]
    fn metadata_has_to_be_named_exactly() {
        assert_eq!(told("169.254.169.254", &["0.0.0.0/0"]), "the instance metadata service");
        assert_eq!(told("169.254.169.254", &["169.254.0.0/16"]), "the instance metadata service");
        assert_eq!(told("169.254.169.254", &["169.254.169.254/32"]), "public");
        assert_eq!(told("fd00:ec2::254", &["fd00::/8"]), "the instance metadata service");
        assert_eq!(told("64:ff9b::a9fe:a9fe", &["64:ff9b::/96"]), "the instance metadata service");
        assert_eq!(told("64:ff9b::a9fe:a9fe", &["64:ff9b::a9fe:a9fe"]), "public");
        assert_eq!(told("2002:a9fe:a9fe::1", &["2002::/16"]), "the instance metadata service");
        assert_eq!(told("64:ff9b::a00:1", &["64:ff9b::/96"]), "public");
    }
}
