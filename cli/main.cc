#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "common/config/load.h"

int main(int argc, char** argv) {
  std::error_code error;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  weir::cli::Console console(stdout, stderr);
  return weir::cli::execute(program, std::vector<std::string>(argv + 1, argv + argc),
                            weir::config::process_environment(), console);
}
