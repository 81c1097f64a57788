internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

/// A tree of Debian packages, by mmdebstrap.
struct Debian {
    var packages: [String]
    var suite: String

    /// What every pod has beside Debian's essential packages (bash and coreutils are): the ALSA library that our plugin
    /// is loaded into, and its configuration.
    private static let own = ["libasound2", "libasound2-data"]

    /// What nobody reads in a pod. Licences stay: whoever passes a device on passes them on.
    private static let excluded = [
        "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/doc/*",
        "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/locale/*",
        "path-include=/usr/share/locale/locale.alias", "path-exclude=/usr/share/lintian/*",
        "path-exclude=/usr/share/bug/*",
    ]

    func install(into tree: FilePath, staging: BaseStaging, progress: @escaping BaseBuilder.Progress) throws {
        try Command.require(["mmdebstrap", "unshare"], to: "make a base from packages")
        // mmdebstrap mounts proc, sys and dev into the tree. In a mount namespace of their own they go with it, however
        // it ends.
        var arguments = ["--mount", "--propagation=private", "--", "mmdebstrap", "--mode=root", "--variant=essential"]
        arguments.append("--include=\((Self.own + packages).joined(separator: ","))")
        for option in Self.excluded { arguments.append("--dpkgopt=\(option)") }
        if !packages.isEmpty {
            // A wrong name is told as soon as the lists are there, not after the essential packages are installed.
            let simulation = "apt-get --simulate -qq install \(packages.joined(separator: " ")) >/dev/null"
            arguments.append("--extract-hook=APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" \(simulation)")
        }
        // Laid out with a merged /usr from the start. Otherwise the package that merges it brings all of Perl along.
        let mergedUsr = "/usr/share/mmdebstrap/hooks/merged-usr"
        if Files.isFolder(FilePath(mergedUsr)) { arguments.append("--hook-dir=\(mergedUsr)") }
        // The tree is synced once, as a squashfs; dpkg need not do it file by file.
        arguments.append("--dpkgopt=force-unsafe-io")
        arguments += [suite, tree.string]

        var errors: [String] = []
        var pipeline = Pipeline([
            Command("unshare", arguments, name: "mmdebstrap", environment: BaseEnvironment.current.variables)
        ])
        pipeline.keeping = staging.lockDescriptor
        pipeline.onErrorLine = { line in
            if let stage = Self.stage(of: line) { progress(stage) }
            // Of a flood of messages the first ones tell.
            if Self.isError(line), errors.count < 100 { errors.append(line) }
        }
        do {
            try pipeline.run(tick: { progress(nil) })
        } catch let failure as Failure {
            throw explain(failure, errors, device: staging.device)
        }
        try BaseTree(tree).forgetHost()
    }

    private static func isError(_ line: String) -> Bool {
        line.hasPrefix("E: ") || line.hasPrefix("Err:") || line.contains("No space left on device")
            || line.hasPrefix("dpkg: error") || line.hasPrefix("W: Failed to fetch")
    }

    /// mmdebstrap tells what it does in lines like "I: running apt-get update...".
    private static func stage(of line: String) -> String? {
        let stages = [
            ("I: running apt-get update", "fetching the package lists"),
            ("I: downloading packages", "downloading packages"),
            ("I: extracting archives", "unpacking packages"),
            ("I: installing essential", "installing essential packages"),
            ("I: installing remaining", "installing packages"), ("I: cleaning package lists", "tidying up"),
        ]
        return stages.first { line.hasPrefix($0.0) }?.1
    }

    private func explain(_ failure: Failure, _ errors: [String], device: Device) -> Failure {
        func after(_ text: String) -> String? {
            errors.first { $0.contains(text) }?.split(separator: text).last.map { $0.trimming(" \"'") }
        }
        if errors.contains(where: { $0.contains("No space left on device") }) { return device.full }
        if let package = after("Unable to locate package ")
            ?? after("has no installation candidate").map({ _ in
                after("Package ")?.split(separator: " ").first?.trimming("'\"") ?? ""
            })
        {
            return Failure(sentence: "Debian \(suite) has no package \"\(package)\"", remedy: "check the name")
        }
        if errors.contains(where: { $0.contains("does not have a Release file") || $0.contains("404  Not Found") }) {
            return Failure(sentence: "Debian's mirror has no suite \(suite)", remedy: "check the name")
        }
        let unreachable = ["Could not resolve", "Could not connect", "Failed to fetch", "Temporary failure"]
        if let line = errors.first(where: { line in unreachable.contains { line.contains($0) } }) {
            return Failure(
                sentence: "Debian's mirror cannot be reached (\(line.trimming("EW: ")))", remedy: "check the network")
        }
        // mmdebstrap's own last word is only that something failed.
        if let line = errors.first { return Failure("mmdebstrap", line.trimming("E: ")) }
        return failure
    }
}

extension StringProtocol {
    /// Without the `characters` around it.
    fileprivate func trimming(_ characters: String) -> String {
        var rest = Substring(self)
        while let first = rest.first, characters.contains(first) { rest.removeFirst() }
        while let last = rest.last, characters.contains(last) { rest.removeLast() }
        return String(rest)
    }
}
