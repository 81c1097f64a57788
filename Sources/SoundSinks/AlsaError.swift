internal import CALSA
internal import Glibc

/// What alsa-lib answers when something cannot be: a negative errno.
struct AlsaError: Error {
    let code: Int32

    /// The device ran empty, or over.
    static let xrun = AlsaError(code: -EPIPE)
    static let wouldBlock = AlsaError(code: -EAGAIN)
    static let gone = AlsaError(code: -ENODEV)
    static let suspended = AlsaError(code: -ESTRPIPE)

    var isXrun: Bool { code == -EPIPE }

    var reason: String {
        switch code {
        case -ENOENT: "there is none of that name"
        case -ENODEV: "the device is gone"
        case -EBUSY: "another program holds it; close that, or choose another PCM"
        case -ESTRPIPE: "the machine was asleep"
        default: String(cString: snd_strerror(code))
        }
    }

    /// The result of a call, or its error. RT safe.
    @discardableResult
    static func check(_ result: Int) throws(AlsaError) -> Int {
        guard result >= 0 else { throw AlsaError(code: Int32(clamping: result)) }
        return result
    }

    @discardableResult
    static func check(_ result: Int32) throws(AlsaError) -> Int32 {
        guard result >= 0 else { throw AlsaError(code: result) }
        return result
    }
}
