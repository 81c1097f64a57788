// Exec: the one request with strings.

#ifndef EXEC_H
#define EXEC_H

#include "PodInitABI.h"

/// Starts what `message` and the strings up to `end` ask for; Started or why not follows later. Returns 0, or the
/// error of a malformed message.
int exec_request(int client, const struct PodInitExec *message, char *position, const char *end);

#endif
