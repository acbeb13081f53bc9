// Code addresses to functions and source places, by libdw.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::taskmanager {

/// One line of a stack. An address where functions are inlined gives several, innermost first.
struct StackFrame {
  std::uint64_t address = 0;
  std::string module;        ///< path of the file; empty when the address lies in none
  std::uint64_t offset = 0;  ///< from where the module is loaded
  std::string function;      ///< demangled; empty when the module has no symbol there
  std::string file;          ///< as the compiler wrote it; empty without debug information
  int line = 0;
};

/// What frames[0] is: the others are return addresses, one behind the call that they stand for.
enum class Innermost { instruction, return_address };

/// Frames with module and offset only: needs no file, so it is safe with whatever a broken process wrote.
/// Lives on: any thread (pure).
std::vector<StackFrame> locate(std::span<const std::uint64_t> addresses, std::string_view maps);

/// Frames with all that the files named in `maps` tell. Reads ELF and DWARF of those files: untrusted files belong in a
/// process of their own. What is missing (stripped, deleted, no debug information) leaves fields empty; module and
/// offset remain. Lives on: any thread; blocks on files.
std::vector<StackFrame> symbolise(std::span<const std::uint64_t> addresses, std::string_view maps, Innermost innermost);

/// Return addresses of this process.
std::vector<StackFrame> symbolise_own(std::span<const std::uint64_t> return_addresses);

/// "    at function (file:line) [module+0xoffset]\n" per frame; a frame repeated by recursion is written once with its
/// count, and the event loop that everything was called from is only counted.
std::string render_stack(const std::vector<StackFrame>& frames);

}  // namespace weir::taskmanager
