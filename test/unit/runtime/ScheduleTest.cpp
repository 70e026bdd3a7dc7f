#include "runtime/Schedule.h"
#include "TestFiles.h"

#include <cmath>
#include <numbers>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
double value(const char *text, Schedule::Variables variables = {}) {
  Result<Schedule> schedule = Schedule::parse(text);
  EXPECT_TRUE(schedule.ok()) << text;
  return schedule.ok() ? schedule->evaluate(variables) : NAN;
}
std::string slug(std::string_view text) {
  Result<Schedule> schedule = Schedule::parse(text);
  return schedule.ok() ? "" : schedule.error().slug;
}
} // namespace

TEST(Schedule, EveryOperator) {
  struct Case {
    const char *text;
    double expected;
  } cases[] = {{"1.5", 1.5},   {"0x1.8p1", 3},   {"2 3 +", 5},     {"2 3 -", -1},
               {"2 3 *", 6},   {"3 2 /", 1.5},   {"2 10 ^", 1024}, {"-7 2 //", -4},
               {"-7 2 %", 1},  {"7 -2 %", -1},   {"3 neg", -3},    {"1 2 min", 1},
               {"1 2 max", 2}, {"2.5 floor", 2}, {"2.5 ceil", 3},  {"2.5 round", 3},
               {"-2 abs", 2},  {"9 sqrt", 3},    {"0 exp", 1},     {"1 log", 0},
               {"0 sin", 0},   {"0 cos", 1},     {"1 2 <", 1},     {"2 2 <=", 1},
               {"1 2 >", 0},   {"2 2 >=", 1},    {"1 1 ==", 1},    {"1 1 !=", 0},
               {"2 0 and", 0}, {"2 3 and", 1},   {"0 3 or", 1},    {"0 0 or", 0},
               {"0 not", 1},   {"5 not", 0},     {"1 2 3 if", 2},  {"0 2 3 if", 3}};
  for (const Case &c : cases)
    EXPECT_EQ(value(c.text), c.expected) << c.text;
  EXPECT_TRUE(std::isnan(value("-1 sqrt 1 max")));
  EXPECT_TRUE(std::isnan(value("1 -1 sqrt min")));
}

TEST(Schedule, VariablesAndOneRounding) {
  Schedule::Variables at{7, 2.5, 10};
  EXPECT_EQ(value("step", at), 7);
  EXPECT_EQ(value("epoch epochs /", at), 0.25);
  // cosine(0.1): 0.1 / 2 * (1 + cos(pi * epoch / epochs))
  Result<Schedule> cosine =
      Schedule::parse("0.1 2 / 1 0x1.921fb54442d18p+1 epoch * epochs / cos + *");
  ASSERT_TRUE(cosine.ok());
  EXPECT_EQ(cosine->at(at), float(0.05 * (1 + std::cos(std::numbers::pi * 2.5 / 10))));
}

TEST(Schedule, BadTextIsRefusedWithItsPlace) {
  for (const char *text : {"", " ", "1 ", " 1", "1  2 +", "+", "1 +", "1 2", "1 2 if", "1 foo",
                           "1e", "0x", "1 2 + +", "steps", "1\n"})
    EXPECT_EQ(slug(text), "bad-schedule") << "'" << text << "'";
  Result<Schedule> located = Schedule::parse("1 +", {"a.net", 4, 5});
  EXPECT_EQ(located.error().location->line, 4);
}

TEST(Schedule, DepthIsBounded) {
  std::string text = "1";
  for (int i = 1; i < 256; ++i)
    text += " 1";
  std::string plus = text;
  for (int i = 1; i < 256; ++i)
    plus += " +";
  EXPECT_EQ(value(plus.c_str()), 256);
  EXPECT_EQ(slug("1 " + plus + " +"), "bad-schedule");
}

TEST(Schedule, MutationsNeverCrash) {
  Dice dice(1);
  std::string good = "epoch 2 < 0.1 epoch * 2 / 0.1 2 / 1 3.14 epoch 2 - * epochs 2 - / cos + * if";
  for (int i = 0; i < 5000; ++i) {
    Result<Schedule> schedule = Schedule::parse(mutate(good, dice));
    if (schedule.ok())
      schedule->evaluate({});
    else
      EXPECT_EQ(schedule.error().slug, "bad-schedule");
  }
}
