// The header is the whole of it; compiling it here checks its assertions once.
#include "DisplayABI.h"
