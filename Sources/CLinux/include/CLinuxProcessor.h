// What Swift cannot ask the CPU.
#ifndef CLINUX_PROCESSOR_H
#define CLINUX_PROCESSOR_H

#include <stdint.h>

/// The register sets that this CPU has and its kernel keeps for each thread, as bits of XCR0 (Intel SDM volume 1, 13.1);
/// 0 where it does not say.
uint64_t csys_register_sets(void);

#endif
