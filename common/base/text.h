// Small things that error sentences need.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// Text from outside made fit for one line of a log or a terminal: control characters, quotes and bytes that are no
/// valid UTF-8 become \n, \", \x1b and the like; what exceeds `bytes_max` bytes of input is cut and marked with "...".
std::string printable(std::string_view text, std::size_t bytes_max);

/// Single-character edits (insert, delete, replace, swap of neighbours) that turn `from` into `to`. At most 255
/// characters of each are looked at.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate nearest to `text`, or an empty view when none is within a third of its length (at least 2 edits).
std::string_view nearest(std::string_view text, std::span<const std::string_view> candidates);

}  // namespace weir
