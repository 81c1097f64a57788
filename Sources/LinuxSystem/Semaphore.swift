internal import CLinux
internal import Glibc

/// sem_overview(7), of this process.
public final class Semaphore: @unchecked Sendable {
    // Unchecked, and safe: the kernel's and libc's own, which any thread may use.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    public init(_ count: Int = 0) { sem_init(semaphore, 0, UInt32(count)) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    public func post() { sem_post(semaphore) }

    public func wait() { while sem_wait(semaphore) != 0 {} }

    /// False when nobody posted within the time, or a signal came.
    @discardableResult
    public func wait(milliseconds: UInt32) -> Bool { csys_semaphore_wait(semaphore, milliseconds) == 0 }
}
