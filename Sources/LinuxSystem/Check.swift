internal import Glibc
public import SystemPackage

/// The one gate for results that are a value, or `-errno` (CLinux's convention).
///
/// `EBADF` and `EFAULT` are never a matter of the world but of this program, and stop it.
@discardableResult
public func check(_ result: Int32) throws(Errno) -> Int32 {
    if result >= 0 { return result }
    precondition(result != -EBADF && result != -EFAULT, "a system call was given what is not ours: \(-result)")
    throw Errno(rawValue: -result)
}

/// `check` for results that count bytes.
@discardableResult
public func check(_ result: Int) throws(Errno) -> Int {
    if result >= 0 { return result }
    try check(Int32(truncatingIfNeeded: result))
    return result
}

/// Calls a libc function that returns -1 and sets `errno`, again when a signal interrupted it.
@discardableResult
public func retrying<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let error = errno
        if error == EINTR { continue }
        precondition(error != EBADF && error != EFAULT, "a system call was given what is not ours: \(error)")
        throw Errno(rawValue: error)
    }
}
