#include "taskmanager/crash/symboliser.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>

#include "common/base/text.h"
#include "taskmanager/crash/memory_maps.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kNameBytesMax = 512;  // a template's name can have kilobytes

// No debuginfod here: a crash report must not wait for a server.
int find_debug_information(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, const char* file,
                           const char* link, GElf_Word checksum, char** found) {
  (void)link;
  (void)checksum;
  return ::dwfl_build_id_find_debuginfo(module, user, name, base, file, nullptr, 0, found);
}

char debug_path_default[] = "/usr/lib/debug";  // NOLINT: libdw wants a mutable pointer
char* debug_path = debug_path_default;
const Dwfl_Callbacks kCallbacks{.find_elf = ::dwfl_linux_proc_find_elf,
                                .find_debuginfo = find_debug_information,
                                .section_address = nullptr,
                                .debuginfo_path = &debug_path};

struct EndDwfl {
  void operator()(Dwfl* dwfl) const { ::dwfl_end(dwfl); }
};
using DwflSession = std::unique_ptr<Dwfl, EndDwfl>;

DwflSession open_session(std::string_view maps) {
  DwflSession session(::dwfl_begin(&kCallbacks));
  if (!session || maps.empty()) return nullptr;
  std::FILE* file = ::fmemopen(const_cast<char*>(maps.data()), maps.size(), "r");
  if (file == nullptr) return nullptr;
  const int failed = ::dwfl_linux_proc_maps_report(session.get(), file);
  std::fclose(file);
  if (failed != 0 || ::dwfl_report_end(session.get(), nullptr, nullptr) != 0) return nullptr;
  return session;
}

std::string demangled(const char* name) {
  if (name == nullptr) return {};
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  std::string result = status == 0 && text ? text.get() : name;
  if (result.size() > kNameBytesMax) result = result.substr(0, kNameBytesMax) + "...";
  return result;
}

// The mangled name where there is one: it has the parameters, and says which namespace.
std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (::dwarf_attr_integrate(die, name, &attribute) == nullptr) continue;
    if (const char* text = ::dwarf_formstring(&attribute)) return demangled(text);
  }
  return demangled(::dwarf_diename(die));
}

// The source files of a unit; an inlined call names its file by index.
std::string call_file(Dwarf_Die* unit, Dwarf_Die* inlined) {
  Dwarf_Attribute attribute;
  Dwarf_Word index = 0;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &attribute), &index) != 0) return {};
  if (::dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count) return {};
  const char* name = ::dwarf_filesrc(files, index, nullptr, nullptr);
  return name == nullptr ? std::string() : std::string(name);
}

int call_line(Dwarf_Die* inlined) {
  Dwarf_Attribute attribute;
  Dwarf_Word line = 0;
  return ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) == 0 ? static_cast<int>(line) : 0;
}

// Appends one frame per function that is inlined at `address`, then the one that really is there.
void append_scopes(Dwfl_Module* module, Dwarf_Addr address, StackFrame frame, std::vector<StackFrame>& frames) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = ::dwfl_module_addrdie(module, address, &bias);
  Dwarf_Die* scopes = nullptr;
  const int count = unit == nullptr ? 0 : ::dwarf_getscopes(unit, address - bias, &scopes);
  const std::unique_ptr<Dwarf_Die, decltype(&std::free)> owner(scopes, &std::free);
  const std::string symbol = frame.function;
  for (int i = 0; i < count; ++i) {
    if (::dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
    frame.function = name_of(&scopes[i]);
    frames.push_back(frame);
    frame.file = call_file(unit, &scopes[i]);
    frame.line = call_line(&scopes[i]);
  }
  frame.function = symbol;
  if (symbol.empty()) {
    for (int i = 0; i < count && frame.function.empty(); ++i) {
      if (::dwarf_tag(&scopes[i]) == DW_TAG_subprogram) frame.function = name_of(&scopes[i]);
    }
  }
  frames.push_back(std::move(frame));
}

void append_symbolised(Dwfl* session, StackFrame frame, Dwarf_Addr address, std::vector<StackFrame>& frames) {
  Dwfl_Module* module = ::dwfl_addrmodule(session, address);
  if (module == nullptr) {
    frames.push_back(std::move(frame));
    return;
  }
  GElf_Off into = 0;
  GElf_Sym symbol;
  frame.function = demangled(::dwfl_module_addrinfo(module, address, &into, &symbol, nullptr, nullptr, nullptr));
  if (Dwfl_Line* line = ::dwfl_module_getsrc(module, address)) {
    if (const char* file = ::dwfl_lineinfo(line, nullptr, &frame.line, nullptr, nullptr, nullptr)) frame.file = file;
  }
  append_scopes(module, address, std::move(frame), frames);
}

// Below these frames stands only how the engine came to call: forty frames of templates that tell a user nothing.
bool is_our_dispatch(const StackFrame& frame) {
  return frame.function.starts_with("boost::asio::") || frame.function.starts_with("std::__n4861::coroutine_handle");
}

std::string shown_module(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::vector<StackFrame> locate(std::span<const std::uint64_t> addresses, std::string_view maps_text) {
  const auto maps = parse_maps(maps_text);
  std::vector<StackFrame> frames;
  for (const std::uint64_t address : addresses) {
    StackFrame frame{.address = address};
    if (const Mapping* mapping = find_mapping(maps, address)) {
      frame.module = mapping->path;
      frame.offset = address - load_address(maps, *mapping);
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<StackFrame> symbolise(std::span<const std::uint64_t> addresses, std::string_view maps,
                                  Innermost innermost) {
  auto located = locate(addresses, maps);
  const DwflSession session = open_session(maps);
  if (!session) return located;
  std::vector<StackFrame> frames;
  for (std::size_t i = 0; i < located.size(); ++i) {
    // The call is in front of its return address, possibly on another line or in another function.
    const bool exact = i == 0 && innermost == Innermost::instruction;
    const std::uint64_t address = located[i].address - (exact || located[i].address == 0 ? 0 : 1);
    append_symbolised(session.get(), std::move(located[i]), address, frames);
  }
  return frames;
}

std::vector<StackFrame> symbolise_own(std::span<const std::uint64_t> return_addresses) {
  std::ifstream file("/proc/self/maps");
  const std::string maps{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return symbolise(return_addresses, maps, Innermost::return_address);
}

std::string render_stack(const std::vector<StackFrame>& frames) {
  std::string text;
  std::string last;
  std::size_t repeated = 0;
  const auto close_run = [&] {
    if (repeated > 0) text += fmt::format("    (the same {} more time{})\n", repeated, repeated == 1 ? "" : "s");
    repeated = 0;
  };
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& frame = frames[i];
    if (is_our_dispatch(frame)) {
      close_run();
      return text + fmt::format("    ({} more frames of the engine's event loop)\n", frames.size() - i);
    }
    // Names come out of files and out of a broken process: they are made fit for a terminal.
    std::string line = "    at " + (frame.function.empty() ? fmt::format("0x{:x}", frame.address)
                                                           : printable(frame.function, kNameBytesMax + 3));
    if (!frame.file.empty()) line += fmt::format(" ({}:{})", printable(frame.file, kNameBytesMax), frame.line);
    if (!frame.module.empty())
      line += fmt::format(" [{}+0x{:x}]", printable(shown_module(frame.module), kNameBytesMax), frame.offset);
    line += '\n';
    if (line == last) {
      ++repeated;
      continue;
    }
    close_run();
    text += line;
    last = std::move(line);
  }
  close_run();
  return text;
}

}  // namespace weir::taskmanager
