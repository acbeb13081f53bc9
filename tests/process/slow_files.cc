// Preloaded into a daemon: calls on files below WEIR_SLOW_DIRECTORY take WEIR_SLOW_MS milliseconds as long as the file
// WEIR_SLOW_SWITCH exists, as on a network file system whose server is overloaded.
#undef _FILE_OFFSET_BITS  // both forms of each call are defined here,
#undef _FORTIFY_SOURCE    // and none of them is inlined
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

const char* directory() {
  static const char* known = std::getenv("WEIR_SLOW_DIRECTORY");
  return known;
}

int is_on() {
  const char* file = getenv("WEIR_SLOW_SWITCH");
  return file != nullptr && syscall(SYS_faccessat, AT_FDCWD, file, F_OK) == 0;
}

void slow_path(const char* path) {
  const int before = errno;
  const char* slow = directory();
  if (slow != nullptr && path != nullptr && strncmp(path, slow, strlen(slow)) == 0 && is_on()) {
    const char* text = getenv("WEIR_SLOW_MS");
    const long ms = text == nullptr ? 1000 : atol(text);
    timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
  }
  errno = before;
}

void slow_file(int file) {
  char link[64];
  char path[4096];
  const int before = errno;
  if (directory() == nullptr) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const auto size = ::syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = before;
  if (size <= 0) return;
  path[size] = 0;
  slow_path(path);
}

int open_slowly(int where, const char* path, int flags, va_list rest) {
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  slow_path(path);
  return static_cast<int>(::syscall(SYS_openat, where, path, flags, mode));
}

}  // namespace

extern "C" {

#define OPEN(name)                                             \
  int name(const char* path, int flags, ...) {                 \
    va_list rest;                                              \
    va_start(rest, flags);                                     \
    const int file = open_slowly(AT_FDCWD, path, flags, rest); \
    va_end(rest);                                              \
    return file;                                               \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                        \
  int name(int where, const char* path, int flags, ...) {   \
    va_list rest;                                           \
    va_start(rest, flags);                                  \
    const int file = open_slowly(where, path, flags, rest); \
    va_end(rest);                                           \
    return file;                                            \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int file, void* bytes, size_t count) {
  slow_file(file);
  return syscall(SYS_read, file, bytes, count);
}
ssize_t write(int file, const void* bytes, size_t count) {
  slow_file(file);
  return syscall(SYS_write, file, bytes, count);
}
#define PREAD(name)                                                 \
  ssize_t name(int file, void* bytes, size_t count, off_t offset) { \
    slow_file(file);                                                \
    return syscall(SYS_pread64, file, bytes, count, offset);        \
  }
PREAD(pread)
PREAD(pread64)
#define PWRITE(name)                                                      \
  ssize_t name(int file, const void* bytes, size_t count, off_t offset) { \
    slow_file(file);                                                      \
    return syscall(SYS_pwrite64, file, bytes, count, offset);             \
  }
PWRITE(pwrite)
PWRITE(pwrite64)
int fsync(int file) {
  slow_file(file);
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int rename(const char* from, const char* to) noexcept {
  slow_path(to);
  return static_cast<int>(::syscall(SYS_rename, from, to));
}
int unlink(const char* path) noexcept {
  slow_path(path);
  return static_cast<int>(::syscall(SYS_unlink, path));
}
int mkdir(const char* path, mode_t mode) noexcept {
  slow_path(path);
  return static_cast<int>(::syscall(SYS_mkdir, path, mode));
}
int stat(const char* __restrict path, struct stat* __restrict status) noexcept {
  slow_path(path);
  return static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, status, 0));
}

DIR* opendir(const char* path) {
  const auto next = reinterpret_cast<DIR* (*)(const char*)>(::dlsym(RTLD_NEXT, "opendir"));
  slow_path(path);
  return next(path);
}
int remove(const char* path) noexcept {
  const auto next = reinterpret_cast<int (*)(const char*)>(::dlsym(RTLD_NEXT, "remove"));
  slow_path(path);
  return next(path);
}
int fflush(FILE* file) {
  const auto next = reinterpret_cast<int (*)(FILE*)>(::dlsym(RTLD_NEXT, "fflush"));
  if (file != nullptr) slow_file(fileno(file));
  return next(file);
}

}  // extern "C"
