/// `config.json` of an OCI bundle, as far as a pod has use for it
/// (https://github.com/opencontainers/runtime-spec, version 1.0.2).
public struct RuntimeSpec: Codable, Sendable {
    public var ociVersion = "1.0.2"
    public var hostname: String
    public var root: Root
    public var process: Process
    public var mounts: [Mount]
    public var hooks: Hooks
    public var linux: Linux

    public struct Root: Codable, Sendable {
        public var path: String
        public var readonly = false
    }

    public struct Process: Codable, Sendable {
        public var terminal = false
        public var user = User()
        public var args: [String]
        public var env: [String]
        public var cwd = "/"
        public var capabilities: Capabilities
        public var rlimits: [ResourceLimit]
        public var noNewPrivileges: Bool
        public var oomScoreAdj: Int?
    }

    public struct User: Codable, Sendable {
        public var uid: UInt32 = 0
        public var gid: UInt32 = 0
    }

    public struct Capabilities: Codable, Sendable {
        public var bounding: [String]
        public var effective: [String]
        public var permitted: [String]
    }

    public struct ResourceLimit: Codable, Sendable {
        public var type: String
        public var soft: UInt64
        public var hard: UInt64
    }

    public struct Mount: Codable, Sendable {
        public var destination: String
        public var type: String
        public var source: String
        public var options: [String]
    }

    public struct Hooks: Codable, Sendable {
        public var createRuntime: [Hook]
    }

    public struct Hook: Codable, Sendable {
        public var path: String
        public var args: [String]
        public var timeout: Int
    }

    public struct Linux: Codable, Sendable {
        public var namespaces: [Namespace]
        public var uidMappings: [IDMapping]
        public var gidMappings: [IDMapping]
        public var cgroupsPath: String
        public var maskedPaths: [String]
        public var readonlyPaths: [String]
        public var seccomp: Seccomp
        public var resources: Resources
    }

    public struct Resources: Codable, Sendable {
        public var devices: [DeviceRule]
        public var pids: Limit
    }

    public struct Limit: Codable, Sendable {
        public var limit: Int64
    }

    public struct DeviceRule: Codable, Sendable {
        public var allow: Bool
        public var access: String
    }

    public struct Namespace: Codable, Sendable {
        public var type: String
    }

    public struct IDMapping: Codable, Sendable {
        public var containerID: UInt32
        public var hostID: UInt32
        public var size: UInt32
    }

    public struct Seccomp: Codable, Sendable {
        public var defaultAction: String
        public var defaultErrnoRet: UInt32
        public var architectures: [String]
        public var syscalls: [Rule]

        public struct Rule: Codable, Sendable {
            public var names: [String]
            public var action: String
            public var errnoRet: UInt32?
            public var args: [Argument]?
        }

        public struct Argument: Codable, Sendable {
            public var index: UInt32
            public var value: UInt64
            public var valueTwo: UInt64
            public var op: String
        }
    }
}
