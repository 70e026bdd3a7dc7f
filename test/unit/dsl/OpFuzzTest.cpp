// Mutated ops: elaboration neither crashes nor hangs, and what it accepts is a valid graph.
#include "OpHarness.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

using namespace gnc;
using namespace gnc::test;

namespace {
struct Seed {
  std::string op, call;
};

const Seed seeds[] = {
    {"op f ( x : [ C , H , W ] , w : [ K , D , R , S ] ; stride : size = 2 , pad : size = 1 ) -> y "
     ": [ K , "
     "( H + 2 * pad . h - R ) // stride . h + 1 , ( W + 2 * pad . w - S ) // stride . w + 1 ] { m "
     "= K / ( C / D ) \n "
     "y [ k , i , j ] = sum [ c , r , s ] w [ k , c , r , s ] * ( x [ k // m * D + c , i * stride "
     ". h + r - pad . h , "
     "j * stride . w + s - pad . w ] ?? 0 ) \n }",
     "f(x, w)"},
    {"op f ( x : [ C , H , W ] , w : [ D , K , R , S ] ) -> y : [ K , 2 * H , 2 * W ] { y [ k , i "
     ", j ] = "
     "max [ c < 2 , r < 3 ] w [ c , k , r , 0 ] * ( x [ c , ( i - r ) / 2 , clamp ( j // 2 - 1 ) ] "
     "?? - inf ) \n }",
     "f(x, w)"},
    {"op f ( x : [ N ; C , S .. ] , w : [ A , B , R , R ] ; eps = 0.1 ) -> ( mu : [ C ] , y : [ N "
     "; C , S .. ] ) { "
     "mu [ c ] = mean [ n , i .. ] x [ n ; c , i .. ] \n v [ c ] = mean [ n , i .. ] ( x [ n ; c , "
     "i .. ] - mu [ c ] ) ^ 2 \n "
     "y [ n ; c , i .. ] = ( x [ n ; c , i .. ] - mu [ c ] ) / sqrt ( v [ c ] + eps ) * ( count [ "
     "m , j .. ] x [ m ; 0 , j .. ] ) \n }",
     "f(x, w)"},
    {"op f ( x : [ C , S .. ] , w : [ A , B , R , R ] ) -> y : [ ] { b [ i .. ] = argmax [ c ] x [ "
     "c , i .. ] \n "
     "p [ c , i .. ] = exp ( x [ c , i .. ] - x [ b [ i .. ] , i .. ] ) \n "
     "y = log ( sum [ c , i .. ] p [ c , i .. ] ) + ( if any [ c ] ( w [ c , 0 , 0 , 0 ] > 0 ) "
     "then 1 else prod [ c < 2 ] w [ c , 0 , 1 , 1 ] ) \n }",
     "f(x, w)"},
    {"op g ( x ; a = 0.5 ) = if x > 0 and not x == 1 then x else a * expm1 ( x ) \n grad "
     "@surrogate { d . x = d . y * ( if x > 0 then 1 else a ) \n } \n "
     "op f ( x : [ C , H , W ] , w : [ A , B , R , R ] ) -> y : [ C ] { y [ c ] = mean [ i , j ] g "
     "( x [ c , i , j ] , a = 2 ) * max ( i , 1 ) \n }",
     "f(x, w)"},
    {"op f ( x , w ; a = [ 1 , 2 ] ) = max ( x , a [ 0 ] ) * sigmoid ( w ) - 2 ^ x % 3", "f(x, x)"},
};

const char *const words[] = {"(",
                             ")",
                             "[",
                             "]",
                             ",",
                             ";",
                             "..",
                             "0",
                             "1",
                             "2",
                             "-",
                             "/",
                             "//",
                             "%",
                             "^",
                             "<",
                             "i",
                             "c",
                             "n",
                             "x",
                             "w",
                             "C",
                             "H",
                             "y",
                             "d",
                             ".",
                             "1000000007",
                             "1/3",
                             "sum [ c ]",
                             "mean [ i , j ]",
                             "count [ c ]",
                             "argmax [ i ]",
                             "index ( x , 3 )",
                             "wrap ( i )",
                             "stop",
                             "inf",
                             "true",
                             "stride",
                             "99999999999999999999",
                             "if x then",
                             "else",
                             "?? 1",
                             "i ..",
                             "3x3",
                             "d . y"};

/// Another token of the same kind, so that most mutants are programs at least.
std::string alike(const std::string &token, std::mt19937 &random) {
  static const std::vector<std::vector<std::string>> kinds = {
      {"0", "1", "2", "3", "4", "0.5", "1000000007", "stride", "eps"},
      {"i", "j", "k", "c", "r", "s", "n", "x", "w", "y", "mu", "m", "C", "H", "K", "p", "b"},
      {"+", "-", "*", "/", "//", "%", "^"},
      {"sum", "mean", "max", "min", "prod", "any", "all", "argmax", "count"},
      {"clamp", "wrap", "sqrt", "exp", "g", "index", "mirror", "stop"},
      {"[ C ]", "[ ]", "[ N ; C ]", "[ S .. ]", "index(4) [ C ]"}};
  for (const auto &kind : kinds)
    if (std::find(kind.begin(), kind.end(), token) != kind.end())
      return kind[random() % kind.size()];
  return token;
}

std::string mutate(const std::string &text, std::mt19937 &random) {
  std::vector<std::string> tokens;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(' ', begin), text.size());
    tokens.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
    size_t at = random() % tokens.size();
    switch (random() % 16) {
    default: tokens[at] = alike(tokens[at], random); break;
    case 0: tokens[at].clear(); break;
    case 1: tokens[at] = words[random() % std::size(words)]; break;
    case 2: std::swap(tokens[at], tokens[random() % tokens.size()]); break;
    case 3: tokens[at] += std::string(" ") + words[random() % std::size(words)]; break;
    }
  }
  std::string mutant;
  for (const std::string &token : tokens)
    mutant += token + " ";
  return mutant;
}
} // namespace

TEST(OpFuzz, MutantsAreRefusedOrValid) {
  const char *given = std::getenv("GNC_TEST_SEED"), *scale = std::getenv("GNC_TEST_SCALE");
  std::mt19937 random(given ? std::strtoul(given, nullptr, 10) : 1);
  int rounds = scale && std::string(scale) == "full" ? 40000 : 3000;
  Operand x = samples("x", 2, {2, 4, 3}), w = numbers("w", {2, 2, 3, 3});
  // Most tokens are punctuation, whose mutants are refused by the parser.
  int accepted = 0;
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    const Seed &seed = seeds[round % std::size(seeds)];
    std::string mutant = round < int(std::size(seeds)) ? seed.op : mutate(seed.op, random);
    SCOPED_TRACE(mutant);
    Program program(mutant, seed.call, {x, w},
                    round % 2 ? dsl::ast::Mode::Infer : dsl::ast::Mode::Train);
    accepted += program.good();
    if (round < int(std::size(seeds)))
      EXPECT_TRUE(program.good()) << program.messages();
  }
  EXPECT_GT(accepted, rounds / 10);
}
