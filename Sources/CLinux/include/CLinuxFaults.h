// Shared memory whose file its other owner may cut short. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_FAULTS_H
#define CLINUX_FAULTS_H

#include <stddef.h>

/// Mappings that can be guarded at a time.
#define CSYS_GUARDED_MAX 4

/// Maps `bytes` of the file, shared, to read and write, and into `*memory`; gives the mapping's number. An access beyond the
/// file's end, or to a page for which there is no room, does not end the process (SIGBUS): the whole mapping is replaced by
/// zeroes of our own.
int csys_map_guarded(int fd, size_t bytes, void **memory);
/// Whether the mapping had to be replaced: what is read there is no longer what others write.
int csys_guarded_was_cut(int number);
/// Nobody touches the memory any more.
void csys_unmap_guarded(int number);

#endif
