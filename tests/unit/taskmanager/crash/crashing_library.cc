// What user code can do wrong, one function each.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace weir_test {

volatile int sink;

__attribute__((noinline, visibility("hidden"))) void write_to(int* target) { *target = 7; }  // line of the fault: 12

__attribute__((noinline)) int descend(int depth) {
  volatile char room[512];
  std::memset(const_cast<char*>(room), depth, sizeof(room));
  return descend(depth + 1) + room[depth % 512];
}

struct Order {
  int quantity;
  __attribute__((noinline)) int price() const {
    if (quantity < 0) throw std::out_of_range("quantity -1");  // line of the throw: 23
    return quantity;
  }
};

}  // namespace weir_test

extern "C" {
void bad_pointer() { weir_test::write_to(nullptr); }
void bad_call() {
  void (*volatile nowhere)() = nullptr;
  nowhere();
}
void endless_recursion() { weir_test::sink = weir_test::descend(0); }
void heap_corruption() {
  void* volatile twice = std::malloc(100);
  std::free(twice);
  std::free(twice);
}
void destroyed_stack() {
  asm volatile(
      "movq $0x10, %rbp\n"
      "movq $0x10, %rsp\n"
      "movq $0, 0\n");
}
void divide_by_zero() {
  volatile int zero = 0;
  weir_test::sink = 7 / zero;
}
void throw_order() { weir_test::sink = weir_test::Order{-1}.price(); }
void throw_from_library() { weir_test::sink = std::string("abc").at(17); }
}
