internal import CLinux
public import SystemPackage

/// An Ethernet interface whose other end a program holds (a TAP), with one IPv4 address and a way out.
public struct TapInterface: Sendable, Equatable {
    public var name: String
    /// Six bytes.
    public var hardwareAddress: [UInt8]
    public var address: IPv4Address
    public var mask: IPv4Address
    public var gateway: IPv4Address
    /// Bytes.
    public var mtu: Int32

    public init(
        name: String, hardwareAddress: [UInt8], address: IPv4Address, mask: IPv4Address, gateway: IPv4Address,
        mtu: Int32
    ) {
        precondition(hardwareAddress.count == 6)
        self.name = name
        self.hardwareAddress = hardwareAddress
        self.address = address
        self.mask = mask
        self.gateway = gateway
        self.mtu = mtu
    }
}

public struct IPv4Address: Sendable, Equatable, CustomStringConvertible {
    private let bytes: (UInt8, UInt8, UInt8, UInt8)

    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) { bytes = (a, b, c, d) }

    public var description: String { "\(bytes.0).\(bytes.1).\(bytes.2).\(bytes.3)" }

    /// As C has it, in network byte order.
    fileprivate var inNetworkOrder: UInt32 {
        let value = [bytes.0, bytes.1, bytes.2, bytes.3].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return value.bigEndian
    }

    public static func == (left: IPv4Address, right: IPv4Address) -> Bool { left.bytes == right.bytes }
}

/// The network namespace of a process.
public enum NetworkNamespace {
    /// Whether a TCP socket in the network namespace of `processID` listens or is connected; true where nobody says.
    public static func hasTCPSockets(_ processID: Int32) -> Bool {
        // "TCP: inuse 1 orphan 0 tw 0 alloc 6 mem 0", where the first number is the namespace's; "TCP6: inuse 0"
        for (file, name) in [("sockstat", "TCP:"), ("sockstat6", "TCP6:")] {
            guard let text = try? Files.text(FilePath("/proc/\(processID)/net/\(file)"), limit: 1 << 14) else {
                // A kernel without IPv6 has no such file.
                if file == "sockstat6" { continue }
                return true
            }
            for line in text.split(separator: "\n") where line.hasPrefix(name) {
                let words = line.split(separator: " ")
                if words.count < 3 || words[1] != "inuse" || words[2] != "0" { return true }
            }
        }
        return false
    }

    /// Brings the loopback up in the network namespace of `processID`, and allows low ports and ping there. With an
    /// `interface` also makes that, or makes it anew as it should be. It stays as long as the namespace does.
    public static func prepare(of processID: Int32, interface: TapInterface? = nil) throws(Errno) {
        guard let interface else {
            try check(csys_prepare_network(processID, nil))
            return
        }
        var described = csys_interface()
        withUnsafeMutableBytes(of: &described.hardware_address) { $0.copyBytes(from: interface.hardwareAddress) }
        described.address = interface.address.inNetworkOrder
        described.mask = interface.mask.inNetworkOrder
        described.gateway = interface.gateway.inNetworkOrder
        described.mtu = interface.mtu
        let result = interface.name.withCString { name in
            described.name = name
            return csys_prepare_network(processID, &described)
        }
        try check(result)
    }
}
