// What clients ask for.

#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "PodInitABI.h"

union request {
    char bytes[POD_INIT_PACKET_MAX];
    struct PodInitHeader header;
    struct PodInitHello hello;
    struct PodInitExec exec;
    struct PodInitAttach attach;
    struct PodInitBytes input;
    struct PodInitSignal signal;
    struct PodInitWindowSize window_size;
    struct PodInitShutdown shutdown;
};

/// Checks one request and does what it says. `size` may exceed that of the union: the rest was cut off.
/// False: the connection is to be closed.
bool request_handle(int client, union request *request, size_t size);

#endif
