#include "runtime/Text.h"
#include "runtime/Status.h"

#include <gtest/gtest.h>

using namespace gnc::runtime;

TEST(Text, Shapes) {
  EXPECT_EQ(shapeText(std::vector<int64_t>{}), "[]");
  EXPECT_EQ(shapeText(std::vector<int64_t>{1, 28, 28}), "[1, 28, 28]");
}

TEST(Text, Bytes) {
  EXPECT_EQ(bytesText(17), "17 bytes");
  EXPECT_EQ(bytesText(1536), "1.5 KiB (1536 bytes)");
  EXPECT_EQ(bytesText(uint64_t(3) << 30), "3.0 GiB (3221225472 bytes)");
}

TEST(Text, ListsNameTheRest) {
  std::vector<std::string> names{"a", "b", "c"};
  EXPECT_EQ(listText(names), "a, b, c");
  EXPECT_EQ(listText(names, 2), "a, b and 1 more");
}

TEST(Text, NearestIsCloseOrNothing) {
  std::vector<std::string> names{"LeNet.conv.w", "LeNet.conv.b", "Other.thing"};
  EXPECT_EQ(nearest("LeNet.cnv.w", names), "LeNet.conv.w");
  EXPECT_EQ(nearest("completely", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'x'), names), "");
}

TEST(Status, FormatHasLocationNotesAndHelp) {
  Error error =
      inputError("slug", "what is wrong").withNote("one").withNote("two").withHelp("do this");
  EXPECT_EQ(format(error), "error: what is wrong [slug]\nnote: one\nnote: two\nhelp: do this\n");
  Error located = std::move(error).at({"a.net", 3, 7}).at({"b.net", 1, 1});
  EXPECT_EQ(format(located).substr(0, 18), "a.net:3:7: error: ");
}

TEST(Status, ResultHoldsValueOrError) {
  Result<int> value = 3, failure = usageError("x", "y");
  EXPECT_TRUE(value.ok());
  EXPECT_EQ(*value, 3);
  EXPECT_FALSE(failure.ok());
  EXPECT_EQ(int(failure.error().code), 2);
  EXPECT_TRUE(Status().ok());
}
