internal import CLinux

/// What other processes have open.
public enum ProcessDescriptors {
    /// The descriptors of a process whose links in /proc begin with `prefix` ("socket:"); none when it is gone.
    public static func numbers(of process: Int32, linkedTo prefix: String) -> [Int32] {
        var numbers = [Int32](repeating: 0, count: 64)
        while true {
            let count = csys_descriptors_of(process, prefix, &numbers, Int32(numbers.count))
            guard count > numbers.count else { return Array(numbers.prefix(Int(max(0, count)))) }
            numbers = [Int32](repeating: 0, count: 2 * Int(count))
        }
    }
}
