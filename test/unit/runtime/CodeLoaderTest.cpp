//===- CodeLoaderTest.cpp - machine code into this process
//----------------------------------------===//
#include "runtime/CodeLoader.h"

#include "WholeNet.h"

#include <cstddef>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// "r-xp" of the mapping that an address is in.
std::string permissionsAt(const void *address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0, end = 0;
    char permissions[5] = {};
    sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions);
    if (begin <= uint64_t(address) && uint64_t(address) < end)
      return permissions;
  }
  return "";
}

Status loadChanged(const std::function<void(NativeCode &)> &change) {
  CompiledNet net = wholeNet();
  auto code = emptyCode(net, 2);
  change(*code);
  net.native = code;
  return loadCode(net);
}
} // namespace

TEST(CodeLoader, PagesAreNeverWritableAndExecutable) {
  CompiledNet net = wholeNet();
  net.native = emptyCode(net, 2);
  ASSERT_TRUE(loadCode(net).ok());
  const void *entry = reinterpret_cast<const void *>(net.train.kernels[0].entry);
  EXPECT_EQ(permissionsAt(entry), "r-xp");
  auto page = static_cast<const uint8_t *>(entry) + NativeCode::pageBytes;
  EXPECT_EQ(permissionsAt(page), "r--p");
  net = CompiledNet();
  EXPECT_NE(permissionsAt(entry), "r-xp"); // gone with its last program
}

// Every import is the function of that name.
TEST(CodeLoader, ImportsAreWhatTheirNamesSay) {
  CompiledNet net = wholeNet();
  auto code = emptyCode(net, 2);
  code->imports.assign(std::begin(nativeImports), std::end(nativeImports));
  net.native = code;
  ASSERT_TRUE(loadCode(net).ok());
  // The entries of the code are sorted as their keys are, the first one lies at 0.
  auto first =
      reinterpret_cast<const uint8_t *>(net.train.kernels[0].entry) - code->entries[0].offset;
  auto slots = reinterpret_cast<void *const *>(first + code->bytes.size()) - code->imports.size();
  for (size_t i = 0; i < code->imports.size(); ++i) {
    const std::string &name = code->imports[i];
    void *known = dlsym(RTLD_DEFAULT, name.c_str());
    if (name.starts_with("mem") || name == "sincosf" || !known)
      continue;                                      // of other types
    using Function = float (*)(float, float, float); // more arguments than most take
    float x = 0.75f, y = 0.5f, z = 0.125f;
    EXPECT_EQ(reinterpret_cast<Function>(slots[i])(x, y, z),
              reinterpret_cast<Function>(known)(x, y, z))
        << name;
  }
}

/// From now on, in this process, nothing becomes executable (seccomp filter mode): false if the
/// system refuses the filter.
static bool refuseExecutableMemory() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(CodeLoader, SaysThatTheSystemRefuses) {
  CompiledNet net = wholeNet();
  net.native = emptyCode(net, 2);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) { // for good: only in a process of its own
    if (!refuseExecutableMemory())
      _exit(2);
    Status status = loadCode(net);
    _exit(!status.ok() && status.error().slug == "cannot-load-code" &&
                  status.error().code == ErrorCode::Environment && !status.error().help.empty()
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "2: the system takes no filter; 1: another answer";
}

TEST(CodeLoader, RefusesCodeThatDoesNotFit) {
  auto expectDamage = [](const Status &status, const std::string &what) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, "the compiled program is damaged: " + what);
  };
  expectDamage(loadChanged([](NativeCode &code) { code.bytes.resize(100); }),
               "its machine code does not fill whole pages");
  expectDamage(loadChanged([](NativeCode &code) { code.textBytes = uint64_t(1) << 40; }),
               "its machine code does not fill whole pages");
  expectDamage(loadChanged([](NativeCode &code) { code.entries[1].offset = code.textBytes; }),
               "a kernel lies outside its machine code");
  expectDamage(loadChanged([](NativeCode &code) { std::swap(code.entries[0], code.entries[1]); }),
               "its kernels are not in their order");
  expectDamage(loadChanged([](NativeCode &code) { code.imports = {"system"}; }),
               "its machine code calls 'system', which this gnc does not have");
  expectDamage(loadChanged([](NativeCode &code) { code.imports.resize(4096); }),
               "its machine code has no room for what it calls");
  expectDamage(loadChanged([](NativeCode &code) { code.entries.erase(code.entries.begin()); }),
               "kernel kernel0 has no machine code");
  expectDamage(loadChanged([](NativeCode &code) { code.level = 7; }),
               "it is for the unknown processor x86-64-v7");
}
