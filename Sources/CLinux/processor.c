#include "CLinuxProcessor.h"

#if defined(__x86_64__)
#include <cpuid.h>

uint64_t csys_register_sets(void) {
    unsigned int eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
    unsigned int low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#else
uint64_t csys_register_sets(void) {
    return 0;
}
#endif
