package import LinuxSystem
package import SystemPackage

extension Errno {
    /// The file system, or what this user may have of it, is used up.
    package var isDeviceFull: Bool { self == .noSpace || self == .diskQuotaExceeded }
}

extension Failure {
    /// An error of writing to a device; a full one is said with the figures that help.
    ///
    /// - Parameters:
    ///   - need: bytes that were to be written, or an upper bound of them.
    ///   - free: bytes that were free before.
    package static func writing(
        _ subject: String, on device: Device, _ error: Errno, need: UInt64? = nil, free: UInt64? = nil
    ) -> Failure {
        guard error.isDeviceFull else { return Failure("write", subject, error) }
        var figures = ""
        if let need, let free { figures = " (needs up to \(byteText(need)), \(byteText(free)) free)" }
        return Failure(
            "write", subject, "the device is full\(figures)", remedy: "free some space on \(device.place.string)",
            cause: error)
    }
}
