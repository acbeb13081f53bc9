// How far apart the machine's cores are at this moment.
#pragma once

namespace weir::bench {

/// Microseconds that pass while one thread writes 32 KiB and another, on another core, reads them: the hardware's part
/// of an exchange between slots. A virtual machine's cores wander over the host's: on one kind of host the figure is 5
/// us while they share a cache and 17 us while they do not.
double handover_us();

/// Above this many microseconds the cores are called far apart.
inline constexpr double kFarHandoverUs = 9;

}  // namespace weir::bench
