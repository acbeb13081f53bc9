// The upper halves of the vector registers: who leaves them in use makes other code slow.
#pragma once

namespace weir {

/// Clears the upper halves of the vector registers (everything above the lower 128 bits of registers 0 to 15).
/// This tree is built for x86-64-v2, so its vector code is SSE. On Intel processors an SSE instruction waits for a
/// merge while an upper half is in use. A library function that used AVX and did not clean up behind itself costs such
/// code a factor of five, and a new thread inherits the registers of its parent. Costs a few cycles. Does nothing on
/// processors without AVX. Lives on: any thread; concerns only the calling one. Source: Intel 64 and IA-32
/// Architectures Optimization Reference Manual, "Mixing AVX Code with SSE Code".
void clear_upper_halves() noexcept;

}  // namespace weir
