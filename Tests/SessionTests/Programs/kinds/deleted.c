// Files that are open and have no name any more, or another one: of the writable layer, the base and memory; large, sparse
// and without a name ever; folders; files whose name is another file's by now, and those that have a second name.

#include "kind.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 10000, LARGE = 5 << 20, PLACE = 777 };
#define SPARSE (1ll << 30)

enum { PLAIN, APPENDED, LARGE_ONE, SPARSE_ONE, NAMELESS, IN_MEMORY, REPLACED, RENAMED, LINKED, LINKED_FAR, MAPPED, FILES };
static const char *const names[FILES] = {
    "a deleted file", "a deleted file to append to", "a large deleted file", "a sparse deleted file", "a file that never had a name",
    "a deleted file in memory", "a file whose name is another's", "a renamed file", "a deleted file with a second name",
    "a deleted file with a second name elsewhere", "a deleted file that is mapped",
};
static int files[FILES], second, base = -1, folder;
static uint8_t *mapped, base_bytes[4096];
static ssize_t base_size;
static char memory[64];

static int create(const char *name, int which, size_t size, int flags)
{
    static uint8_t bytes[LARGE];
    int fd = must(open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0640));
    fill_bytes(bytes, size, (uint64_t)which);
    must(write(fd, bytes, size));
    if (lseek(fd, PLACE, SEEK_SET) != PLACE)
        give_up("lseek", __LINE__);
    return fd;
}

static void make(void)
{
    for (int i = 0; i < FILES; i++) {
        static const size_t large = LARGE;
        char name[32];
        snprintf(name, sizeof name, "file-%d", i);
        if (i == IN_MEMORY)
            snprintf(memory, sizeof memory, "/dev/shm/deleted-%llx", (unsigned long long)nonce);
        if (i == NAMELESS) {
            files[i] = must(open(".", O_TMPFILE | O_RDWR, 0640));
            uint8_t bytes[SIZE];
            fill_bytes(bytes, SIZE, NAMELESS);
            must(write(files[i], bytes, SIZE));
            must(lseek(files[i], PLACE, SEEK_SET));
        } else {
            files[i] = create(i == IN_MEMORY ? memory : name, i, i == LARGE_ONE ? large : SIZE, i == APPENDED ? O_APPEND : 0);
        }
    }
    must(ftruncate(files[SPARSE_ONE], SPARSE));
    must(pwrite(files[SPARSE_ONE], "end", 3, SPARSE - 3));
    second = must(open("file-0", O_RDONLY));
    mapped = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, files[MAPPED], 0));
    must(mkdir("elsewhere", 0755));
    must(link("file-8", "second"));
    must(link("file-9", "elsewhere/second"));
    static const int gone[] = {PLAIN, APPENDED, LARGE_ONE, SPARSE_ONE, LINKED, LINKED_FAR, MAPPED};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char name[32];
        snprintf(name, sizeof name, "file-%d", gone[i]);
        must(unlink(name));
    }
    must(unlink(memory));
    must(close(create("new", 99, 100, 0)));
    must(rename("new", "file-6"));
    must(rename("file-7", "elsewhere/renamed"));
    must(mkdir("folder", 0755));
    folder = must(open("folder", O_RDONLY | O_DIRECTORY));
    must(rmdir("folder"));

    // Only a pod's base has this one, and only once.
    base = moved ? open("/usr/bin/kinds.deleted", O_RDONLY) : -1;
    if (base >= 0) {
        base_size = must(read(base, base_bytes, sizeof base_bytes));
        must(lseek(base, PLACE, SEEK_SET));
        must(unlink("/usr/bin/kinds.deleted"));
    }
}

static bool has_contents(int which, size_t size)
{
    static uint8_t bytes[LARGE];
    return pread(files[which], bytes, size, 0) == (ssize_t)size && same_bytes(bytes, size, (uint64_t)which);
}

static bool name_has_contents(const char *name, int which)
{
    uint8_t bytes[SIZE];
    int fd = open(name, O_RDONLY);
    bool has = fd >= 0 && read(fd, bytes, SIZE) == SIZE && same_bytes(bytes, SIZE, (uint64_t)which);
    close(fd);
    return has;
}

static void check(void)
{
    struct stat status, other;
    for (int i = 0; i < FILES; i++) {
        const char *name = names[i];
        expect(has_contents(i, i == LARGE_ONE ? LARGE : SIZE), "%s's contents", name);
        expect(lseek(files[i], 0, SEEK_CUR) == PLACE, "the place in %s", name);
        expect(fstat(files[i], &status) == 0 && (status.st_mode & 0777) == 0640 && status.st_uid == getuid(), "%s's mode and owner",
               name);
        // One that has a second name comes back as a file of its own: overlayfs parts the names of a layer's file when one
        // is written through.
        if (i != LINKED && i != LINKED_FAR)
            expect((i == RENAMED) == (int)status.st_nlink, "%s's number of names (%d)", name, (int)status.st_nlink);
    }
    char byte;
    expect(fstat(files[SPARSE_ONE], &status) == 0 && status.st_size == SPARSE && status.st_blocks < 10000 &&
               pread(files[SPARSE_ONE], &byte, 1, SPARSE - 1) == 1 && byte == 'd',
           "the size of %s", names[SPARSE_ONE]);
    expect(fcntl(files[APPENDED], F_GETFL) & O_APPEND, "flags");
    expect(pwrite(files[PLAIN], "Y", 1, 9) == 1 && pread(second, &byte, 1, 9) == 1 && byte == 'Y', "a second file of a deleted one");
    uint8_t original[16];
    fill_bytes(original, sizeof original, PLAIN);
    must(pwrite(files[PLAIN], original + 9, 1, 9));
    expect(access("file-0", F_OK) < 0 && errno == ENOENT && access(memory, F_OK) < 0, "names that are gone");
    expect(stat("file-6", &other) == 0 && other.st_size == 100, "the file that has the name now");
    expect(stat("elsewhere/renamed", &other) == 0 && fstat(files[RENAMED], &status) == 0 && other.st_ino == status.st_ino,
           "a new name");
    expect(name_has_contents("second", LINKED), "a second name");
    expect(name_has_contents("elsewhere/second", LINKED_FAR), "a second name elsewhere");
    expect(same_bytes(mapped, SIZE, MAPPED), "a mapping of a deleted file");
    mapped[3] ^= 1;
    expect(pread(files[MAPPED], &byte, 1, 3) == 1 && (uint8_t)byte == mapped[3], "a mapping is the file");
    mapped[3] ^= 1;
    expect(fstat(folder, &status) == 0 && S_ISDIR(status.st_mode) && openat(folder, "x", O_CREAT | O_RDWR, 0600) < 0,
           "a deleted folder");
    if (base >= 0) {
        uint8_t found[4096];
        expect(lseek(base, 0, SEEK_CUR) == PLACE && pread(base, found, sizeof found, 0) == base_size &&
                   memcmp(found, base_bytes, (size_t)base_size) == 0,
               "a deleted file of the base");
        expect(access("/usr/bin/kinds.deleted", F_OK) < 0, "which has no name");
    }
    int names_left = 0;
    DIR *here = opendir(".");
    for (struct dirent *entry; here && (entry = readdir(here));)
        names_left++;
    closedir(here);
    // ".", "..", "elsewhere", "second", "file-6"
    expect(names_left == 5, "no names that were not there before (%d)", names_left);
}

static void lose_contents(void) { must(pwrite(files[PLAIN], "\0\0\0", 3, 0)); }
static void lose_place(void) { must(lseek(files[LINKED], 0, SEEK_SET)); }
static void lose_second(void) { must(dup2(files[SPARSE_ONE], second)); }
static void lose_link(void)
{
    must(unlink("second"));
    must(close(create("second", PLAIN, SIZE, 0)));
}
static void lose_deletion(void) { must(close(create("file-0", PLAIN, SIZE, 0))); }
static void lose_mapping(void) { must(mmap(mapped, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS, -1, 0)); }

const struct kind kind = {
    "deleted", make, NULL, check,
    (const struct loss[]){
        {"contents", lose_contents}, {"a place", lose_place}, {"that files are the same", lose_second},
        {"the file of a second name", lose_link}, {"that a file was deleted", lose_deletion}, {"a mapping", lose_mapping}, {0}},
};
