#include "api/loader/job_notes.h"

#include <elf.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "weir/version.h"

namespace weir {
namespace {

constexpr std::uint64_t kSectionsMax = 65535;
constexpr std::uint64_t kNoteSectionBytesMax = 1 << 20;
constexpr std::size_t kJobsMax = 1000;
constexpr std::string_view kSectionName = ".note.weir";
constexpr std::size_t kOwnerBytes = 8;
constexpr std::size_t kContentBytes = 128;

/// The bytes [offset, offset + count) of a file; false when they are not there.
struct Bytes {
  std::uint64_t size = 0;
  std::function<bool(std::uint64_t offset, std::uint64_t count, char* to)> read;

  template <class T>
  bool get(std::uint64_t offset, T& value) const {
    return has(offset, sizeof value) && read(offset, sizeof value, reinterpret_cast<char*>(&value));
  }
  bool has(std::uint64_t offset, std::uint64_t count) const { return offset <= size && count <= size - offset; }
};

Error refuse(const std::string& name, const std::string& why) {
  return Error::user(ErrorCode::invalid_argument, name + " " + why);
}

std::string text_of(const char* bytes, std::size_t size) {
  const auto* end = static_cast<const char*>(std::memchr(bytes, 0, size));
  std::string text(bytes, end == nullptr ? size : static_cast<std::size_t>(end - bytes));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

Result<Elf64_Ehdr> check_header(const Bytes& file, const std::string& name) {
  if (file.size == 0) return refuse(name, "is empty (0 bytes): upload the job library that your build made");
  char magic[SELFMAG] = {};
  if (!file.get(0, magic) || std::memcmp(magic, ELFMAG, SELFMAG) != 0) {
    return refuse(name, "is not an ELF shared object: upload the job library (.so) that your build made");
  }
  Elf64_Ehdr header{};
  if (!file.get(0, header)) return refuse(name, "is truncated: it ends within its ELF header");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return refuse(name, "is built for another machine (ELF machine " + std::to_string(header.e_machine) +
                            "): this cluster runs 64-bit x86-64 libraries");
  }
  if (header.e_type != ET_DYN) return refuse(name, "is an ELF file but no shared object: link it with -shared");
  return header;
}

/// Content of the section .note.weir; empty when there is none.
Result<std::string> note_section(const Bytes& file, const Elf64_Ehdr& header, const std::string& name) {
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum > kSectionsMax) {
    return refuse(name, "has no section table: build it without stripping sections");
  }
  if (!file.has(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr)) ||
      header.e_shstrndx >= header.e_shnum) {
    return refuse(name,
                  "is truncated: its section table lies beyond its end (" + std::to_string(file.size) + " bytes)");
  }
  const auto section = [&](std::uint64_t index, Elf64_Shdr& out) {
    return file.get(header.e_shoff + index * sizeof(Elf64_Shdr), out);
  };
  Elf64_Shdr names{};
  if (!section(header.e_shstrndx, names)) return refuse(name, "is truncated");
  for (std::uint64_t index = 0; index < header.e_shnum; ++index) {
    Elf64_Shdr entry{};
    if (!section(index, entry)) return refuse(name, "is truncated");
    if (entry.sh_type != SHT_NOTE) continue;
    char found[kSectionName.size() + 1] = {};
    if (entry.sh_name > names.sh_size || !file.get(names.sh_offset + entry.sh_name, found)) continue;
    if (std::string_view(found, sizeof found) != std::string_view(".note.weir", sizeof found)) continue;
    if (entry.sh_size > kNoteSectionBytesMax || !file.has(entry.sh_offset, entry.sh_size)) {
      return refuse(name, "is truncated: its Weir note lies beyond its end");
    }
    std::string content(entry.sh_size, '\0');
    if (!content.empty() && !file.read(entry.sh_offset, content.size(), content.data()))
      return refuse(name, "is truncated");
    return content;
  }
  return std::string();
}

Result<std::vector<JobNoteEntry>> parse_notes(const std::string& section, const std::string& name) {
  std::vector<JobNoteEntry> jobs;
  std::size_t at = 0;
  while (section.size() - at >= 12) {
    std::uint32_t sizes[3];
    std::memcpy(sizes, section.data() + at, sizeof sizes);
    const std::size_t left = section.size() - at - sizeof sizes;
    const std::uint64_t owner = (std::uint64_t{sizes[0]} + 3) & ~std::uint64_t{3};
    const std::uint64_t content = (std::uint64_t{sizes[1]} + 3) & ~std::uint64_t{3};
    if (owner > left || content > left - owner || sizes[0] != kOwnerBytes || sizes[1] < 4) {
      return refuse(name, "has a damaged Weir note: build it again");
    }
    const char* body = section.data() + at + sizeof sizes + owner;
    JobNoteEntry entry;
    std::memcpy(&entry.abi, body, sizeof entry.abi);
    if (entry.abi != kAbi) {
      return refuse(name, "is built against Weir's ABI " + std::to_string(entry.abi) + ", this cluster has ABI " +
                              std::to_string(kAbi) + " (version " + std::string(kVersion) +
                              "): build it again with this version's headers");
    }
    if (sizes[1] != kContentBytes) return refuse(name, "has a damaged Weir note: build it again");
    entry.sdk_version = text_of(body + 4, 16);
    entry.compiler = text_of(body + 20, 44);
    entry.name = text_of(body + 64, 64);
    jobs.push_back(std::move(entry));
    if (jobs.size() > kJobsMax) return refuse(name, "has more than " + std::to_string(kJobsMax) + " jobs");
    at += sizeof sizes + owner + content;
  }
  std::sort(jobs.begin(), jobs.end(), [](const JobNoteEntry& a, const JobNoteEntry& b) { return a.name < b.name; });
  if (jobs.empty()) return refuse(name, "has no job in it: define one with WEIR_JOB(name) { ... }");
  return jobs;
}

Result<std::vector<JobNoteEntry>> read_notes(const Bytes& file, const std::string& name) {
  Result<Elf64_Ehdr> header = check_header(file, name);
  if (!header.ok()) return std::move(header).error();
  Result<std::string> section = note_section(file, *header, name);
  if (!section.ok()) return std::move(section).error();
  return parse_notes(*section, name);
}

}  // namespace

Result<std::vector<JobNoteEntry>> parse_job_notes(const std::string& bytes, const std::string& shown_name) {
  Bytes file;
  file.size = bytes.size();
  file.read = [&](std::uint64_t offset, std::uint64_t count, char* to) {
    std::memcpy(to, bytes.data() + offset, count);
    return true;
  };
  return read_notes(file, shown_name);
}

Result<std::vector<JobNoteEntry>> read_job_notes(const std::string& path, const std::string& shown_name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!opened) return Error::user(ErrorCode::io, shown_name + " cannot be opened: " + std::strerror(errno));
  if (std::fseek(opened.get(), 0, SEEK_END) != 0) return refuse(shown_name, "is no regular file");
  const long size = std::ftell(opened.get());
  if (size < 0) return refuse(shown_name, "is no regular file");
  Bytes file;
  file.size = static_cast<std::uint64_t>(size);
  file.read = [&](std::uint64_t offset, std::uint64_t count, char* to) {
    return std::fseek(opened.get(), static_cast<long>(offset), SEEK_SET) == 0 &&
           std::fread(to, 1, count, opened.get()) == count;
  };
  return read_notes(file, shown_name);
}

}  // namespace weir
