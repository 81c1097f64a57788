import LinuxSystem
import SoundLab
import SystemPackage

/// Two hosts, each with a network and a name server of its own, and a world outside of both, which serves at
/// `World.address`. All of it is namespaces, which end with this object.
final class NetworkedHosts {
    let hosts: TestHosts
    let world: World
    var a: TestHost { hosts.a }
    var b: TestHost { hosts.b }

    init() throws {
        let hosts = try TestHosts()
        let world = try World(in: hosts.folder.path)
        // They end their pods with themselves, which takes their networks.
        hosts.keeps = world
        for (number, host) in [hosts.a, hosts.b].enumerated() {
            host.prefix = try world.addHost(number + 1, resolver: World.resolvers[number])
        }
        self.hosts = hosts
        self.world = world
    }
}

/// What is outside of the hosts.
final class World {
    static let address = "10.99.0.1"
    static let port = "7000"
    /// Each gives every name its own address.
    static let resolvers = ["10.99.0.1", "10.99.0.2"]

    private let folder: FilePath
    private let place: Namespace
    private var hosts: [Namespace] = []
    private var servers: [ChildProcess] = []

    init(in folder: FilePath) throws {
        self.folder = folder
        place = try Namespace()
        let program = folder.appending("outside")
        try TestTree.compile("outside", to: program)
        for address in Self.resolvers { try place.run("ip address add \(address)/32 dev lo") }
        try serve([program.string, "serve", Self.address, Self.port, log.string])
        for address in Self.resolvers { try serve([program.string, "names", address, address]) }
    }

    deinit { for server in servers { server.kill() } }

    private var log: FilePath { folder.appending("connections") }

    /// How each connection that is over ended for the server: "d 1 reset".
    func endings() throws -> [String] {
        guard Files.isRegularFile(log) else { return [] }
        return try Files.text(log).split(separator: "\n").map(String.init)
    }

    private func serve(_ command: [String]) throws {
        let output = try PipeEnds()
        let words = place.prefix + command
        let null = try Files.openForReading("/dev/null")
        servers.append(
            try ChildProcess(
                Command(words[0], Array(words.dropFirst())), input: null.number, output: output.write.number, error: 2))
        let said = output.closingWrite()
        guard Wait.line(from: said.number, milliseconds: 10_000) == "ready" else {
            throw Failure("the world outside", "\(command) does not serve")
        }
    }

    /// Gives what a command of the host is run by.
    fileprivate func addHost(_ number: Int, resolver: String) throws -> [String] {
        let host = try Namespace()
        hosts.append(host)
        _ = try Pipeline.output(
            of: Command(
                "ip",
                ["link", "add", "host\(number)", "netns", "\(place.pid)", "type", "veth"]
                    + ["peer", "name", "eth0", "netns", "\(host.pid)"]))
        try place.run("ip address add 10.77.\(number).1/24 dev host\(number); ip link set host\(number) up")
        try host.run("ip address add 10.77.\(number).2/24 dev eth0; ip link set eth0 up")
        try host.run("ip route add default via 10.77.\(number).1")
        let file = folder.appending("resolv.conf.\(number)")
        try Files.write(file, Array("nameserver \(resolver)\n".utf8), permissions: [.ownerReadWrite, .otherRead])
        try host.run("mount --bind \(file) /etc/resolv.conf")
        return host.prefix
    }
}
