import LinuxSystem
import SoundLab
import SystemPackage

/// A root file system of this machine's own shell and a few programs, with the witness: made in a second, without a
/// network, once for this process.
enum TestTree {
    static let programs = [
        "sh", "cat", "echo", "ls", "sleep", "touch", "kill", "id", "ln", "rm", "mkdir", "mkfifo", "seq", "stty", "wc",
        "head", "bash", "getent",
    ]

    static let folder: Result<FilePath, any Error> = Result {
        // Among what is built: it stays for nobody's sake and is made anew each time.
        let tree = LabBroker.repository.appending("build/lab/tree")
        try? Files.removeTree(tree)
        try Files.makeFolders(tree, permissions: .init(rawValue: 0o755))
        for name in compiled { try compile(name, to: tree.appending(name), ["-static"]) }
        for name in linked { try compile(name, to: tree.appending(name)) }
        try run("sh", ["-euc", script, "sh", tree.string] + programs)
        return tree
    }

    private static let compiled = ["witness", "caller", "obstacle"]
    /// These as their makers meant it: with the tree's C library.
    private static let linked = ["chosen"]

    /// Makes a program of one of the files in `Programs`.
    static func compile(_ name: String, to path: FilePath, _ options: [String] = []) throws {
        let source = LabBroker.repository.appending("Tests/SessionTests/Programs/\(name).c")
        let fixed = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1"]
        try run("cc", fixed + ["-o", path.string, source.string] + options)
    }

    /// What `ldd` names is what a program is started with.
    private static let script = """
        tree=$1; shift
        mkdir -p "$tree/usr/bin" "$tree/root" "$tree/etc"
        mv "$tree/witness" "$tree/caller" "$tree/obstacle" "$tree/chosen" "$tree/usr/bin/"
        ln -s usr/bin "$tree/bin"
        printf 'root:x:0:0::/root:/bin/sh\\nplayer:x:1001:1001::/root:/bin/sh\\n' > "$tree/etc/passwd"
        printf 'root:x:0:\\nplayer:x:1001:\\n' > "$tree/etc/group"
        for name; do
            path=$(PATH=/usr/bin:/bin command -v "/usr/bin/$name")
            cp -L "$path" "$tree/usr/bin/$name"
            ldd "$path" | tr ' \\t' '\\n' | grep '^/' | while read -r library; do
                mkdir -p "$tree${library%/*}"
                cp -Lu "$library" "$tree$library"
            done
        done
        """

    private static func run(_ program: String, _ arguments: [String]) throws {
        _ = try Pipeline.output(of: Command(program, arguments))
    }
}
