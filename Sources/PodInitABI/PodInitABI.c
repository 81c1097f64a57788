#include "PodInitABI.h"
