// xxHash with the widest vectors that the machine has, found at run time: three times as fast as what every x86-64
// machine can do.
#pragma once

#ifdef __x86_64__
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif
