import Pod
import Testing

@Suite struct MappedFilesTests {
    @Test func onlyFilesThatCanBeOpenedAgainAreMappedFiles() {
        let maps = """
            55d0c0a00000-55d0c0a02000 r--p 00000000 00:2f 1182                       /usr/bin/mpg123.bin
            55d0c0a02000-55d0c0a0a000 r-xp 00002000 00:2f 1182                       /usr/bin/mpg123.bin
            55d0c1000000-55d0c1021000 rw-p 00000000 00:00 0                          [heap]
            7f0000000000-7f0000010000 rw-s 00000000 00:01 2051                       /memfd:mediapod-pcm (deleted)
            7f0000010000-7f0000020000 rw-s 00000000 00:30 7                          /dev/shm/shared memory
            7f0000020000-7f0000030000 r--p 00000000 00:2f 90                         /usr/lib/old.so (deleted)
            7f0000030000-7f0000040000 r--p 00000000 00:2f 91                         /root/a\\012b
            7f0000040000-7f0000050000 rw-s 00000000 00:01 0                          /SYSV00000000
            7f0000050000-7f0000060000 rw-p 00000000 00:00 0
            nonsense
            """
        var found: Set<ArraySlice<UInt8>> = []
        MappedFiles.collect(from: Array(maps.utf8), into: &found)
        #expect(
            Set(found.map { String(decoding: $0, as: UTF8.self) }) == ["/usr/bin/mpg123.bin", "/dev/shm/shared memory"])
    }
}
