// The headers are the whole of it; compiling them here checks their assertions once.
#include "DisplayABI.h"
