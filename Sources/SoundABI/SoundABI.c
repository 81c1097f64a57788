#include "SoundABI.h"
