#include "runtime/File.h"
#include "TestFiles.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
Status write(const std::string &path, const std::string &text) {
  std::span<const uint8_t> piece(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  return replaceFile(path, std::span(&piece, 1));
}
} // namespace

TEST(File, ReplacesAndReads) {
  TemporaryFolder folder;
  ASSERT_TRUE(write(folder / "a", "old").ok());
  ASSERT_TRUE(write(folder / "a", "new and longer").ok());
  Result<Bytes> bytes = readFile(folder / "a");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->size(), 14u);
  EXPECT_FALSE(fileExists(folder / "a.tmp"));
}

TEST(File, LeftOverTemporariesDoNotMatter) {
  TemporaryFolder folder;
  writeText(folder / "a.tmp", "half of somethi");
  writeText(folder / "victim", "precious");
  ASSERT_TRUE(write(folder / "a", "good").ok());
  EXPECT_EQ(readText(folder / "a"), "good");
  EXPECT_FALSE(fileExists(folder / "a.tmp"));
  std::filesystem::create_symlink(folder / "victim", folder / "b.tmp");
  ASSERT_TRUE(write(folder / "b", "good").ok());
  EXPECT_EQ(readText(folder / "victim"), "precious");
}

TEST(File, PiecesThatEndInAnErrorKeepTheOldFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(write(folder / "a", "old").ok());
  std::string piece = "new";
  int asked = 0;
  Status status = replaceFile(folder / "a", [&]() -> Result<std::span<const uint8_t>> {
    if (++asked == 3)
      return internalError("no third piece");
    return std::span(reinterpret_cast<const uint8_t *>(piece.data()), piece.size());
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "no third piece");
  EXPECT_EQ(readText(folder / "a"), "old");
  EXPECT_FALSE(fileExists(folder / "a.tmp"));
}

TEST(File, AnEmptyPieceAmongOthersIsNotTheEnd) {
  TemporaryFolder folder;
  std::string text = "ab";
  std::span<const uint8_t> all(reinterpret_cast<const uint8_t *>(text.data()), 2);
  std::array pieces{all.first(0), all.first(1), all.first(0), all.last(1)};
  ASSERT_TRUE(replaceFile(folder / "a", pieces).ok());
  EXPECT_EQ(readText(folder / "a"), "ab");
}

TEST(File, AFailedWriteKeepsTheOldFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(write(folder / "a", "old").ok());
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = write(folder / "a", std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().slug, "cannot-write");
  EXPECT_EQ(status.error().code, ErrorCode::Environment);
  EXPECT_EQ(readText(folder / "a"), "old");
  EXPECT_FALSE(fileExists(folder / "a.tmp"));
}

TEST(File, FailuresNameTheFile) {
  TemporaryFolder folder;
  for (std::string path :
       {folder / "no/such/folder/a", std::string("/dev/full/a"), std::string("/proc/a")}) {
    Status status = write(path, "x");
    ASSERT_FALSE(status.ok()) << path;
    EXPECT_NE(status.error().message.find(path), std::string::npos);
  }
  std::filesystem::create_directory(folder / "taken");
  EXPECT_FALSE(write(folder / "taken", "x").ok());
  EXPECT_FALSE(fileExists(folder / "taken.tmp"));
}

TEST(File, ReadingRefusesWhatIsNoFile) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (std::string path :
       {folder.path, folder / "absent", folder / "pipe", std::string("/dev/zero")}) {
    Result<Bytes> bytes = readFile(path);
    ASSERT_FALSE(bytes.ok()) << path;
    EXPECT_EQ(bytes.error().slug, "unreadable-file");
  }
}

TEST(File, FoldersAreCreatedOrExplained) {
  TemporaryFolder folder;
  EXPECT_TRUE(createFolder(folder / "a/b/c").ok());
  EXPECT_TRUE(createFolder(folder / "a/b/c").ok());
  writeText(folder / "file", "");
  EXPECT_EQ(createFolder(folder / "file").error().slug, "cannot-write");
  EXPECT_EQ(createFolder(folder / "file/sub").error().slug, "cannot-write");
  EXPECT_EQ(createFolder("").error().slug, "cannot-write");
}

// Whenever the process dies, the file is the old one or the new one.
TEST(File, AKillNeverLeavesHalfAFile) {
  TemporaryFolder folder;
  std::string a(300000, 'a'), b(300000, 'b');
  ASSERT_TRUE(write(folder / "f", a).ok());
  for (int round = 0; round < 20; ++round) {
    pid_t child = fork();
    if (child == 0) {
      for (;;) {
        (void)write(folder / "f", b).ok();
        (void)write(folder / "f", a).ok();
      }
    }
    usleep(useconds_t(500 + 700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    std::string now = readText(folder / "f");
    ASSERT_TRUE(now == a || now == b) << round;
  }
  EXPECT_TRUE(write(folder / "f", b).ok());
}

TEST(File, PipesAndDevicesAreWrittenToNotReplaced) {
  TemporaryFolder folder;
  std::string path = folder / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(write(path, "through").ok());
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  char text[16] = {};
  EXPECT_EQ(read(reader, text, sizeof text), 7);
  EXPECT_STREQ(text, "through");
  close(reader);
}
