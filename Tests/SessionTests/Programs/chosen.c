// Says what code the C library has chosen for memmove: "sse", "vex" (AVX) or "evex" (AVX-512), by the first load of a
// vector in it. (Intel SDM volume 2: 2.3.5 for VEX, 2.7.1 for EVEX.) Not static: what is asked is how the dynamic loader
// chose.

#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    const unsigned char *code = dlsym(RTLD_DEFAULT, "memmove");
    for (int i = 0; code && i < 256; i++) {
        const unsigned char *c = code + i;
        if (c[0] == 0x62 && (c[1] & 0x0f) == 0x01 && (c[4] == 0x6f || c[4] == 0x10))
            return puts("evex") < 0;
        if (c[0] == 0xc5 && (c[2] == 0x6f || c[2] == 0x10))
            return puts("vex") < 0;
        if (c[0] == 0x0f && c[1] == 0x10)
            return puts("sse") < 0;
    }
    return puts("unknown") < 0;
}
